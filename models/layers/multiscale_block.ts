/**
 * The block of MViTv2: pooling attention, then a perceptron, each behind a normalization and beside a way around it. The
 * first block of a stage makes the map smaller and wider, and so does the way around its attention.
 *
 * Y. Li et al., "MViTv2: Improved Multiscale Vision Transformers for Classification and Detection", arXiv 2112.01526.
 *
 * @module
 */

import { foldIn, type Key } from "../../pipeline/random.ts";
import { dropPath } from "../backend/ops/dropout.ts";
import { maxPool } from "../backend/ops/max_pool.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import type { ApplyOptions } from "../model.ts";
import { type SlidingWindow, strided, stridedSize } from "./adaptive_stride.ts";
import { initNormal } from "./initial_values.ts";
import { initLayerNorm, layerNorm, type LayerNormParams } from "./layer_norm.ts";
import { linear, type LinearParams } from "./linear.ts";
import { mlp, type MlpParams } from "./mlp.ts";
import {
  initPoolingAttention,
  MVIT_EPSILON,
  type PoolingAttention,
  poolingAttention,
  poolingAttentionMultiplyAdds,
  type PoolingAttentionParams,
} from "./pooling_attention.ts";
import { within } from "./within.ts";

/** Parameters of a block. */
export type MultiscaleBlockParams = {
  /** Normalization before attention, `[in]`. */
  readonly norm1: LayerNormParams;
  /** Pooling attention. */
  readonly attention: PoolingAttentionParams;
  /** The linear map on the way around attention, `[in, embed]`; absent where the two are the same. */
  readonly shortcut?: LinearParams;
  /** Normalization before the perceptron, `[embed]`. */
  readonly norm2: LayerNormParams;
  /** The perceptron. */
  readonly mlp: MlpParams;
};

/** Size of a block. */
export interface MultiscaleBlock extends PoolingAttention {
  /** Hidden units of the perceptron. */
  readonly hidden: number;
  /** Rate at which each of the two paths is dropped in training. */
  readonly dropPath: number;
}

/** Standard deviation of fresh weights of linear layers. */
const DEVIATION = 0.02;

/** Fresh parameters: convolutions as PyTorch's `nn.Conv2d`, linear maps normal of deviation 0.02 without bias. */
export function initMultiscaleBlock(key: Key, block: MultiscaleBlock): MultiscaleBlockParams {
  const { inputs, embed, hidden } = block;
  const map = (name: string, from: number, to: number): LinearParams => ({
    weight: initNormal(foldIn(key, name), [from, to], DEVIATION),
    bias: tf.zeros([to]),
  });
  return {
    norm1: initLayerNorm(inputs),
    attention: initPoolingAttention(foldIn(key, "attention"), block),
    ...inputs === embed ? {} : { shortcut: map("shortcut", inputs, embed) },
    norm2: initLayerNorm(embed),
    mlp: { fc1: map("fc1", embed, hidden), fc2: map("fc2", hidden, embed) },
  };
}

/**
 * `[batch, height, width, in]` → `[batch, ⌈height / stride⌉, ⌈width / stride⌉, embed]`, the stride being that of
 * queries. The random key is for dropping paths; without one none is.
 *
 * The way around attention takes the greatest value of overlapping windows, and on an adaptive grid of those windows that
 * queries chose. `collect` is handed what {@linkcode poolingAttention} hands it, as `attention.queries.phase` and so on.
 *
 * @throws {PolyphaseError} if a grid is adaptive and its stride does not divide the map
 */
export function multiscaleBlock(
  params: MultiscaleBlockParams,
  x: Tensor,
  block: MultiscaleBlock,
  options: ApplyOptions = {},
): Tensor {
  const { key } = options;
  const dropped = (path: Tensor, name: string) =>
    key === undefined || block.dropPath === 0 ? path : dropPath(path, block.dropPath, foldIn(key, name));
  const normalized = layerNorm(params.norm1, x, { epsilon: MVIT_EPSILON });
  const found = poolingAttention(params.attention, normalized, block, within(options, "attention"));
  const around = params.shortcut === undefined ? x : linear(params.shortcut, normalized);
  const { output: kept } = block.queries.stride === 1 ? { output: around } : strided(
    around,
    skipWindow(block.queries),
    (map, { strides, padding }) => maxPool(map, { size: block.queries.stride + 1, strides, padding }),
    { choice: found.choice },
  );
  const attended = tf.add(kept, dropped(found.output, "attention"));
  const perceived = mlp(params.mlp, layerNorm(params.norm2, attended, { epsilon: MVIT_EPSILON }));
  return tf.add(attended, dropped(perceived, "mlp"));
}

/** Multiply-adds of the block for one image. */
export function multiscaleBlockMultiplyAdds(block: MultiscaleBlock): number {
  const { inputs, embed, hidden, size, queries } = block;
  const [rows, columns] = stridedSize(size, queries);
  const shortcut = inputs === embed ? 0 : size[0] * size[1] * inputs * embed;
  return poolingAttentionMultiplyAdds(block) + shortcut + 2 * rows * columns * embed * hidden;
}

/** The window on the way around attention: a pixel wider than the stride, so that windows overlap. */
function skipWindow(queries: SlidingWindow): SlidingWindow {
  const kernelSize = queries.stride + 1;
  return { ...queries, kernelSize, padding: Math.floor(kernelSize / 2) };
}
