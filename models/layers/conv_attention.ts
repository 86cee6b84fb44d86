/**
 * The attention of a CvT: queries, keys and values are convolutions of the map of tokens, those of keys and values with
 * a stride.
 *
 * H. Wu et al., "CvT: Introducing Convolutions to Vision Transformers", arXiv 2103.15808.
 *
 * @module
 */

import { foldIn, type Key } from "../../pipeline/random.ts";
import { attention } from "../backend/ops/attention.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import type { ApplyOptions } from "../model.ts";
import { collectChoice, type SlidingWindow, stridedSize, windowsOf } from "./adaptive_stride.ts";
import {
  depthwiseProjection,
  type DepthwiseProjectionParams,
  initDepthwiseProjection,
} from "./depthwise_projection.ts";
import { initNormal } from "./initial_values.ts";
import { linear, type LinearParams } from "./linear.ts";
import { within } from "./within.ts";

/** Parameters of the attention. */
export type ConvAttentionParams = {
  /** What makes queries. */
  readonly queries: DepthwiseProjectionParams;
  /** What makes keys. */
  readonly keys: DepthwiseProjectionParams;
  /** What makes values. */
  readonly values: DepthwiseProjectionParams;
  /** What the heads found put together, `[embed, embed]`. */
  readonly proj: LinearParams;
};

/** Size of the attention. */
export interface ConvAttention {
  /** Embed dim of a token. */
  readonly embed: number;
  /** Heads, which divide the embed dim. */
  readonly heads: number;
  /** Rows and columns of tokens. */
  readonly size: readonly [height: number, width: number];
  /** The window of queries, of stride 1. */
  readonly queries: SlidingWindow;
  /** The window of keys and values. */
  readonly keys: SlidingWindow;
  /** Exponent of the energy of keys. Default 2. */
  readonly p?: number;
}

/** Standard deviation of fresh weights of linear layers, as the authors'. */
const DEVIATION = 0.02;

/** Fresh parameters: convolutions as PyTorch's `nn.Conv2d`, linear maps normal of deviation 0.02 without bias. */
export function initConvAttention(key: Key, { embed, queries, keys }: ConvAttention): ConvAttentionParams {
  const of = (name: string, { kernelSize }: SlidingWindow) =>
    initDepthwiseProjection(foldIn(key, name), kernelSize, embed);
  return {
    queries: of("queries", queries),
    keys: of("keys", keys),
    values: of("values", keys),
    proj: { weight: initNormal(foldIn(key, "proj"), [embed, embed], DEVIATION), bias: tf.zeros([embed]) },
  };
}

/**
 * `[batch, tokens, embed]` → the same. A class token stands before those of the map and skips the convolutions. Scores are
 * divided by `√embed`, as the authors' code does, and not by the root of a head's share.
 *
 * On an adaptive grid keys choose the polyphase and values take the same: the set that queries look at then is the same
 * whatever the shift. `collect` is handed `keys.phase` `[batch, 2]` and `keys.gap` `[batch]`.
 *
 * @throws {PolyphaseError} if the grid is adaptive and the stride does not divide the map
 */
export function convAttention(
  params: ConvAttentionParams,
  x: Tensor,
  shape: ConvAttention,
  options: ApplyOptions = {},
): Tensor {
  const { heads, embed, size: [height, width], p } = shape;
  const tokens = x.shape[1]!;
  const isBefore = tokens > height * width;
  const before = isBefore ? tf.slice(x, [0, 0, 0], [-1, 1, -1]) : undefined;
  const map = tf.reshape(isBefore ? tf.slice(x, [0, 1, 0]) : x, [-1, height, width, embed]);
  const normsOf = (name: string) => {
    const { training, update } = within(options, `${name}.norm`);
    return { training, update };
  };
  const queries = depthwiseProjection(params.queries, map, shape.queries, normsOf("queries"));
  const keys = depthwiseProjection(params.keys, map, shape.keys, { ...normsOf("keys"), p });
  const { choice } = keys;
  const values = depthwiseProjection(params.values, map, shape.keys, { ...normsOf("values"), choice });
  collectChoice(options, "keys", choice);
  const [q, k, v] = ([["queries", queries], ["keys", keys], ["values", values]] as const)
    .map(([name, { output }]) => {
      const flat = tf.reshape(output, [-1, output.shape[1]! * output.shape[2]!, embed]);
      const all = before === undefined ? flat : tf.concat([before, flat], 1);
      return perHead(linear(params[name].linear, all), heads);
    });
  const found = tf.transpose(attention(q, k, v, { scale: 1 / Math.sqrt(embed) }), [0, 2, 1, 3]);
  return linear(params.proj, tf.reshape(found, [-1, tokens, embed]));
}

/** Multiply-adds of the attention, with or without a class token: all convolutions, linear maps and products. */
export function convAttentionMultiplyAdds(
  { embed, size, queries, keys }: ConvAttention,
  classToken: boolean,
): number {
  const extra = Number(classToken);
  const [asking, [rows, columns]] = [size[0] * size[1] + extra, stridedSize(size, keys)];
  const looked = rows * columns + extra;
  const convolved = windowsOf(size, queries) * queries.kernelSize ** 2 +
    2 * windowsOf(size, keys) * keys.kernelSize ** 2;
  return embed * (convolved + 2 * asking * embed + 2 * looked * embed + 2 * asking * looked);
}

/** `[batch, tokens, embed]` → `[batch, heads, tokens, embed / heads]`. */
function perHead(x: Tensor, heads: number): Tensor {
  const [batch, tokens, embed] = x.shape as [number, number, number];
  return tf.transpose(tf.reshape(x, [batch, tokens, heads, embed / heads]), [0, 2, 1, 3]);
}
