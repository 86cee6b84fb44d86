/**
 * Lists of tensors as one flat run of numbers, and back: the form in which parameters and gradients are shared.
 *
 * @module
 */

import { viewOf } from "../../models/backend/heap_view.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";

/** Writes the numbers of `tensors`, one after another, to `out`, whose length is that of all together. */
export async function writeFlat(tensors: readonly Tensor[], out: Float32Array): Promise<void> {
  let start = 0;
  for (const tensor of tensors) {
    out.set(await viewOf(tensor), start);
    start += tensor.size;
  }
}

/** Tensors of `shapes` with the numbers of `flat`, one after another. The caller disposes of them. */
export function readFlat(flat: Float32Array, shapes: readonly (readonly number[])[]): Tensor[] {
  // WASM copies numbers to its own memory at once. Other backends keep the array, and shared memory changes under it.
  const isCopied = tf.getBackend() === "wasm";
  let start = 0;
  return shapes.map((shape) => {
    const size = shape.reduce((product, side) => product * side, 1);
    const numbers = isCopied ? flat.subarray(start, start + size) : flat.slice(start, start + size);
    const tensor = tf.tensor(numbers, [...shape], "float32");
    start += size;
    return tensor;
  });
}

/** A 32-bit FNV-1a hash over the words of `arrays`: equal bits give equal checksums. */
export function checksum(arrays: readonly Float32Array[]): number {
  let value = 0x811c9dc5;
  for (const { buffer, byteOffset, length } of arrays) {
    for (const word of new Uint32Array(buffer, byteOffset, length)) {
      value = Math.imul(value ^ word, 0x01000193);
    }
  }
  return value >>> 0;
}
