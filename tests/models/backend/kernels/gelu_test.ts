/**
 * The fused GELU and its gradient against double precision.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { type GeluApproximation, runFused } from "../../../../models/backend/ops/fused_kernels.ts";
import { gelu } from "../../../../models/backend/ops/gelu.ts";
import { assertNear } from "./cpu_reference.ts";
import { numbers, STRICT, withKernels } from "./reference.ts";

/** Steps of the integral of the normal density. */
const STEPS = 400;

/** `x Φ(x)`, with Φ by Simpson's rule, or the tanh approximation. */
function expected(x: number, approximate: GeluApproximation): number {
  if (approximate === "tanh") {
    return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
  }
  const density = (t: number) => Math.exp(-t * t / 2) / Math.sqrt(2 * Math.PI);
  const h = x / STEPS;
  let area = density(0) + density(x);
  for (let i = 1; i < STEPS; i++) area += (i % 2 === 1 ? 4 : 2) * density(i * h);
  return x * (0.5 + area * h / 3);
}

Deno.test("gelu and its gradient are right to 1e-6, for every remainder of four", STRICT, async () => {
  await withKernels(() => {
    for (const approximate of ["none", "tanh"] as const) {
      for (const count of [0, 1, 2, 3, 4, 5, 1001]) {
        const x = numbers(count, 5).map((each) => 6 * each);
        const dy = numbers(count, 6);
        const [y, dx] = tf.tidy(() => {
          const inputs = { x: tf.tensor1d(x), dy: tf.tensor1d(dy) };
          return [
            runFused("PolyphaseGelu", { x: inputs.x }, { approximate })[0].dataSync(),
            runFused("PolyphaseGeluGrad", inputs, { approximate })[0].dataSync(),
          ];
        });
        const f = (at: number) => expected(at, approximate);
        assertNear(y, Array.from(x, f), 1e-6, `${approximate} value`);
        const slopes = Array.from(x, (at, i) => dy[i] * (f(at + 1e-4) - f(at - 1e-4)) / 2e-4);
        assertNear(dx, slopes, 1e-6, `${approximate} gradient`);
      }
    }
  });
});

Deno.test(
  "the op runs the kernel; NaN stays where it is, large values have their limits",
  STRICT,
  async () => {
    await withKernels(() =>
      tf.tidy(() => {
        for (const approximate of ["none", "tanh"] as const) {
          const f = (x: Tensor) => gelu(x, { approximate });
          const x = tf.tensor2d([[NaN, 30, -30, 0, 1e3]]);
          assertEquals([...f(x).dataSync()].map((y) => y + 0), [NaN, 30, 0, 0, 1e3]);
          assertEquals([...tf.grad(f)(x).dataSync()].map((y) => y + 0), [NaN, 1, 0, 0.5, 1]);
          assertEquals([...f(tf.tensor1d([Infinity])).dataSync()], [Infinity]);
        }
      })
    );
  },
);
