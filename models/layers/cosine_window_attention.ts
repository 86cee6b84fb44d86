/**
 * Self-attention inside windows by the cosine of queries and keys, at a temperature that each head learns, with positions
 * by a perceptron.
 *
 * Z. Liu et al., "Swin Transformer V2: Scaling Up Capacity and Resolution", arXiv 2111.09883.
 *
 * @module
 */

import { foldIn, type Key } from "../../pipeline/random.ts";
import { linear as linearOp } from "../backend/ops/linear.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import {
  continuousPositions,
  type ContinuousPositionsParams,
  initContinuousPositions,
} from "./continuous_positions.ts";
import { initNormal } from "./initial_values.ts";
import { linear, type LinearParams } from "./linear.ts";
import { positionBias } from "./relative_positions.ts";
import { scaledUnitVectors } from "./scaled_unit_vectors.ts";
import { attend, type WindowAttentionOptions } from "./window_attention.ts";
import type { RowsColumns } from "./window_partition.ts";

/** Parameters of cosine attention in windows. */
export type CosineWindowAttentionParams = {
  /** Queries, keys and values of a token, `[embed, 3 embed]`: in that order, and in each head by head. */
  readonly qkv: { readonly weight: Tensor };
  /** Offset of queries, `[embed]`; keys have none. */
  readonly queryBias: Tensor;
  /** Offset of values, `[embed]`. */
  readonly valueBias: Tensor;
  /** Logarithm of the factor of cosines, `[heads]`; above ln 100 it counts as that. */
  readonly logScale: Tensor;
  /** The perceptron that makes positions. */
  readonly positions: ContinuousPositionsParams;
  /** What the heads found put together, `[embed, embed]`. */
  readonly proj: LinearParams;
};

/** How cosine attention in windows is applied. */
export interface CosineWindowAttentionOptions extends WindowAttentionOptions {
  /** Rows and columns of a window. */
  readonly window: RowsColumns;
}

/** Standard deviation of fresh weights. */
const DEVIATION = 0.02;

/** The greatest factor of cosines. */
const GREATEST_SCALE = 100;

/** Fresh parameters: weights are normal with deviation 0.02, offsets are 0, cosines count ten times. */
export function initCosineWindowAttention(
  key: Key,
  embed: number,
  heads: number,
): CosineWindowAttentionParams {
  return {
    qkv: { weight: initNormal(foldIn(key, "qkv"), [embed, 3 * embed], DEVIATION) },
    queryBias: tf.zeros([embed]),
    valueBias: tf.zeros([embed]),
    logScale: tf.fill([heads], Math.log(10)),
    positions: initContinuousPositions(foldIn(key, "positions"), heads),
    proj: { weight: initNormal(foldIn(key, "proj"), [embed, embed], DEVIATION), bias: tf.zeros([embed]) },
  };
}

/** `[windows, tokens, embed]` → `[windows, tokens, embed]`. */
export function cosineWindowAttention(
  params: CosineWindowAttentionParams,
  x: Tensor,
  { heads, positions, window, mask, dropout, key }: CosineWindowAttentionOptions,
): Tensor {
  return tf.tidy(() => {
    const [windows, tokens, embed] = x.shape as [number, number, number];
    const { queryBias, valueBias } = params;
    const offsets = tf.concat([queryBias, tf.zeros([embed]), valueBias]);
    const packed = linearOp(x, params.qkv.weight, offsets);
    // Queries with their factor: that of the scores is then 1.
    const factors = tf.concat([
      tf.exp(tf.minimum(params.logScale, Math.log(GREATEST_SCALE))),
      tf.ones([heads]),
    ]);
    const scaled = scaledUnitVectors(
      tf.reshape(packed, [windows * tokens, 3 * heads, embed / heads]),
      factors,
    );
    const cosines = tf.reshape(scaled, packed.shape);
    const bias = positionBias(continuousPositions(params.positions, positions, window), positions);
    return linear(params.proj, attend(cosines, heads, { bias, mask, scale: 1, dropout, key }));
  });
}
