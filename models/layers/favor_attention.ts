/**
 * Multi-head self-attention in linear time, by random features of queries and keys (FAVOR+).
 *
 * K. Choromanski et al., "Rethinking Attention with Performers", arXiv 2009.14794.
 *
 * @module
 */

import { foldIn, type Key } from "../../pipeline/random.ts";
import { favorFeatures, type FavorOptions, linearAttention } from "../backend/ops/linear_attention.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import { initLinear, linear, type LinearParams } from "./linear.ts";
import { orthogonalFeatures } from "./orthogonal_features.ts";

export type { FavorKernel, FavorOptions } from "../backend/ops/linear_attention.ts";

/** Parameters of {@linkcode favorAttention}. */
export type FavorAttentionParams = {
  /** Queries, keys and values of a token, `[embed, 3 embed]`: in that order, and in each head by head. */
  readonly qkv: LinearParams;
  /** What the heads found put together, `[embed, embed]`. */
  readonly proj: LinearParams;
  /** What queries and keys of every head are projected on, `[features, embed / heads]`: a buffer, drawn and not trained. */
  readonly projection: Tensor;
};

/** How {@linkcode favorAttention} is applied. */
export interface FavorAttentionOptions extends FavorOptions {
  /** Heads, which divide the embed dim. */
  readonly heads: number;
}

/**
 * Fresh parameters: linear layers as PyTorch's `nn.Linear`, and orthogonal projections.
 *
 * @param features rows of the projection
 */
export function initFavorAttention(
  key: Key,
  embed: number,
  heads: number,
  features: number,
): FavorAttentionParams {
  const dim = embed / heads;
  return {
    qkv: initLinear(foldIn(key, "qkv"), embed, 3 * embed),
    proj: initLinear(foldIn(key, "proj"), embed, embed),
    projection: tf.tensor(orthogonalFeatures(foldIn(key, "projection"), features, dim), [features, dim]),
  };
}

/** `[batch, tokens, embed]` → `[batch, tokens, embed]`. */
export function favorAttention(
  { qkv, proj, projection }: FavorAttentionParams,
  x: Tensor,
  { heads, ...options }: FavorAttentionOptions,
): Tensor {
  return tf.tidy(() => {
    const [batch, tokens, embed] = x.shape as [number, number, number];
    const { exact } = options;
    // Cut before the product and not after it: the parameters are small, the tokens of all images are not.
    const [weights, biases] = [tf.split(qkv.weight, 3, 1), tf.split(qkv.bias, 3)];
    const [q, k, v] = weights.map((weight, part) => {
      const rows = linear({ weight, bias: biases[part] }, x, { exact });
      return tf.transpose(tf.reshape(rows, [batch, tokens, heads, embed / heads]), [0, 2, 1, 3]);
    });
    const found = linearAttention(
      favorFeatures(q, projection, "query", options),
      favorFeatures(k, projection, "key", options),
      v,
    );
    return linear(proj, tf.reshape(tf.transpose(found, [0, 2, 1, 3]), [batch, tokens, embed]), { exact });
  });
}
