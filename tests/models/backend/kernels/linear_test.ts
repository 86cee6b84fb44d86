/**
 * The fused kernels `PolyphaseLinear` and `PolyphaseLinearGrad` against loops in float64. The ops' own tests cover what
 * models ask of them; here is the rest of the contract.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type Activation, runFused } from "../../../../models/backend/ops/fused_kernels.ts";
import { selectBackend } from "../../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { keyOf, normal } from "../../../../pipeline/random.ts";
import { relativeError } from "../../../golden.ts";

/** The value of an activation, and its derivative. */
const ACTIVATIONS: Record<Activation, (z: number) => number> = {
  "none": (z) => z,
  "relu": (z) => Math.max(0, z),
  "gelu": (z) => z * (0.5 + 0.5 * erf(z / Math.SQRT2)),
  "gelu-tanh": (z) => 0.5 * z * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z ** 3))),
};

/** The error function by its series; beyond 4 it is 1 within 2e-8, and the series takes too long. */
function erf(x: number): number {
  if (Math.abs(x) > 4) return Math.sign(x);
  let sum = x;
  for (let n = 1, term = x; n < 60; n++) {
    term *= -x * x / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

function affine(x: Float32Array, weight: Float32Array, bias: Float32Array, [m, k, n]: number[]): number[] {
  return Array.from({ length: m * n }, (_, index) => {
    const [row, column] = [Math.floor(index / n), index % n];
    let sum = bias[column];
    for (let at = 0; at < k; at++) sum += x[row * k + at] * weight[at * n + column];
    return sum;
  });
}

const SIZES = [7, 5, 11];

for (const activation of Object.keys(ACTIVATIONS) as Activation[]) {
  for (const keepPreActivation of [false, true]) {
    Deno.test(`PolyphaseLinear: ${activation}, ${keepPreActivation ? "with" : "without"} what it is applied to`, async () => {
      await selectBackend("wasm");
      const before = tf.memory().numTensors;
      const [m, k, n] = SIZES;
      const [x, weight, bias] = [m * k, k * n, n].map((size, index) => normal(keyOf(index), size));
      const inputs = {
        x: tf.tensor2d(x, [m, k]),
        weight: tf.tensor2d(weight, [k, n]),
        bias: tf.tensor1d(bias),
      };
      const made = runFused("PolyphaseLinear", inputs, { activation, keepPreActivation }) as Tensor[];
      const z = affine(x, weight, bias, SIZES);
      assertEquals(made.length, keepPreActivation ? 2 : 1);
      assert(relativeError(await made[0].data(), z.map(ACTIVATIONS[activation])) < 1e-6);
      if (keepPreActivation) {
        // The two have lives of their own.
        made[0].dispose();
        assert(relativeError(await made[1].data(), z) < 1e-6);
        made[1].dispose();
      } else made[0].dispose();
      tf.dispose(inputs);
      assertEquals(tf.memory().numTensors, before);
    });
  }
}

for (const activation of ["relu", "gelu", "gelu-tanh"] as const) {
  Deno.test(`PolyphaseLinearGrad: ${activation} against differences`, async () => {
    await selectBackend("wasm");
    const [rows, columns] = [6, 9];
    const [dy, z] = [normal(keyOf(3), rows * columns), normal(keyOf(4), rows * columns)];
    const saved = activation === "relu" ? z.map(ACTIVATIONS.relu) : z;
    const [dz, dbias] = runFused(
      "PolyphaseLinearGrad",
      { dy: tf.tensor2d(dy, [rows, columns]), saved: tf.tensor2d(saved, [rows, columns]) },
      { activation },
    ) as Tensor[];
    const slope = (at: number) =>
      (ACTIVATIONS[activation](at + 1e-5) - ACTIVATIONS[activation](at - 1e-5)) / 2e-5;
    const expected = Array.from(dy, (value, index) => value * slope(z[index]));
    assert(relativeError(await dz.data(), expected) < 1e-5);
    const sums = Array.from(
      { length: columns },
      (_, column) =>
        Array.from({ length: rows }, (_, row) => expected[row * columns + column]).reduce((a, b) => a + b),
    );
    assert(relativeError(await dbias.data(), sums) < 1e-5);
  });
}
