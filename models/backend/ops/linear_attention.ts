/**
 * Attention in linear time: queries and keys become vectors of positive random features whose products stand for the
 * scores, so that keys and values are summed up once for all queries (FAVOR+).
 *
 * K. Choromanski et al., "Rethinking Attention with Performers", arXiv 2009.14794.
 *
 * @module
 */

import { PolyphaseError } from "../../../pipeline/errors.ts";
import { type Tensor, tf } from "../tf.ts";
import { detached, differentiable, type ExactOption, isExact } from "./differentiable.ts";

/** Which scores the features stand for: those of softmax, or the product of rectified projections. */
export type FavorKernel = "softmax" | "relu";

/** Options of {@linkcode favorFeatures}. */
export interface FavorOptions extends ExactOption {
  /** Which scores the features stand for. Default `softmax`. */
  readonly kernel?: FavorKernel;
  /** Is added to every feature, which keeps sums of them above 0. Default 1e-4 for `softmax`, 1e-3 for `relu`. */
  readonly epsilon?: number;
}

/** What is added to every feature by default. */
const EPSILONS: Readonly<Record<FavorKernel, number>> = { softmax: 1e-4, relu: 1e-3 };

/**
 * Random features of queries or keys.
 *
 * With `y = x / dim^¼` and `p = y · projectionᵀ`, those of `softmax` are `(exp(p − |y|²/2 − s) + epsilon) / √features`: for
 * `s = 0` and `epsilon = 0` the product of those of a query and a key is `exp(q · k / √dim)` on average over normally
 * distributed projections. `s` keeps the exponential from overflowing: the greatest `p` of a query, or of all keys of a
 * head; attention divides it out. It counts as a constant to gradients. Those of `relu` are `max(p, 0) + epsilon`.
 *
 * @param x queries or keys `[batch, heads, tokens, dim]`
 * @param projection `[features, dim]`, which has no gradient
 * @param role whether they are queries or keys
 * @returns `[batch, heads, tokens, features]`, all positive
 * @throws {PolyphaseError} if the shapes do not fit
 */
export function favorFeatures(
  x: Tensor,
  projection: Tensor,
  role: "query" | "key",
  options: FavorOptions = {},
): Tensor {
  const { kernel = "softmax", epsilon = EPSILONS[kernel] } = options;
  if (x.rank !== 4 || projection.rank !== 2 || x.shape[3] !== projection.shape[1]) {
    throw new PolyphaseError(
      `favorFeatures got x [${x.shape}] and projection [${projection.shape}], expected ` +
        `[batch, heads, tokens, dim] and [features, dim]: reshape them`,
    );
  }
  return tf.tidy(() => {
    const [batch, heads, tokens, dim] = x.shape as [number, number, number, number];
    const features = projection.shape[0];
    const rows = tf.reshape(x, [batch * heads, tokens, dim]);
    const all = { features, kernel, epsilon, role };
    const found = isExact(options) || kernel === "relu"
      ? plainFeatures(rows, projection, all)
      : softmaxFeatures(rows, projection, all);
    return tf.reshape(found, [batch, heads, tokens, features]);
  });
}

/** Options with their defaults, and how many features there are. */
type Settings = Required<Pick<FavorOptions, "kernel" | "epsilon">> & {
  readonly features: number;
  readonly role: "query" | "key";
};

/** `p` of `x [groups, tokens, dim]`, `[groups, tokens, features]`. */
function projected(x: Tensor, projection: Tensor): Tensor {
  const [groups, tokens, dim] = x.shape as [number, number, number];
  const scaled = tf.mul(tf.reshape(x, [groups * tokens, dim]), dim ** -0.25);
  return tf.reshape(tf.matMul(scaled, projection, false, true), [groups, tokens, projection.shape[0]]);
}

/** `|y|²/2` of `x [groups, tokens, dim]`, `[groups, tokens, 1]`. */
function halfSquares(x: Tensor): Tensor {
  return tf.mul(tf.sum(tf.square(x), -1, true), 0.5 * x.shape[2]! ** -0.5);
}

/** `s` of `p`, `[groups, tokens or 1, 1]`. */
function stabilizer(p: Tensor, role: "query" | "key"): Tensor {
  return tf.max(p, role === "query" ? [2] : [1, 2], true);
}

/** Of plain operations, with right second derivatives. */
function plainFeatures(x: Tensor, projection: Tensor, { features, kernel, epsilon, role }: Settings): Tensor {
  const p = projected(x, projection);
  if (kernel === "relu") return tf.add(tf.relu(p), epsilon);
  const exponent = tf.sub(tf.sub(p, halfSquares(x)), detached(() => stabilizer(p, role)));
  return tf.mul(tf.add(tf.exp(exponent), epsilon), features ** -0.5);
}

/** The same numbers as {@linkcode plainFeatures} up to rounding, with fewer walks over the features, here and back. */
function softmaxFeatures(x: Tensor, projection: Tensor, { features, epsilon, role }: Settings): Tensor {
  const added = epsilon * features ** -0.5;
  return differentiable({ x }, (save) => {
    const p = projected(x, projection);
    // Of one number a token: the division by √features goes into the exponent too.
    const less = tf.add(tf.add(halfSquares(x), stabilizer(p, role)), Math.log(features) / 2);
    const y = tf.add(tf.exp(tf.sub(p, less)), added);
    save(x, projection, y);
    return y;
  }, (dy, x, projection, y) => ({
    x: () => {
      const [groups, tokens, dim] = x.shape as [number, number, number];
      // An exponential is its own derivative; without the stabilizer, a constant.
      const dp = tf.reshape(tf.mul(dy, tf.sub(y, added)), [groups * tokens, features]);
      const along = tf.reshape(tf.mul(tf.matMul(dp, projection), dim ** -0.25), x.shape);
      const total = tf.reshape(tf.mul(tf.sum(dp, 1), dim ** -0.5), [groups, tokens, 1]);
      return tf.sub(along, tf.mul(x, total));
    },
  }));
}

/**
 * Attention of features: for each query the mean of the values, weighted by the products of its features and the keys'.
 * Time and memory grow with `queries + keys`, not with their product.
 *
 * @param q features of queries `[batch, heads, queries, features]`, all positive
 * @param k features of keys `[batch, heads, keys, features]`, all positive
 * @param v values `[batch, heads, keys, value dim]`
 * @returns `[batch, heads, queries, value dim]`
 * @throws {PolyphaseError} if the shapes do not fit
 */
export function linearAttention(q: Tensor, k: Tensor, v: Tensor): Tensor {
  const fits = q.rank === 4 && k.rank === 4 && v.rank === 4 && q.shape[3] === k.shape[3] &&
    k.shape[2] === v.shape[2] &&
    [0, 1].every((axis) => q.shape[axis] === k.shape[axis] && q.shape[axis] === v.shape[axis]);
  if (!fits) {
    throw new PolyphaseError(
      `linearAttention got q [${q.shape}], k [${k.shape}] and v [${v.shape}], expected ` +
        `[batch, heads, queries, features], [batch, heads, keys, features] and [batch, heads, keys, value dim]: ` +
        `reshape them`,
    );
  }
  return tf.tidy(() => {
    const width = v.shape[3]!;
    // A value of 1 more: what becomes of it is the sum of the weights.
    const counted = tf.pad(v, [[0, 0], [0, 0], [0, 0], [0, 1]], 1);
    const sums = tf.matMul(q, tf.matMul(k, counted, true, false));
    const [values, weights] = tf.split(sums, [width, 1], 3);
    return tf.div(values, weights);
  });
}
