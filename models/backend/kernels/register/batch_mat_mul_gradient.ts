/**
 * The gradient of `tf.matMul`, for operands that broadcast too: `[batch, tokens, embed]` times `[embed, out]`.
 *
 * TensorFlow.js multiplies such operands, but its gradient forgets to sum over the axes that were broadcast and fails.
 * Made of ordinary operations, so it can be differentiated again and works on every backend.
 *
 * @module
 */

import { type Tensor, tf } from "../../tf.ts";

/** Gradient of the kernel `BatchMatMul`. */
export const batchMatMulGradient: Parameters<typeof tf.registerGradient>[0] = {
  kernelName: "BatchMatMul",
  inputsToSave: ["a", "b"],
  gradFunc(given, saved, attrs) {
    const dy = given as Tensor;
    const [a, b] = saved;
    const { transposeA, transposeB } = attrs as unknown as Record<"transposeA" | "transposeB", boolean>;
    return {
      a: () => {
        const da = transposeA ? tf.matMul(b, dy, transposeB, true) : tf.matMul(dy, b, false, !transposeB);
        return sumTo(da, a.shape);
      },
      b: () => {
        let [left, right] = [a, dy];
        // One matrix B for the whole batch: the sum over the batch is part of one tall product.
        if (!transposeA && isSingle(b) && a.rank === dy.rank && !isSingle(a) && hasSameBatch(a, dy)) {
          left = tf.reshape(a, [-1, a.shape[a.rank - 1]]);
          right = tf.reshape(dy, [-1, dy.shape[dy.rank - 1]]);
        }
        const db = transposeB
          ? tf.matMul(right, left, true, transposeA)
          : tf.matMul(left, right, !transposeA, false);
        return sumTo(db, b.shape);
      },
    };
  },
};

function isSingle(matrices: Tensor): boolean {
  return matrices.shape.slice(0, -2).every((size) => size === 1);
}

function hasSameBatch(a: Tensor, b: Tensor): boolean {
  return a.shape.slice(0, -2).every((size, axis) => size === b.shape[axis]);
}

/** `x` summed over the axes along which `shape` was broadcast to that of `x`. */
function sumTo(x: Tensor, shape: readonly number[]): Tensor {
  const missing = x.rank - shape.length;
  const axes = x.shape.flatMap((size, axis) =>
    axis < missing || (size !== 1 && shape[axis - missing] === 1) ? [axis] : []
  );
  const summed = axes.length === 0 ? x : tf.sum(x, axes);
  return tf.reshape(summed, [...shape]);
}
