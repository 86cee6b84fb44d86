/**
 * Multi-head self-attention, as PyTorch's `nn.MultiheadAttention` with queries, keys and values of the same tokens.
 *
 * A. Vaswani et al., "Attention Is All You Need", arXiv 1706.03762.
 *
 * @module
 */

import type { Key } from "../../pipeline/random.ts";
import type { ExactOption } from "../backend/ops/differentiable.ts";
import { packedAttention } from "../backend/ops/packed_attention.ts";
import { softmax } from "../backend/ops/softmax.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import { dropout } from "./dropout.ts";
import { initUniform, initXavier } from "./initial_values.ts";
import { linear, type LinearParams } from "./linear.ts";

/** Parameters of multi-head self-attention. */
export type MultiHeadAttentionParams = {
  /** Queries, keys and values of a token, `[embed, 3 embed]`: in that order, and in each head by head. */
  readonly qkv: LinearParams;
  /** What the heads found put together, `[embed, embed]`. */
  readonly proj: LinearParams;
};

/** How {@linkcode multiHeadAttention} is applied. */
export interface MultiHeadAttentionOptions extends ExactOption {
  /** Heads, which divide the embed dim. */
  readonly heads: number;
  /** How many of the first tokens to work out, while all are looked at. Default all. */
  readonly first?: number;
  /** Rate at which probabilities are dropped in training. Default 0. */
  readonly dropout?: number;
  /** Random key of training. Without one nothing is dropped. */
  readonly key?: Key;
  /** Is added to the scores, broadcastable to `[batch, heads, first, tokens]`; has a gradient. Default none. */
  readonly bias?: Tensor;
}

/**
 * Fresh parameters, as `nn.MultiheadAttention`: `qkv` Xavier-uniform as one matrix, `proj` uniform in ±1/√embed, no bias.
 */
export function initMultiHeadAttention(forQkv: Key, forProj: Key, embed: number): MultiHeadAttentionParams {
  return {
    qkv: { weight: initXavier(forQkv, embed, 3 * embed), bias: tf.zeros([3 * embed]) },
    proj: { weight: initUniform(forProj, [embed, embed], 1 / Math.sqrt(embed)), bias: tf.zeros([embed]) },
  };
}

/** `[batch, tokens, embed]` → `[batch, first, embed]`, by default for all tokens. */
export function multiHeadAttention(
  params: MultiHeadAttentionParams,
  x: Tensor,
  { heads, first, dropout: rate = 0, key, bias, exact }: MultiHeadAttentionOptions,
): Tensor {
  return tf.tidy(() => {
    const packed = linear(params.qkv, x, { exact });
    const found = key !== undefined && rate > 0
      ? droppedAttention(packed, {
        heads,
        first,
        bias,
        exact,
        drop: (all) => dropout(all, rate, key, "probabilities"),
      })
      : packedAttention(packed, heads, { queries: first, bias, exact });
    return linear(params.proj, found, { exact });
  });
}

/** Attention with some of the probabilities dropped, which the fused op does not show. */
function droppedAttention(
  packed: Tensor,
  { heads, first, bias, exact, drop }:
    & Pick<MultiHeadAttentionOptions, "heads" | "first" | "bias" | "exact">
    & {
      readonly drop: (probabilities: Tensor) => Tensor;
    },
): Tensor {
  const [batch, tokens, width] = packed.shape as [number, number, number];
  const dim = width / 3 / heads;
  const parts = tf.transpose(tf.reshape(packed, [batch, tokens, 3, heads, dim]), [2, 0, 3, 1, 4]);
  const [all, k, v] = tf.unstack(parts);
  const queries = first ?? tokens;
  const q = queries === tokens ? all : tf.slice(all, [0, 0, 0, 0], [-1, -1, queries, -1]);
  const found = tf.matMul(drop(probabilities(q, k, bias, exact)), v);
  return tf.reshape(tf.transpose(found, [0, 2, 1, 3]), [batch, queries, heads * dim]);
}

/** How much each query looks at each key, `[batch, heads, queries, keys]`. */
function probabilities(
  q: Tensor,
  k: Tensor,
  bias: Tensor | undefined,
  exact: boolean | undefined,
): Tensor {
  const scores = tf.matMul(tf.mul(q, 1 / Math.sqrt(q.shape[3]!)), k, false, true);
  return softmax(bias === undefined ? scores : tf.add(scores, bias), { exact });
}
