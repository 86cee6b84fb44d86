/**
 * Dropout: of single values, or of whole paths (stochastic depth).
 *
 * N. Srivastava et al., "Dropout", JMLR 15, 2014. G. Huang et al., "Deep Networks with Stochastic Depth", arXiv
 * 1603.09382.
 *
 * @module
 */

import { PolyphaseError } from "../../../pipeline/errors.ts";
import { type Key, uniform } from "../../../pipeline/random.ts";
import { type Tensor, tf } from "../tf.ts";
import { detached } from "./differentiable.ts";
import { hasFused, runFused } from "./fused_kernels.ts";

/**
 * Sets each value to 0 with probability `rate` and multiplies the others by `1/(1 − rate)`. For training: whoever
 * evaluates leaves it out. The same key drops the same values.
 *
 * @param x any shape
 * @param rate in [0, 1]
 * @param key random key
 * @throws {PolyphaseError} if the rate is not in [0, 1]
 */
export function dropout(x: Tensor, rate: number, key: Key): Tensor {
  return tf.tidy(() => multiplyByMask("dropout", x, rate, key, x.shape));
}

/**
 * Sets each sample to 0 as a whole with probability `rate` and multiplies the others by `1/(1 − rate)`: put it at the
 * end of a residual branch. For training: whoever evaluates leaves it out. The same key drops the same samples.
 *
 * @param x `[batch, ...]`
 * @param rate in [0, 1]
 * @param key random key
 * @throws {PolyphaseError} if the rate is not in [0, 1]
 */
export function dropPath(x: Tensor, rate: number, key: Key): Tensor {
  const shape = x.shape.map((length, axis) => axis === 0 ? length : 1);
  return tf.tidy(() => multiplyByMask("dropPath", x, rate, key, shape));
}

function multiplyByMask(op: string, x: Tensor, rate: number, key: Key, shape: readonly number[]): Tensor {
  if (!(rate >= 0 && rate <= 1)) {
    throw new PolyphaseError(`${op} got rate ${rate}, expected 0 to 1: 0 drops nothing`);
  }
  if (rate === 0) return tf.clone(x);
  // Not a product: infinity times zero would be NaN.
  if (rate === 1) return tf.zerosLike(x);
  return tf.mul(x, detached(() => maskOf(shape, rate, key)));
}

function maskOf(shape: readonly number[], rate: number, key: Key): Tensor {
  if (hasFused("PolyphaseDropoutMask")) return runFused("PolyphaseDropoutMask", {}, { shape, rate, key })[0];
  const count = shape.reduce((product, length) => product * length, 1);
  const kept = Math.fround(1 / (1 - rate));
  return tf.tensor(uniform(key, count).map((draw) => draw < rate ? 0 : kept), [...shape]);
}
