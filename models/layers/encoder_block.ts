/**
 * The block of a vision transformer's encoder: attention, then a perceptron, each behind a normalization and beside a
 * way around it.
 *
 * A. Dosovitskiy et al., "An Image is Worth 16x16 Words", arXiv 2010.11929.
 *
 * @module
 */

import { foldIn, type Key } from "../../pipeline/random.ts";
import type { ExactOption } from "../backend/ops/differentiable.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import { attentionBias, type AttentionBiasParams, type AttentionBiasPlan } from "./attention_bias.ts";
import { dropout } from "./dropout.ts";
import { initNormal, initXavier } from "./initial_values.ts";
import { initLayerNorm, layerNorm, type LayerNormParams } from "./layer_norm.ts";
import type { LinearParams } from "./linear.ts";
import { mlp, type MlpParams } from "./mlp.ts";
import {
  initMultiHeadAttention,
  multiHeadAttention,
  type MultiHeadAttentionParams,
} from "./multi_head_attention.ts";

/** Parameters of an encoder block. */
export type EncoderBlockParams = {
  /** Normalization before attention. */
  readonly norm1: LayerNormParams;
  /** Self-attention. */
  readonly attention: MultiHeadAttentionParams;
  /** The bias of attention by position, if there is one. */
  readonly positions?: AttentionBiasParams;
  /** Normalization before the perceptron. */
  readonly norm2: LayerNormParams;
  /** The perceptron. */
  readonly mlp: MlpParams;
};

/** How {@linkcode encoderBlock} is applied. */
export interface EncoderBlockOptions extends ExactOption {
  /** Heads of attention, which divide the embed dim. */
  readonly heads: number;
  /** Rate at which values are dropped after attention, and in and after the perceptron, in training. Default 0. */
  readonly dropout?: number;
  /** Rate at which probabilities of attention are dropped in training. Default 0. */
  readonly attentionDropout?: number;
  /** Random key of training. Without one nothing is dropped. */
  readonly key?: Key;
  /** Where the parameters `positions` are looked up. Without it no bias is added. */
  readonly positions?: AttentionBiasPlan;
  /** How many of the first tokens to work out, while attention looks at all. Default all. */
  readonly first?: number;
  /** Is handed the tokens between attention and perceptron, `[batch, first, embed]`. */
  readonly collect?: (attended: Tensor) => void;
}

/** What is added to the variance by the normalizations of a vision transformer. */
export const VIT_EPSILON = 1e-6;

/** Standard deviation of a fresh bias of the perceptron. */
const BIAS_DEVIATION = 1e-6;

/** Fresh parameters, as torchvision's: the perceptron is Xavier-uniform with biases of deviation 1e-6. */
export function initEncoderBlock(key: Key, embed: number, hidden: number): EncoderBlockParams {
  const of = (name: string) => foldIn(key, name);
  const perceptron = (name: string, inputs: number, outputs: number): LinearParams => ({
    weight: initXavier(of(`${name}.weight`), inputs, outputs),
    bias: initNormal(of(`${name}.bias`), [outputs], BIAS_DEVIATION),
  });
  return {
    norm1: initLayerNorm(embed),
    attention: initMultiHeadAttention(of("qkv"), of("proj"), embed),
    norm2: initLayerNorm(embed),
    mlp: { fc1: perceptron("fc1", embed, hidden), fc2: perceptron("fc2", hidden, embed) },
  };
}

/** `[batch, tokens, embed]` → `[batch, first, embed]`, by default for all tokens. */
export function encoderBlock(params: EncoderBlockParams, x: Tensor, options: EncoderBlockOptions): Tensor {
  const { heads, attentionDropout, key, positions, first, exact, collect } = options;
  const rate = options.dropout ?? 0;
  const attended = tf.tidy(() => {
    const normalized = layerNorm(params.norm1, x, { epsilon: VIT_EPSILON, exact });
    const found = multiHeadAttention(params.attention, normalized, {
      heads,
      first,
      dropout: attentionDropout,
      key: key && foldIn(key, "attention"),
      bias: params.positions && positions && attentionBias(params.positions, positions, first),
      exact,
    });
    const kept = first === undefined ? x : tf.slice(x, [0, 0, 0], [-1, first, -1]);
    return tf.add(kept, dropout(found, rate, key, "attended"));
  });
  collect?.(attended);
  return tf.tidy(() => {
    const normalized = layerNorm(params.norm2, attended, { epsilon: VIT_EPSILON, exact });
    return tf.add(
      attended,
      mlp(params.mlp, normalized, { dropout: rate, key: key && foldIn(key, "mlp"), exact }),
    );
  });
}
