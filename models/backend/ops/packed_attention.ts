/**
 * Self-attention of all heads on the packed projection that holds queries, keys and values side by side, as transformers
 * with one `qkv` layer have it (`in_proj` of PyTorch's `MultiheadAttention`, `qkv` of timm).
 *
 * Where there is a kernel, no head is copied out and back: it reads and writes in steps.
 *
 * A. Vaswani et al., "Attention Is All You Need", arXiv 1706.03762.
 *
 * @module
 */

import { PolyphaseError } from "../../../pipeline/errors.ts";
import { type Tensor, tf } from "../tf.ts";
import { attention, type AttentionOptions, scoreOperand } from "./attention.ts";
import { differentiable, isExact } from "./differentiable.ts";
import { hasFused, runFused } from "./fused_kernels.ts";

/** Options of {@linkcode packedAttention}; bias and mask have as many rows as there are queries. */
export interface PackedAttentionOptions extends AttentionOptions {
  /** How many of the first tokens look, while all are looked at. Default all. */
  readonly queries?: number;
}

/**
 * `softmax(scale · q · kᵀ + bias) · v` for every head, the softmax taken over the tokens that the mask leaves. A token
 * that sees no other gives zeros.
 *
 * @param qkv `[batch, tokens, 3 · embed]`: queries, keys and values, each `[heads, dim]` with `embed = heads · dim`
 * @param heads number of heads
 * @returns `[batch, queries, embed]`, heads side by side
 * @throws {PolyphaseError} if the shapes do not fit
 */
export function packedAttention(qkv: Tensor, heads: number, options: PackedAttentionOptions = {}): Tensor {
  return tf.tidy(() => {
    const isWhole = Number.isInteger(heads) && heads > 0;
    if (qkv.rank !== 3 || !isWhole || qkv.shape[2]! % (3 * heads) !== 0) {
      throw new PolyphaseError(
        `packedAttention got qkv [${qkv.shape}] and ${heads} heads, expected [batch, tokens, 3 · embed] with embed a ` +
          `multiple of heads: choose a number of heads that divides embed`,
      );
    }
    const [, tokens, width] = qkv.shape as [number, number, number];
    const { queries = tokens } = options;
    if (!(Number.isInteger(queries) && queries >= 0 && queries <= tokens)) {
      throw new PolyphaseError(
        `packedAttention got ${queries} queries of ${tokens} tokens, expected a whole number up to that: leave it out for all`,
      );
    }
    if (isExact(options) || !hasFused("PolyphasePackedAttention", "PolyphasePackedAttentionGrad")) {
      return unpacked(qkv, heads, queries, options);
    }
    const scores = [qkv.shape[0], heads, queries, tokens];
    const bias = scoreOperand("packedAttention", "bias", options.bias, scores);
    const mask = scoreOperand("packedAttention", "mask", options.mask, scores);
    const attrs = { heads, queries, scale: options.scale ?? 1 / Math.sqrt(width / 3 / heads) };
    const inputs: Record<string, Tensor> = bias ? { qkv, bias } : { qkv };
    return differentiable(inputs, (save) => {
      const [y, logSumExp] = runFused("PolyphasePackedAttention", { qkv, bias, mask }, attrs);
      save(qkv, y, logSumExp, ...bias ? [bias] : [], ...mask ? [mask] : []);
      return y;
    }, (dy, qkv, y, logSumExp, ...rest) => {
      const saved = { bias: bias && rest[0], mask: mask && rest[rest.length - 1] };
      const all = { dy, qkv, y, logSumExp, ...saved };
      const [dqkv, dbias] = runFused("PolyphasePackedAttentionGrad", all, attrs);
      return { qkv: () => dqkv, bias: () => dbias! };
    });
  });
}

/** Takes the heads apart, attends, and puts them together again. */
function unpacked(qkv: Tensor, heads: number, queries: number, options: AttentionOptions): Tensor {
  const [batch, tokens, width] = qkv.shape as [number, number, number];
  const dim = width / 3 / heads;
  const parts = tf.transpose(tf.reshape(qkv, [batch, tokens, 3, heads, dim]), [2, 0, 3, 1, 4]);
  const [all, k, v] = tf.unstack(parts);
  const q = queries === tokens ? all : tf.slice(all, [0, 0, 0, 0], [-1, -1, queries, -1]);
  const y = attention(q, k, v, options);
  return tf.reshape(tf.transpose(y, [0, 2, 1, 3]), [batch, queries, heads * dim]);
}
