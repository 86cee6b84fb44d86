/**
 * Rows or columns of a feature map repeated at its ends: what paddings other than zeros are made of.
 *
 * @module
 */

import { differentiable } from "../backend/ops/differentiable.ts";
import { type Tensor, tf } from "../backend/tf.ts";

/**
 * A tensor with copies of some of its slices put before and after it along an axis. Of any order of derivatives: the
 * gradient of a slice is the sum of those of its copies.
 *
 * @param x any shape
 * @param axis the axis to make longer
 * @param before which slices come before, in order
 * @param after which slices come after, in order
 */
export function extendAxis(
  x: Tensor,
  axis: number,
  before: readonly number[],
  after: readonly number[],
): Tensor {
  if (before.length + after.length === 0) return x;
  const length = x.shape[axis]!;
  const outer = productOf(x.shape.slice(0, axis));
  const inner = productOf(x.shape.slice(axis + 1));
  const places = [...before, ...Array.from({ length }, (_, index) => index), ...after];
  return differentiable({ x }, () => {
    // Three axes: TensorFlow.js's WASM backend takes several times as long to slice tensors of more.
    const flat = tf.reshape(x, [outer, length, inner]);
    const copies = (indices: readonly number[]) =>
      runsOf(indices).map(([first, count]) => tf.slice(flat, [0, first, 0], [outer, count, inner]));
    const extended = tf.concat([...copies(before), flat, ...copies(after)], 1);
    return tf.reshape(extended, x.shape.with(axis, places.length));
  }, (dy) => ({
    // A product: faster than slices, paddings and sums.
    x: () =>
      tf.reshape(tf.matMul(summing(places, length), tf.reshape(dy, [outer, places.length, inner])), x.shape),
  }));
}

/** The matrix `[1, length, places]` that adds up what stands for each of `length` slices. */
function summing(places: readonly number[], length: number): Tensor {
  const ones = new Float32Array(length * places.length);
  places.forEach((place, index) => ones[place * places.length + index] = 1);
  return tf.tensor3d(ones, [1, length, places.length]);
}

/** Indices as runs of consecutive ones: a run is a single slice. */
function runsOf(indices: readonly number[]): (readonly [first: number, count: number])[] {
  const runs: (readonly [number, number])[] = [];
  for (const index of indices) {
    const [first, count] = runs.at(-1) ?? [NaN, 0];
    if (index === first + count) runs[runs.length - 1] = [first, count + 1];
    else runs.push([index, 1]);
  }
  return runs;
}

function productOf(lengths: readonly number[]): number {
  return lengths.reduce((product, length) => product * length, 1);
}
