/**
 * Batch normalization over all axes but the last, with running statistics as PyTorch keeps them.
 *
 * S. Ioffe and C. Szegedy, "Batch Normalization", arXiv 1502.03167.
 *
 * @module
 */

import { PolyphaseError } from "../../../pipeline/errors.ts";
import { type Tensor, tf } from "../tf.ts";
import { detached, differentiable, type ExactOption, isExact, ofNothing } from "./differentiable.ts";
import { hasFused, type Rectifier, runFused } from "./fused_kernels.ts";
import { rectifierGrad, relu } from "./relu.ts";
import { asRows, expectFeatures, fromRows } from "./rows.ts";

/** Options of {@linkcode batchNorm}. */
export interface BatchNormOptions extends ExactOption {
  /** Whether to normalize by the batch's own statistics and move the running ones. */
  readonly training: boolean;
  /** Is added to the normalized tensor, before the activation: `[..., channels]`. Default nothing. */
  readonly residual?: Tensor;
  /** What is applied last. Default `none`. */
  readonly activation?: Rectifier;
  /** Is added to the variance. Default 1e-5. */
  readonly epsilon?: number;
  /** Share of the batch in the new running statistics, as in PyTorch. Default 0.1. */
  readonly momentum?: number;
}

/** What {@linkcode batchNorm} gives. */
export interface BatchNormResult {
  /** The normalized tensor `[..., channels]`, with the residual and after the activation. */
  readonly output: Tensor;
  /** New running mean `[channels]`, with no gradient; the very tensor that was given, unless training. */
  readonly mean: Tensor;
  /** New running variance `[channels]`, unbiased, with no gradient; the very tensor that was given, unless training. */
  readonly variance: Tensor;
}

/**
 * `activation((x − mean) / √(variance + epsilon) · gamma + beta + residual)` for each channel. In training, mean and
 * biased variance are the batch's, and the running statistics move towards its mean and *unbiased* variance; else they
 * are the running ones.
 *
 * @param x `[..., channels]`
 * @param gamma `[channels]`
 * @param beta `[channels]`
 * @param mean running mean `[channels]`
 * @param variance running variance `[channels]`
 * @throws {PolyphaseError} if the shapes do not fit, or if training has a single value a channel
 */
export function batchNorm(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  mean: Tensor,
  variance: Tensor,
  options: BatchNormOptions,
): BatchNormResult {
  return tf.tidy(() => ({ ...batchNormOf(x, gamma, beta, mean, variance, options) }));
}

function batchNormOf(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  mean: Tensor,
  variance: Tensor,
  options: BatchNormOptions,
): BatchNormResult {
  const { training, epsilon = 1e-5, momentum = 0.1, residual, activation = "none" } = options;
  const rows = asRows("batchNorm", x);
  const [count, channels] = rows.shape;
  expectFeatures("batchNorm", channels, { gamma, beta, mean, variance });
  if (training && count < 2) {
    throw new PolyphaseError(
      `batchNorm got ${count} value a channel in training, expected two or more: use a larger batch`,
    );
  }
  if (residual && String(residual.shape) !== String(x.shape)) {
    throw new PolyphaseError(
      `batchNorm got x [${x.shape}] and a residual [${residual.shape}], expected one shape: reshape it`,
    );
  }
  if (x.size === 0) {
    const all = [x, gamma, beta, ...residual ? [residual] : []];
    return { output: ofNothing(all, () => tf.zeros(x.shape)), mean, variance };
  }
  const [used, spread] = training ? momentsOf(rows) : [mean, variance];
  const added = residual && asRows("batchNorm", residual);
  const y = isExact(options)
    ? finished(
      exactBatchNorm(rows, gamma, beta, training ? undefined : [mean, variance], epsilon),
      added,
      activation,
    )
    : hasFused("PolyphaseBatchNorm", "PolyphaseBatchNormGrad", "PolyphaseLinearGrad")
    ? fusedBatchNorm(rows, gamma, beta, used, spread, added, { epsilon, training, activation })
    : finished(composedBatchNorm(rows, gamma, beta, used, spread, epsilon, training), added, activation);
  const output = fromRows(y, x.shape);
  if (!training) return { output, mean, variance };
  const [newMean, newVariance] = detached(() => [
    tf.add(tf.mul(mean, 1 - momentum), tf.mul(used, momentum)),
    tf.add(tf.mul(variance, 1 - momentum), tf.mul(spread, momentum * count / (count - 1))),
  ]);
  tf.dispose([used, spread]);
  return { output, mean: newMean, variance: newVariance };
}

