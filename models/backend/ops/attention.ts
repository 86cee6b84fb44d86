/**
 * Scaled dot-product attention, as PyTorch's `scaled_dot_product_attention`.
 *
 * A. Vaswani et al., "Attention Is All You Need", arXiv 1706.03762.
 *
 * @module
 */

import { PolyphaseError } from "../../../pipeline/errors.ts";
import { type Tensor, tf } from "../tf.ts";
import { sumToShape } from "./broadcasting.ts";
import { differentiable, type ExactOption, isExact } from "./differentiable.ts";
import { hasFused, runFused } from "./fused_kernels.ts";
import { composedSoftmaxGrad, exactSoftmax } from "./softmax.ts";

/** Options of {@linkcode attention}. */
export interface AttentionOptions extends ExactOption {
  /** Is added to the scores: float32, broadcastable to `[batch, heads, queries, keys]`; has a gradient. */
  readonly bias?: Tensor;
  /** Which key a query sees: bool, broadcastable to `[batch, heads, queries, keys]`. */
  readonly mask?: Tensor;
  /** Factor of the scores. Default `1/√dim`. */
  readonly scale?: number;
}

/**
 * `softmax(scale · q · kᵀ + bias) · v`, the softmax taken over the keys that the mask leaves. A query that sees no key
 * gives zeros.
 *
 * @param q queries `[batch, heads, queries, dim]`
 * @param k keys `[batch, heads, keys, dim]`
 * @param v values `[batch, heads, keys, value dim]`
 * @returns `[batch, heads, queries, value dim]`
 * @throws {PolyphaseError} if the shapes do not fit
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  return tf.tidy(() => {
    expectShapes(q, k, v);
    const scores = [q.shape[0], q.shape[1]!, q.shape[2]!, k.shape[2]!];
    const bias = scoreOperand("attention", "bias", options.bias, scores);
    const mask = scoreOperand("attention", "mask", options.mask, scores);
    const inputs = { q, k, v, bias, mask };
    const scale = options.scale ?? 1 / Math.sqrt(q.shape[3]!);
    if (isExact(options)) return tf.matMul(masked(exactSoftmax(scoresOf(inputs, scale)), mask), v);
    return hasFused("PolyphaseAttention", "PolyphaseAttentionGrad")
      ? fusedAttention(inputs, scale)
      : composedAttention(inputs, scale);
  });
}

/** What attention works on; bias and mask have rank 4. */
type Inputs = {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  readonly bias?: Tensor;
  readonly mask?: Tensor;
};

function expectShapes(q: Tensor, k: Tensor, v: Tensor): void {
  const [left, right, values] = [q.shape, k.shape, v.shape];
  const fits = left.length === 4 && right.length === 4 && values.length === 4 && left[3] === right[3] &&
    [0, 1].every((axis) => left[axis] === right[axis] && left[axis] === values[axis]) &&
    right[2] === values[2];
  if (!fits) {
    throw new PolyphaseError(
      `attention got q [${left}], k [${right}] and v [${values}], expected [batch, heads, queries, dim], ` +
        `[batch, heads, keys, dim] and [batch, heads, keys, value dim]: reshape them`,
    );
  }
}

/**
 * Bias or mask of the scores as a tensor of rank 4, if it is given.
 *
 * @param op name of the op, for errors
 * @param scores shape of the scores `[batch, heads, queries, keys]`
 * @throws {PolyphaseError} if it does not broadcast to the scores, or a mask is not bool
 */
export function scoreOperand(
  op: string,
  name: "bias" | "mask",
  x: Tensor | undefined,
  scores: readonly number[],
): Tensor | undefined {
  if (x === undefined) return undefined;
  const shape = [...new Array(Math.max(0, 4 - x.rank)).fill(1), ...x.shape];
  if (shape.length > 4 || shape.some((length, axis) => length !== 1 && length !== scores[axis])) {
    throw new PolyphaseError(
      `${op} got a ${name} [${x.shape}], expected one broadcastable to the scores [${scores}]: reshape it`,
    );
  }
  if (name === "mask" && x.dtype !== "bool") {
    throw new PolyphaseError(
      `${op} got a mask of ${x.dtype}, expected bool: compare it, or give it as bias if it is to be added`,
    );
  }
  return tf.reshape(x, shape);
}

/** Far below any score, and finite: where all keys are masked, the softmax must not become NaN before it is dropped. */
const HIDDEN = -1e30;

function scoresOf({ q, k, bias, mask }: Inputs, scale: number): Tensor {
  const products = tf.matMul(tf.mul(q, scale), k, false, true);
  const scores = bias ? tf.add(products, bias) : products;
  return mask ? tf.where(mask, scores, HIDDEN) : scores;
}

function masked(probabilities: Tensor, mask: Tensor | undefined): Tensor {
  return mask ? tf.where(mask, probabilities, 0) : probabilities;
}

function differentiableInputs({ q, k, v, bias }: Inputs): Record<string, Tensor> {
  return { q, k, v, ...bias ? { bias } : {} };
}

function fusedAttention(inputs: Inputs, scale: number): Tensor {
  const { q, k, v, bias, mask } = inputs;
  return differentiable(differentiableInputs(inputs), (save) => {
    const [y, logSumExp] = runFused("PolyphaseAttention", inputs, { scale });
    save(q, k, v, y, logSumExp, ...bias ? [bias] : [], ...mask ? [mask] : []);
    return y;
  }, (dy, q, k, v, y, logSumExp, ...rest) => {
    const saved = { bias: bias && rest[0], mask: mask && rest[rest.length - 1] };
    const all = { dy, q, k, v, y, logSumExp, ...saved };
    const [dq, dk, dv, dbias] = runFused("PolyphaseAttentionGrad", all, { scale });
    return {
      q: () => dq,
      k: () => dk,
      v: () => dv,
      bias: () => dbias!,
    };
  });
}

function composedAttention(inputs: Inputs, scale: number): Tensor {
  const { q, k, v, bias, mask } = inputs;
  return differentiable(differentiableInputs(inputs), (save) => {
    const probabilities = masked(tf.softmax(scoresOf(inputs, scale)), mask);
    save(q, k, v, probabilities);
    return tf.matMul(probabilities, v);
  }, (dy, q, k, v, probabilities) => {
    const dscores = tf.tidy(() => composedSoftmaxGrad(tf.matMul(dy, v, false, true), probabilities));
    return {
      q: () => tf.mul(tf.matMul(dscores, k), scale),
      k: () => tf.mul(tf.matMul(dscores, q, true, false), scale),
      v: () => tf.matMul(probabilities, dy, true, false),
      bias: () => sumToShape(dscores, bias!.shape),
    };
  });
}
