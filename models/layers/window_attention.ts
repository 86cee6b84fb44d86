/**
 * Self-attention inside windows, with a learned bias by relative position.
 *
 * Z. Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows", arXiv 2103.14030.
 *
 * Where the windows begin is not its business: plain and adaptive windows share it.
 *
 * @module
 */

import { foldIn, type Key } from "../../pipeline/random.ts";
import { packedAttention } from "../backend/ops/packed_attention.ts";
import { softmax } from "../backend/ops/softmax.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import { dropout as drop } from "./dropout.ts";
import { initNormal } from "./initial_values.ts";
import { linear, type LinearParams } from "./linear.ts";
import { positionBias, type RelativePositions } from "./relative_positions.ts";

/** Parameters of attention in windows. */
export type WindowAttentionParams = {
  /** Queries, keys and values of a token, `[embed, 3 embed]`: in that order, and in each head by head. */
  readonly qkv: LinearParams;
  /** What the heads found put together, `[embed, embed]`. */
  readonly proj: LinearParams;
  /** What is added to a score for each relative position, `[entries, heads]`. */
  readonly positions: Tensor;
};

/** How attention in windows is applied. */
export interface WindowAttentionOptions {
  /** Heads, which divide the embed dim. */
  readonly heads: number;
  /** The relative positions in a window. */
  readonly positions: RelativePositions;
  /** Which tokens see each other: bool, `[windows, 1, tokens, tokens]`. Default: all. */
  readonly mask?: Tensor;
  /** Rate at which probabilities are dropped in training. Default 0. */
  readonly dropout?: number;
  /** Random key of training. Without one nothing is dropped. */
  readonly key?: Key;
}

/** Standard deviation of fresh weights and positions. */
const DEVIATION = 0.02;

/** Fresh parameters: weights and positions are normal with deviation 0.02, offsets are 0. */
export function initWindowAttention(
  key: Key,
  embed: number,
  heads: number,
  { entries }: RelativePositions,
): WindowAttentionParams {
  const weight = (name: string, shape: readonly number[]) => initNormal(foldIn(key, name), shape, DEVIATION);
  return {
    qkv: { weight: weight("qkv", [embed, 3 * embed]), bias: tf.zeros([3 * embed]) },
    proj: { weight: weight("proj", [embed, embed]), bias: tf.zeros([embed]) },
    positions: weight("positions", [entries, heads]),
  };
}

/** `[windows, tokens, embed]` → `[windows, tokens, embed]`. */
export function windowAttention(
  params: WindowAttentionParams,
  x: Tensor,
  { heads, positions, mask, dropout, key }: WindowAttentionOptions,
): Tensor {
  return tf.tidy(() => {
    const bias = positionBias(params.positions, positions);
    const found = attend(linear(params.qkv, x), heads, { bias, mask, dropout, key });
    return linear(params.proj, found);
  });
}

/** How {@linkcode attend} works. */
export interface AttendOptions extends Pick<WindowAttentionOptions, "mask" | "dropout" | "key"> {
  /** Is added to the scores, `[1, heads, tokens, tokens]`. */
  readonly bias: Tensor;
  /** Factor of the scores. Default `1/√dim`. */
  readonly scale?: number;
}

/**
 * What the heads find: `[windows, tokens, 3 · embed]` → `[windows, tokens, embed]`. Where probabilities are dropped it goes
 * step by step, as the fused op does not show them.
 */
export function attend(
  packed: Tensor,
  heads: number,
  { bias, mask, scale, dropout: rate = 0, key }: AttendOptions,
): Tensor {
  if (key === undefined || rate === 0) return packedAttention(packed, heads, { bias, mask, scale });
  const [windows, tokens, width] = packed.shape as [number, number, number];
  const dim = width / 3 / heads;
  const parts = tf.transpose(tf.reshape(packed, [windows, tokens, 3, heads, dim]), [2, 0, 3, 1, 4]);
  const [q, k, v] = tf.unstack(parts);
  const scores = tf.add(tf.matMul(tf.mul(q, scale ?? 1 / Math.sqrt(dim)), k, false, true), bias);
  // Every token sees itself, so no row is hidden as a whole.
  const seen = mask === undefined ? scores : tf.where(mask, scores, -1e30);
  const found = tf.matMul(drop(softmax(seen), rate, key, "probabilities"), v);
  return tf.reshape(tf.transpose(found, [0, 2, 1, 3]), [windows, tokens, width / 3]);
}