/** Mean and biased variance of each column, with no gradient: the gradient of the whole op is written out below. */
function momentsOf(x: Tensor): Tensor[] {
  return detached(() => {
    if (hasFused("PolyphaseMoments")) return runFused("PolyphaseMoments", { x }, {});
    const mean = tf.mean(x, 0);
    return [mean, tf.mean(tf.square(tf.sub(x, mean)), 0)];
  });
}

function exactBatchNorm(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  running: readonly [mean: Tensor, variance: Tensor] | undefined,
  epsilon: number,
): Tensor {
  const centred = tf.sub(x, running?.[0] ?? tf.mean(x, 0));
  const variance = running?.[1] ?? tf.mean(tf.square(centred), 0);
  return tf.add(tf.mul(tf.div(centred, tf.sqrt(tf.add(variance, epsilon))), gamma), beta);
}

/** Residual and activation of plain operations, with right second derivatives. */
function finished(y: Tensor, residual: Tensor | undefined, activation: Rectifier): Tensor {
  const sum = residual ? tf.add(y, residual) : y;
  return activation === "relu" ? relu(sum) : sum;
}

function fusedBatchNorm(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  mean: Tensor,
  variance: Tensor,
  residual: Tensor | undefined,
  { epsilon, training, activation }: {
    readonly epsilon: number;
    readonly training: boolean;
    readonly activation: Rectifier;
  },
): Tensor {
  const isRelu = activation === "relu";
  const inputs: Record<string, Tensor> = residual ? { x, gamma, beta, residual } : { x, gamma, beta };
  return differentiable(inputs, (save) => {
    const all = { x, gamma, beta, mean, variance, residual };
    const [y] = runFused("PolyphaseBatchNorm", all, { epsilon, activation });
    save(x, gamma, mean, variance, ...isRelu ? [y] : []);
    return y;
  }, (given, x, gamma, mean, variance, y) => {
    const dy = isRelu ? rectifierGrad(given, y)[0] : given;
    const inputs = { dy, x, gamma, mean, variance };
    const [dx, dgamma, dbeta] = runFused("PolyphaseBatchNormGrad", inputs, { epsilon, training });
    return {
      x: () => dx,
      gamma: () => dgamma,
      beta: () => dbeta,
      // The gradient that was given belongs to TensorFlow.js, which frees it.
      residual: () => isRelu ? dy : tf.clone(dy),
    };
  });
}

function composedBatchNorm(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  mean: Tensor,
  variance: Tensor,
  epsilon: number,
  training: boolean,
): Tensor {
  return differentiable({ x, gamma, beta }, (save) => {
    const rstd = tf.rsqrt(tf.add(variance, epsilon));
    const normalized = tf.mul(tf.sub(x, mean), rstd);
    save(normalized, tf.mul(gamma, rstd));
    return tf.add(tf.mul(normalized, gamma), beta);
  }, (dy, normalized, scale) => ({
    x: () => {
      if (!training) return tf.mul(dy, scale);
      const along = tf.mul(normalized, tf.mean(tf.mul(dy, normalized), 0));
      return tf.mul(scale, tf.sub(tf.sub(dy, tf.mean(dy, 0)), along));
    },
    gamma: () => tf.sum(tf.mul(dy, normalized), 0),
    beta: () => tf.sum(dy, 0),
  }));
}
