/**
 * The attention of MViTv2: queries, keys and values are pooled by depthwise convolutions, whose filters all heads share,
 * and pooled queries are added to what they found.
 *
 * Y. Li et al., "MViTv2: Improved Multiscale Vision Transformers for Classification and Detection", arXiv 2112.01526.
 *
 * @module
 */

import { foldIn, type Key } from "../../pipeline/random.ts";
import { attention } from "../backend/ops/attention.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import type { ApplyOptions } from "../model.ts";
import {
  collectChoice,
  type SlidingWindow,
  type Strided,
  strided,
  type StridedOptions,
  stridedSize,
  strideOver,
  windowsOf,
} from "./adaptive_stride.ts";
import { conv2d } from "./conv2d.ts";
import {
  type DecomposedPositions,
  decomposedPositions,
  decomposedPositionsMultiplyAdds,
  type DecomposedPositionsParams,
  initDecomposedPositions,
} from "./decomposed_positions.ts";
import { initNormal, initUniform } from "./initial_values.ts";
import { initLayerNorm, layerNorm, type LayerNormParams } from "./layer_norm.ts";
import { linear, type LinearParams } from "./linear.ts";

/** Parameters of a pooling of queries, keys or values. */
export type HeadPoolingParams = {
  /** The convolution, which has no bias. */
  readonly conv: {
    /** `[kernel, kernel, 1, head dim]`. */
    readonly weight: Tensor;
  };
  /** The normalization of what it makes, `[head dim]`. */
  readonly norm: LayerNormParams;
};

/** Parameters of the attention. */
export type PoolingAttentionParams = {
  /** Queries, keys and values of a token, `[in, 3 embed]`: in that order, and in each head by head. */
  readonly qkv: LinearParams;
  /** Pooling of queries. */
  readonly queries: HeadPoolingParams;
  /** Pooling of keys. */
  readonly keys: HeadPoolingParams;
  /** Pooling of values. */
  readonly values: HeadPoolingParams;
  /** Vectors of relative positions. */
  readonly positions: DecomposedPositionsParams;
  /** What the heads found put together, `[embed, embed]`. */
  readonly proj: LinearParams;
};

/** Size of the attention. */
export interface PoolingAttention {
  /** Channels that come in. */
  readonly inputs: number;
  /** Embed dim of queries, keys and values, all heads together. */
  readonly embed: number;
  /** Heads, which divide the embed dim. */
  readonly heads: number;
  /** Rows and columns of the map that comes in. */
  readonly size: readonly [height: number, width: number];
  /** The window of queries. */
  readonly queries: SlidingWindow;
  /** The window of keys and values. */
  readonly keys: SlidingWindow;
  /** Whether relative positions go around the border. */
  readonly circularPositions: boolean;
  /** Exponent of the energies of queries and keys. Default 2. */
  readonly p?: number;
}

/** What a token is made into, in the order of the linear map. */
const PARTS = ["queries", "keys", "values"] as const;

/** What is added to the variance by the normalizations of MViTv2. */
export const MVIT_EPSILON = 1e-6;

/** Standard deviation of fresh weights of linear layers. */
const DEVIATION = 0.02;

/** Fresh parameters: convolutions as PyTorch's `nn.Conv2d`, linear maps normal of deviation 0.02 without bias. */
export function initPoolingAttention(key: Key, shape: PoolingAttention): PoolingAttentionParams {
  const { inputs, embed, heads, queries, keys } = shape;
  const dim = embed / heads;
  const pooling = (name: string, { kernelSize }: SlidingWindow): HeadPoolingParams => ({
    conv: { weight: initUniform(foldIn(key, name), [kernelSize, kernelSize, 1, dim], 1 / kernelSize) },
    norm: initLayerNorm(dim),
  });
  const map = (name: string, from: number, to: number): LinearParams => ({
    weight: initNormal(foldIn(key, name), [from, to], DEVIATION),
    bias: tf.zeros([to]),
  });
  return {
    qkv: map("qkv", inputs, 3 * embed),
    queries: pooling("queries", queries),
    keys: pooling("keys", keys),
    values: pooling("values", keys),
    positions: initDecomposedPositions(foldIn(key, "positions"), poolingPositions(shape), dim),
    proj: map("proj", embed, embed),
  };
}

