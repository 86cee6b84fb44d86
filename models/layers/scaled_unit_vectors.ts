/**
 * Vectors brought to given lengths: what attention by cosines makes of queries and keys.
 *
 * @module
 */

import { differentiable, isExact } from "../backend/ops/differentiable.ts";
import { type Tensor, tf } from "../backend/tf.ts";

/** Squares of lengths below this count as this, so that 0 stays 0. */
const LEAST = 1e-24;

/**
 * The first vectors of each row at the lengths that `factors` says, the others as they are, so that queries, keys and
 * values need not be taken apart.
 *
 * @param x `[rows, vectors, dim]`
 * @param factors above 0, `[some]`, with `some` up to `vectors`
 * @returns `[rows, vectors, dim]`
 */
export function scaledUnitVectors(x: Tensor, factors: Tensor): Tensor {
  return tf.tidy(() => {
    const [, vectors] = x.shape as [number, number, number];
    const some = factors.shape[0];
    const isScaled = tf.tensor3d(Array.from({ length: vectors }, (_, at) => Number(at < some)), [
      1,
      vectors,
      1,
    ]);
    const padded = tf.reshape(tf.pad(factors, [[0, vectors - some]], 1), [1, vectors, 1]);
    if (isExact({})) return tf.mul(x, scales(x, padded, isScaled));
    return differentiable(
      { x, padded },
      (save) => {
        const scale = scales(x, padded, isScaled);
        const y = tf.mul(x, scale);
        save(y, scale, padded, isScaled);
        return y;
      },
      (dy, y, scale, padded, isScaled) => {
        // What of dy lies along each vector; of vectors that are scaled it does not come through.
        const along = tf.mul(tf.sum(tf.mul(dy, y), 2, true), isScaled);
        return {
          x: () =>
            tf.tidy(() => {
              const share = tf.mul(along, tf.div(scale, tf.square(padded)));
              return tf.sub(tf.mul(dy, scale), tf.mul(y, share));
            }),
          padded: () => tf.tidy(() => tf.div(tf.sum(along, 0, true), padded)),
        };
      },
    );
  });
}

/** What each vector is multiplied by, `[rows, vectors, 1]`. */
function scales(x: Tensor, factors: Tensor, isScaled: Tensor): Tensor {
  const lengths = tf.maximum(tf.sum(tf.square(x), 2, true), LEAST);
  // 1 for the others, whose factor is 1.
  const squares = tf.add(tf.mul(lengths, isScaled), tf.sub(1, isScaled));
  return tf.mul(tf.rsqrt(squares), factors);
}
