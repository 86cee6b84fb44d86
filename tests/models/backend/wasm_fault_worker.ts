/**
 * Two products that plain TensorFlow.js gets wrong on WASM, beside what they should be.
 *
 * Its WASM product caches an operator by the data of the right operand, without the shape, and `reshape` shares the data.
 * Run as a worker, since the wrong operator also writes behind the end of its result.
 *
 * @module
 */

/// <reference lib="deno.worker" />

import { setWasmPaths, tf } from "../../../models/backend/tf.ts";
import { wasmUrl } from "../../../models/backend/wasm_binary.ts";

const count = (length: number) => Array.from({ length }, (_, index) => index + 1);

/** Rows times columns, by definition. */
function product(
  left: readonly number[],
  right: readonly number[],
  rows: number,
  inner: number,
  columns: number,
): number[] {
  return Array.from({ length: rows * columns }, (_, place) => {
    let sum = 0;
    for (let k = 0; k < inner; k++) {
      sum += left[Math.floor(place / columns) * inner + k] * right[k * columns + place % columns];
    }
    return sum;
  });
}

setWasmPaths(
  Object.fromEntries(
    ["-simd", "", "-threaded-simd"].map((kind) => [`tfjs-backend-wasm${kind}.wasm`, wasmUrl]),
  ),
  true,
);
if (!await tf.setBackend("wasm")) throw new Error("WASM does not start");
await tf.ready();

if (self.name === "reshape") {
  const weight = tf.tensor2d(count(24), [4, 6]);
  await tf.matMul(tf.tensor2d(count(4), [1, 4]), weight).data();
  const seen = await tf.matMul(tf.tensor2d(count(6), [1, 6]), tf.reshape(weight, [6, 4])).data();
  self.postMessage({ seen: [...seen], right: product(count(6), count(24), 1, 6, 4) });
} else {
  const vector = tf.tensor1d(count(3));
  await tf.dot(tf.tensor2d(count(6), [2, 3]), vector).data();
  const seen = await tf.outerProduct(tf.tensor1d(count(2)), vector).data();
  self.postMessage({ seen: [...seen], right: product(count(2), count(3), 2, 1, 3) });
}
