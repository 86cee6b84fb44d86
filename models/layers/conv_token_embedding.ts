/**
 * The convolutional token embedding that begins each stage of a CvT: a convolution of overlapping patches, then layer
 * normalization.
 *
 * H. Wu et al., "CvT: Introducing Convolutions to Vision Transformers", arXiv 2103.15808.
 *
 * @module
 */

import type { Key } from "../../pipeline/random.ts";
import type { Tensor } from "../backend/tf.ts";
import { type SlidingWindow, type Strided, strided } from "./adaptive_stride.ts";
import { conv2d, type Conv2dParams, initConv2d } from "./conv2d.ts";
import { initLayerNorm, layerNorm, type LayerNormParams } from "./layer_norm.ts";

/** Parameters of a convolutional token embedding. */
export type ConvTokenEmbeddingParams = {
  /** The convolution, `[kernel, kernel, in, out]`. */
  readonly conv: Conv2dParams;
  /** The normalization, `[out]`. */
  readonly norm: LayerNormParams;
};

/** Size of a convolutional token embedding. */
export interface ConvTokenEmbedding extends SlidingWindow {
  /** Channels that come in. */
  readonly inputs: number;
  /** Embed dim of a token. */
  readonly outputs: number;
}

/** Fresh parameters, as PyTorch's `nn.Conv2d` and `nn.LayerNorm`. */
export function initConvTokenEmbedding(key: Key, shape: ConvTokenEmbedding): ConvTokenEmbeddingParams {
  return { conv: initConv2d(key, shape), norm: initLayerNorm(shape.outputs) };
}

/**
 * `[batch, height, width, in]` → tokens on a grid, `[batch, ⌈height / stride⌉, ⌈width / stride⌉, out]`. The energy of an
 * adaptive grid is that of the convolution, bias included: normalized tokens all have the same.
 *
 * @param p exponent of the energy. Default 2
 * @throws {PolyphaseError} if the grid is adaptive and the stride does not divide the map
 */
export function convTokenEmbedding(
  { conv, norm }: ConvTokenEmbeddingParams,
  x: Tensor,
  shape: ConvTokenEmbedding,
  p?: number,
): Strided {
  const { output, choice } = strided(x, shape, (map, placing) => conv2d(conv, map, placing), { p });
  return { output: layerNorm(norm, output), choice };
}
