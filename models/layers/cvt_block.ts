/**
 * The block of a CvT: convolutional attention, then a perceptron, each behind a normalization and beside a way around it.
 *
 * H. Wu et al., "CvT: Introducing Convolutions to Vision Transformers", arXiv 2103.15808.
 *
 * @module
 */

import { foldIn, type Key } from "../../pipeline/random.ts";
import { dropPath } from "../backend/ops/dropout.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import type { ApplyOptions } from "../model.ts";
import {
  type ConvAttention,
  convAttention,
  convAttentionMultiplyAdds,
  type ConvAttentionParams,
  initConvAttention,
} from "./conv_attention.ts";
import { initNormal } from "./initial_values.ts";
import { initLayerNorm, layerNorm, type LayerNormParams } from "./layer_norm.ts";
import { mlp, type MlpParams } from "./mlp.ts";
import { within } from "./within.ts";

/** Parameters of a block. */
export type CvtBlockParams = {
  /** Normalization before attention. */
  readonly norm1: LayerNormParams;
  /** Convolutional attention. */
  readonly attention: ConvAttentionParams;
  /** Normalization before the perceptron. */
  readonly norm2: LayerNormParams;
  /** The perceptron. */
  readonly mlp: MlpParams;
};

/** Size of a block. */
export interface CvtBlock extends ConvAttention {
  /** Hidden units of the perceptron. */
  readonly hidden: number;
  /** Rate at which each of the two paths is dropped in training. */
  readonly dropPath: number;
}

/** Standard deviation of fresh weights of linear layers, as the authors'. */
const DEVIATION = 0.02;

/** Fresh parameters: convolutions as PyTorch's `nn.Conv2d`, linear maps normal of deviation 0.02 without bias. */
export function initCvtBlock(key: Key, block: CvtBlock): CvtBlockParams {
  const { embed, hidden } = block;
  const map = (name: string, inputs: number, outputs: number) => ({
    weight: initNormal(foldIn(key, name), [inputs, outputs], DEVIATION),
    bias: tf.zeros([outputs]),
  });
  return {
    norm1: initLayerNorm(embed),
    attention: initConvAttention(foldIn(key, "attention"), block),
    norm2: initLayerNorm(embed),
    mlp: { fc1: map("fc1", embed, hidden), fc2: map("fc2", hidden, embed) },
  };
}

/**
 * `[batch, tokens, embed]` → the same, a class token first if there is one more token than the map has. The random key
 * is for dropping paths; without one none is.
 *
 * `collect` and `update` are handed what {@linkcode convAttention} hands them, as `attention.keys.phase` and so on.
 *
 * @throws {PolyphaseError} if the grid of keys is adaptive and its stride does not divide the map
 */
export function cvtBlock(
  params: CvtBlockParams,
  x: Tensor,
  block: CvtBlock,
  options: ApplyOptions = {},
): Tensor {
  const { key } = options;
  const dropped = (path: Tensor, name: string) =>
    key === undefined || block.dropPath === 0 ? path : dropPath(path, block.dropPath, foldIn(key, name));
  const found = convAttention(
    params.attention,
    layerNorm(params.norm1, x),
    block,
    within(options, "attention"),
  );
  const attended = tf.add(x, dropped(found, "attention"));
  return tf.add(attended, dropped(mlp(params.mlp, layerNorm(params.norm2, attended)), "mlp"));
}

/** Multiply-adds of the block for one image, with or without a class token. */
export function cvtBlockMultiplyAdds(block: CvtBlock, classToken: boolean): number {
  const tokens = block.size[0] * block.size[1] + Number(classToken);
  return convAttentionMultiplyAdds(block, classToken) + 2 * tokens * block.embed * block.hidden;
}