/**
 * `[batch, height, width, in]` → `[batch, ⌈height / stride⌉, ⌈width / stride⌉, embed]`, the stride being that of queries.
 *
 * On an adaptive grid queries and keys each choose a polyphase, by the energy of what the convolution makes before it is
 * normalized, one for all heads; values take that of keys. The choice of queries moves the map that goes out, so whoever
 * adds something must take the same polyphase. `collect` is handed `queries.phase` `[batch, 2]` and `queries.gap`
 * `[batch]`, and likewise for `keys`.
 *
 * @returns the map, and the choice of queries if there was one
 * @throws {PolyphaseError} if a grid is adaptive and its stride does not divide the map
 */
export function poolingAttention(
  params: PoolingAttentionParams,
  x: Tensor,
  shape: PoolingAttention,
  options: Pick<ApplyOptions, "collect"> = {},
): Strided {
  const { embed, heads, p } = shape;
  // The weights are taken apart, not what they make, which is larger.
  const [weights, biases] = [tf.split(params.qkv.weight, 3, 1), tf.split(params.qkv.bias, 3)];
  const pool = (name: typeof PARTS[number], how: StridedOptions) => {
    const part = PARTS.indexOf(name);
    return pooled(params[name], linear({ weight: weights[part], bias: biases[part] }, x), {
      heads,
      window: name === "queries" ? shape.queries : shape.keys,
      how,
    });
  };
  const q = pool("queries", { p });
  const k = pool("keys", { p });
  const v = pool("values", { choice: k.choice });
  collectChoice(options, "queries", q.choice);
  collectChoice(options, "keys", k.choice);
  const bias = decomposedPositions(params.positions, q.output, poolingPositions(shape), {
    queries: q.choice,
    keys: k.choice,
  });
  const [asking, looked, sought] = [q.output, k.output, v.output].map((each) =>
    tf.reshape(each, [-1, heads, each.shape[2]! * each.shape[3]!, embed / heads])
  );
  const found = tf.add(attention(asking, looked, sought, { bias }), asking);
  const [rows, columns] = q.output.shape.slice(2);
  const together = tf.reshape(tf.transpose(found, [0, 2, 1, 3]), [-1, rows, columns, embed]);
  return { output: linear(params.proj, together), choice: q.choice };
}

/** Multiply-adds of the attention for one image: linear maps, convolutions and products. */
export function poolingAttentionMultiplyAdds(shape: PoolingAttention): number {
  const { inputs, embed, size, queries, keys } = shape;
  const count = ([height, width]: readonly [number, number]) => height * width;
  const [asking, looked] = [count(stridedSize(size, queries)), count(stridedSize(size, keys))];
  const convolved = windowsOf(size, queries) * queries.kernelSize ** 2 +
    2 * windowsOf(size, keys) * keys.kernelSize ** 2;
  return 3 * count(size) * inputs * embed + convolved * embed + 2 * asking * looked * embed +
    asking * embed ** 2 + decomposedPositionsMultiplyAdds(poolingPositions(shape), embed);
}

/** The grids that relative positions are between. */
export function poolingPositions(
  { size, queries, keys, circularPositions }: PoolingAttention,
): DecomposedPositions {
  const [asking, looked] = [stridedSize(size, queries), stridedSize(size, keys)];
  const [queryStrides, keyStrides] = [strideOver(size, queries.stride), strideOver(size, keys.stride)];
  const along = (axis: 0 | 1) => ({
    length: size[axis],
    queries: asking[axis],
    keys: looked[axis],
    queryStride: queryStrides[axis],
    keyStride: keyStrides[axis],
  });
  return { rows: along(0), columns: along(1), circular: circularPositions };
}

/** `[batch, height, width, embed]` → `[batch, heads, rows, columns, head dim]`. */
function pooled(
  { conv, norm }: HeadPoolingParams,
  x: Tensor,
  { heads, window, how }: { heads: number; window: SlidingWindow; how: StridedOptions },
): Strided {
  const embed = x.shape[3]!;
  const [height, width, , dim] = conv.weight.shape as [number, number, number, number];
  const shared = tf.mul(tf.reshape(conv.weight, [height * width, 1, dim]), tf.ones([1, heads, 1]));
  const weight = tf.reshape(shared, [height, width, 1, embed]);
  const { output, choice } = strided(
    x,
    window,
    (map, placing) => conv2d({ weight }, map, { ...placing, groups: embed }),
    how,
  );
  const [batch, rows, columns] = output.shape as [number, number, number, number];
  const apart = layerNorm(norm, tf.reshape(output, [batch, rows, columns, heads, dim]), {
    epsilon: MVIT_EPSILON,
  });
  return { output: tf.transpose(apart, [0, 3, 1, 2, 4]), choice };
}
