/**
 * Layer normalization over the last axis, as PyTorch's `layer_norm`.
 *
 * J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer Normalization", arXiv 1607.06450.
 *
 * @module
 */

import { type Tensor, tf } from "../tf.ts";
import { differentiable, type ExactOption, isExact, ofNothing } from "./differentiable.ts";
import { hasFused, runFused } from "./fused_kernels.ts";
import { asRows, expectFeatures, fromRows } from "./rows.ts";

/** Options of {@linkcode layerNorm}. */
export interface LayerNormOptions extends ExactOption {
  /** Is added to the variance. Default 1e-5. */
  readonly epsilon?: number;
}

/**
 * `(x − mean) / √(variance + epsilon) · gamma + beta`, with mean and biased variance of the last axis.
 *
 * @param x `[..., features]`
 * @param gamma `[features]`
 * @param beta `[features]`
 * @returns `[..., features]`
 * @throws {PolyphaseError} if the shapes do not fit
 */
export function layerNorm(x: Tensor, gamma: Tensor, beta: Tensor, options: LayerNormOptions = {}): Tensor {
  return tf.tidy(() => {
    const { epsilon = 1e-5 } = options;
    const rows = asRows("layerNorm", x);
    expectFeatures("layerNorm", rows.shape[1]!, { gamma, beta });
    if (x.size === 0) return ofNothing([x, gamma, beta], () => tf.zeros(x.shape));
    const y = isExact(options)
      ? tf.add(tf.mul(exactNormalized(rows, epsilon), gamma), beta)
      : hasFused("PolyphaseLayerNorm", "PolyphaseLayerNormGrad")
      ? fusedLayerNorm(rows, gamma, beta, epsilon)
      : composedLayerNorm(rows, gamma, beta, epsilon);
    return fromRows(y, x.shape);
  });
}

function exactNormalized(x: Tensor, epsilon: number): Tensor {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  return tf.div(centred, tf.sqrt(tf.add(tf.mean(tf.square(centred), -1, true), epsilon)));
}

function fusedLayerNorm(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: number): Tensor {
  return differentiable({ x, gamma, beta }, (save) => {
    const [y, mean, rstd] = runFused("PolyphaseLayerNorm", { x, gamma, beta }, { epsilon });
    save(x, gamma, mean, rstd);
    return y;
  }, (dy, x, gamma, mean, rstd) => {
    const [dx, dgamma, dbeta] = runFused("PolyphaseLayerNormGrad", { dy, x, gamma, mean, rstd }, {});
    return { x: () => dx, gamma: () => dgamma, beta: () => dbeta };
  });
}

function composedLayerNorm(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: number): Tensor {
  return differentiable({ x, gamma, beta }, (save) => {
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const rstd = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), epsilon));
    const normalized = tf.mul(centred, rstd);
    save(normalized, rstd, gamma);
    return tf.add(tf.mul(normalized, gamma), beta);
  }, (dy, normalized, rstd, gamma) => ({
    x: () => {
      const scaled = tf.mul(dy, gamma);
      const along = tf.mul(normalized, tf.mean(tf.mul(scaled, normalized), -1, true));
      return tf.mul(rstd, tf.sub(tf.sub(scaled, tf.mean(scaled, -1, true)), along));
    },
    gamma: () => tf.sum(tf.mul(dy, normalized), 0),
    beta: () => tf.sum(dy, 0),
  }));
}
