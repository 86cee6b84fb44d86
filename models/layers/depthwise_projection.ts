/**
 * The convolutional projection of a CvT: a depthwise convolution with batch norm, in place of the first half of the
 * linear map that makes queries, keys or values.
 *
 * H. Wu et al., "CvT: Introducing Convolutions to Vision Transformers", arXiv 2103.15808.
 *
 * @module
 */

import { type Key, split } from "../../pipeline/random.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import type { ApplyOptions } from "../model.ts";
import { type SlidingWindow, type Strided, strided, type StridedOptions } from "./adaptive_stride.ts";
import { batchNorm, type BatchNormParams, initBatchNorm } from "./batch_norm.ts";
import { conv2d } from "./conv2d.ts";
import { initNormal, initUniform } from "./initial_values.ts";
import type { LinearParams } from "./linear.ts";

/** Parameters of a convolutional projection. */
export type DepthwiseProjectionParams = {
  /** The convolution, which has no bias. */
  readonly conv: {
    /** `[kernel, kernel, 1, embed]`. */
    readonly weight: Tensor;
  };
  /** The normalization of the convolution, with its running statistics. */
  readonly norm: BatchNormParams;
  /** The linear map after both, `[embed, embed]`. */
  readonly linear: LinearParams;
};

/** Standard deviation of fresh weights of linear layers, as the authors'. */
const DEVIATION = 0.02;

/** Fresh parameters: the convolution as PyTorch's `nn.Conv2d`, the linear map normal of deviation 0.02 without bias. */
export function initDepthwiseProjection(
  key: Key,
  kernelSize: number,
  embed: number,
): DepthwiseProjectionParams {
  const [forConv, forLinear] = split(key);
  return {
    conv: { weight: initUniform(forConv, [kernelSize, kernelSize, 1, embed], 1 / kernelSize) },
    norm: initBatchNorm(embed),
    linear: { weight: initNormal(forLinear, [embed, embed], DEVIATION), bias: tf.zeros([embed]) },
  };
}

/**
 * Convolution and normalization, without the linear map: `[batch, height, width, embed]` → `[batch, ⌈height / stride⌉,
 * ⌈width / stride⌉, embed]`. The energy of an adaptive grid is that of the convolution, and only what is kept counts for
 * the statistics of the normalization.
 *
 * @throws {PolyphaseError} if the grid is adaptive and the stride does not divide the map
 */
export function depthwiseProjection(
  { conv, norm }: DepthwiseProjectionParams,
  x: Tensor,
  window: SlidingWindow,
  { training, update, ...how }: Pick<ApplyOptions, "training" | "update"> & StridedOptions = {},
): Strided {
  const { output, choice } = strided(
    x,
    window,
    (map, placing) => conv2d(conv, map, { ...placing, groups: map.shape[3]! }),
    how,
  );
  return { output: batchNorm(norm, output, { training, update }), choice };
}
