/**
 * `tf.exp`, `tf.erf` and `tf.tanh` on our kernels, to the last digits.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { tf } from "../../../../models/backend/tf.ts";
import { assertLikeCpu, drawn, gradientsOf } from "./cpu_reference.ts";
import { numbers, STRICT, withKernels } from "./reference.ts";

/** The error function in double precision: its series, and its continued fraction where that is slow. */
function erf(x: number): number {
  const size = Math.abs(x);
  if (size < 3) {
    let [sum, term] = [x, x];
    for (let k = 1; k < 80; k++) {
      term *= -x * x / k;
      sum += term / (2 * k + 1);
    }
    return sum * 2 / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let k = 60; k > 0; k--) fraction = (k / 2) / (size + fraction);
  return Math.sign(x) * (1 - Math.exp(-x * x) / ((size + fraction) * Math.sqrt(Math.PI)));
}

/** Numbers of every size up to `limit`, both signs. */
function samples(limit: number): Float32Array {
  return Float32Array.from([
    ...numbers(20001, 1).map((x) => limit * x),
    ...numbers(10001, 2),
    ...numbers(1001, 3).map((x) => 1e-3 * x),
    ...[0, 0.95, -0.95, 0.65, -0.65, 4, -4, 1e-30, limit],
  ]);
}

Deno.test("erf and tanh are right to 1.2e-7", STRICT, async () => {
  await withKernels(() => {
    for (const [name, f] of Object.entries({ erf, tanh: Math.tanh })) {
      const x = samples(12);
      const y = tf.tidy(() => tf[name as "erf" | "tanh"](tf.tensor1d(x)).dataSync());
      x.forEach((each, i) => {
        const error = Math.abs(y[i] - f(each));
        assert(error <= 1.2e-7, `${name}(${each}) is ${y[i]}, off by ${error}`);
        // Small numbers keep their relative precision.
        assert(error <= 3e-7 * Math.abs(f(each)), `${name}(${each}) is ${y[i]}, off by ${error}`);
      });
    }
  });
});

Deno.test(
  "exp is right to two units in the last place, from the smallest subnormal to the largest number",
  STRICT,
  async () => {
    await withKernels(() => {
      const x = samples(104);
      const y = tf.tidy(() => tf.exp(tf.tensor1d(x)).dataSync());
      x.forEach((each, i) => {
        const expected = Math.fround(Math.exp(each));
        if (expected === Infinity) return assertEquals(y[i], Infinity, `exp(${each})`);
        const unit = Math.max(2 ** -149, expected * 2 ** -23);
        assert(Math.abs(y[i] - Math.exp(each)) <= 2 * unit, `exp(${each}) is ${y[i]}, expected ${expected}`);
      });
    });
  },
);

Deno.test("limits, NaN, every remainder of four, and nothing", STRICT, async () => {
  await withKernels(() =>
    tf.tidy(() => {
      const limits = [NaN, Infinity, -Infinity, 200, -200];
      const at = (f: "exp" | "erf" | "tanh", x: number[]) => [...tf[f](tf.tensor1d(x)).dataSync()];
      for (let count = 0; count <= 9; count++) {
        const pad = Array(count).fill(0);
        assertEquals(at("exp", [...pad, ...limits]).slice(count), [NaN, Infinity, 0, Infinity, 0]);
        assertEquals(at("erf", [...pad, ...limits]).slice(count), [NaN, 1, -1, 1, -1]);
        assertEquals(at("tanh", [...pad, ...limits]).slice(count), [NaN, 1, -1, 1, -1]);
        assertEquals(at("exp", pad), Array(count).fill(1));
      }
    })
  );
});

Deno.test("gradients, and integers, as on the cpu backend", STRICT, async () => {
  await assertLikeCpu(
    [
      ...(["exp", "erf", "tanh"] as const).map((f) => ({
        name: `${f} gradient`,
        compute: () => gradientsOf((x) => tf[f](x), [drawn([3, 5, 7], 1, 3)]),
      })),
      ...(["exp", "erf"] as const).map((f) => ({
        name: `${f} of integers`,
        compute: () => [tf[f](tf.tensor1d([0, 1, -2], "int32"))],
      })),
    ],
    // The error function of the cpu backend is an approximation.
    5e-6,
  );
});
