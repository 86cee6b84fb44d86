/**
 * The batch norm layer, with its running statistics as buffers among the parameters.
 *
 * S. Ioffe and C. Szegedy, "Batch Normalization", arXiv 1502.03167.
 *
 * @module
 */

import { batchNorm as batchNormOp } from "../backend/ops/batch_norm.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import type { ApplyOptions, TorchEntry } from "../model.ts";

/** Parameters and buffers of batch norm, all `[channels]`. */
export type BatchNormParams = {
  /** Scale. */
  readonly weight: Tensor;
  /** Shift. */
  readonly bias: Tensor;
  /** Running mean, a buffer. */
  readonly runningMean: Tensor;
  /** Running variance, a buffer. */
  readonly runningVar: Tensor;
};

/** How {@linkcode batchNorm} is applied: in training or not, who is told of new running statistics, and what follows. */
export interface BatchNormLayerOptions extends Pick<ApplyOptions, "training" | "update"> {
  /** Is added to the normalized value, before the activation: `[batch, height, width, channels]`. Default nothing. */
  readonly residual?: Tensor;
  /** What is applied last. Default `none`. */
  readonly activation?: "none" | "relu";
}

/** Fresh parameters as those of PyTorch's `nn.BatchNorm2d`: scale and running variance 1, shift and running mean 0. */
export function initBatchNorm(channels: number): BatchNormParams {
  return {
    weight: tf.ones([channels]),
    bias: tf.zeros([channels]),
    runningMean: tf.zeros([channels]),
    runningVar: tf.ones([channels]),
  };
}

/**
 * `activation(normalize(x) + residual)` for each channel of `[..., channels]`, with PyTorch's epsilon 1e-5 and
 * momentum 0.1. In training the batch's own statistics normalize, and `update` is handed `runningMean` and `runningVar`.
 *
 * @throws {PolyphaseError} if the shapes do not fit, or if training has a single value a channel
 */
export function batchNorm(
  { weight, bias, runningMean, runningVar }: BatchNormParams,
  x: Tensor,
  { training = false, update, residual, activation }: BatchNormLayerOptions = {},
): Tensor {
  const options = { training, residual, activation };
  const { output, mean, variance } = batchNormOp(x, weight, bias, runningMean, runningVar, options);
  if (training) {
    update?.("runningMean", mean);
    update?.("runningVar", variance);
  }
  return output;
}

/** Whether a dotted name is that of a running statistic. */
export function isBatchNormBuffer(name: string): boolean {
  return /(^|\.)running(Mean|Var)$/.test(name);
}

/** How PyTorch stores batch norm: four vectors. */
export function batchNormEntries(name: string, torch: string, channels: number): TorchEntry[] {
  const names = {
    weight: "weight",
    bias: "bias",
    runningMean: "running_mean",
    runningVar: "running_var",
  };
  return Object.entries(names).map(([ours, theirs]) => ({
    name: `${name}.${ours}`,
    torch: `${torch}.${theirs}`,
    shape: [channels],
  }));
}
