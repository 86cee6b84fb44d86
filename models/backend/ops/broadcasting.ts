/**
 * Undoing a broadcast, for gradients.
 *
 * @module
 */

import { type Tensor, tf } from "../tf.ts";

/** `x` summed over the axes along which a tensor of `shape` was stretched to x's shape; a fresh tensor of `shape`. */
export function sumToShape(x: Tensor, shape: readonly number[]): Tensor {
  const missing = x.rank - shape.length;
  const stretched = x.shape.flatMap((length, axis) =>
    axis < missing || (shape[axis - missing] === 1 && length !== 1) ? [axis] : []
  );
  return tf.reshape(stretched.length === 0 ? x : tf.sum(x, stretched), [...shape]);
}
