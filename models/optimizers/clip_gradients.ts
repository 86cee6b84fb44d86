/**
 * Clipping of gradients, as PyTorch's `clip_grad_norm_` and `clip_grad_value_`, but as a function that changes nothing.
 *
 * R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural networks", arXiv 1211.5063.
 *
 * @module
 */

import { PolyphaseError } from "../../pipeline/errors.ts";
import { areKernelsInUse } from "../backend/kernels/install.ts";
import { gradientNorm } from "../backend/kernels/optimizer_steps.ts";
import { type Tensor, tf } from "../backend/tf.ts";

/** Scales all gradients together so that their Euclidean norm as one vector is at most `norm`. */
export type ClipNorm = {
  /** Largest norm. */
  readonly norm: number;
};

/** Cuts every number of every gradient to [−`value`, `value`]. */
export type ClipValue = {
  /** Largest magnitude. */
  readonly value: number;
};

/** How to clip: by the norm of all gradients together, or each number for itself. Plain data, for a configuration. */
export type ClipRule = ClipNorm | ClipValue;

/** Is added to the norm that is divided by, as PyTorch does. */
const MARGIN = 1e-6;

/**
 * The clipped gradients, as new tensors of the same shapes; the caller disposes of them.
 *
 * By norm: `g · min(1, norm / (‖g‖ + 1e-6))` with ‖g‖ over all gradients. Where one of them is not finite, so is what
 * comes out: a fault is not hidden.
 *
 * @param gradients float32 tensors of any shapes
 * @throws {PolyphaseError} if the rule has not one positive limit
 */
export function clipGradients(gradients: readonly Tensor[], rule: ClipRule): Tensor[] {
  const { norm, value } = limitsOf(rule);
  return tf.tidy(() => {
    if (value !== undefined) return clampAll(gradients, value);
    if (areKernelsInUse()) {
      const factor = norm / (gradientNorm(gradients) + MARGIN);
      return gradients.map((gradient) => (factor >= 1 ? tf.clone(gradient) : tf.mul(gradient, factor)));
    }
    if (gradients.length === 0) return [];
    const squares = gradients.map((gradient) => tf.sum(tf.square(gradient)));
    const ratio = tf.div(norm, tf.add(tf.sqrt(tf.sum(tf.stack(squares))), MARGIN));
    // Not the minimum of the ratio and 1, which is 1 on some backends where the ratio is NaN.
    const factor = tf.where(tf.greaterEqual(ratio, 1), tf.onesLike(ratio), ratio);
    return gradients.map((gradient) => tf.mul(gradient, factor));
  });
}

function clampAll(gradients: readonly Tensor[], value: number): Tensor[] {
  // The fast way, which on the WASM backend makes a number of NaN, is for numbers alone.
  if (areKernelsInUse() && Number.isFinite(gradientNorm(gradients))) {
    return gradients.map((gradient) => tf.clipByValue(gradient, -value, value));
  }
  return gradients.map((gradient) => tf.minimum(tf.maximum(gradient, -value), value));
}

function limitsOf(rule: ClipRule): { norm: number; value?: undefined } | { value: number; norm?: undefined } {
  const { norm, value }: { readonly norm?: number; readonly value?: number } = rule;
  const isLimit = (limit: number | undefined) => limit !== undefined && Number.isFinite(limit) && limit > 0;
  if (norm !== undefined && value === undefined && isLimit(norm)) return { norm };
  if (value !== undefined && norm === undefined && isLimit(value)) return { value };
  throw new PolyphaseError(
    `clipGradients got ${JSON.stringify(rule)}, expected { norm } or { value } above 0: give one of them`,
  );
}
