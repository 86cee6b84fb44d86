/**
 * The build without relaxed SIMD, which engines like ours never choose, gives what the other one gives to rounding.
 *
 * @module
 */

import { assert } from "@std/assert";
import { tf } from "../../../../models/backend/tf.ts";
import {
  instantiateKernels,
  type Kernels,
  kernelsOf,
} from "../../../../models/backend/kernels/instantiate.ts";
import type { TensorInfo, WasmBackend } from "../../../../models/backend/kernels/wasm_backend.ts";
import { assertNear, drawn } from "./cpu_reference.ts";
import { STRICT, withKernels } from "./reference.ts";

const ROWS = 13;
const COLUMNS = 37;
const COUNT = ROWS * COLUMNS;

/** What each function makes of x, y `[13, 37]` and z, a vector or a table; it writes to `to`, of the shape of x. */
const CALLS: Readonly<
  Record<string, (e: Kernels["exports"], x: number, y: number, z: number, to: number, rest: number) => void>
> = {
  exp: (e, x, _y, _z, to) => e.exp(COUNT, x, to),
  erf: (e, x, _y, _z, to) => e.erf(COUNT, x, to),
  tanh: (e, x, _y, _z, to) => e.tanh(COUNT, x, to),
  gelu: (e, x, _y, _z, to) => e.gelu(COUNT, x, to, 0),
  geluTanh: (e, x, _y, _z, to) => e.gelu(COUNT, x, to, 1),
  geluGrad: (e, x, y, _z, to) => e.geluGrad(COUNT, y, x, to, 0),
  geluTanhGrad: (e, x, y, _z, to) => e.geluGrad(COUNT, y, x, to, 1),
  softmax: (e, x, _y, _z, to) => e.softmax(ROWS, COLUMNS, x, to),
  softmaxGrad: (e, x, y, _z, to) => e.softmaxGrad(ROWS, COLUMNS, y, x, to),
  logSoftmax: (e, x, _y, _z, to) => e.logSoftmax(ROWS, COLUMNS, x, to),
  logSoftmaxGrad: (e, x, y, _z, to) => e.logSoftmaxGrad(ROWS, COLUMNS, y, x, to),
  crossEntropyGrad: (e, x, y, z, to) => e.crossEntropyGrad(ROWS, COLUMNS, z, x, y, 0.9, 0.1, z, to),
  layerNorm: (e, x, _y, z, to, rest) => e.layerNorm(ROWS, COLUMNS, x, z, z, 1e-5, to, rest, rest + 4 * ROWS),
  layerNormGrad: (e, x, y, z, to, rest) =>
    e.layerNormGrad(ROWS, COLUMNS, y, x, z, z, z, to, rest, rest + 4 * COLUMNS),
  sumAxis: (e, x, _y, _z, to) => e.sumAxis(1, ROWS, COLUMNS, x, to, 3, 0),
  maxAxis: (e, x, _y, _z, to) => e.maxAxis(ROWS, COLUMNS, 1, x, to),
};

Deno.test("both builds agree", STRICT, async () => {
  await withKernels(() => {
    const backend = tf.backend() as unknown as WasmBackend;
    const plain = instantiateKernels(backend, "simd");
    for (const [name, call] of Object.entries(CALLS)) {
      const results = [kernelsOf(backend), plain].map((kernels) =>
        tf.tidy(() => {
          const tensors = [
            drawn([ROWS, COLUMNS], 1, 3),
            drawn([ROWS, COLUMNS], 2),
            drawn([COLUMNS], 3),
            tf.zeros([ROWS, COLUMNS]),
            tf.zeros([2 * COLUMNS]),
          ];
          const [x, y, z, to, rest] = tensors.map((each) => kernels.addressOf(each as unknown as TensorInfo));
          call(kernels.exports, x, y, z, to, rest);
          return tensors.slice(3).map((each) => each.dataSync());
        })
      );
      assert(results[0][0].some((value) => value !== 0), `${name} wrote nothing`);
      results[0].forEach((values, i) => assertNear(results[1][i], values, 2e-6, `${name}, result ${i}`));
    }
  });
});
