/**
 * The Gaussian error linear unit, exact or by its tanh approximation, as PyTorch's `gelu`.
 *
 * D. Hendrycks and K. Gimpel, "Gaussian Error Linear Units (GELUs)", arXiv 1606.08415.
 *
 * @module
 */

import { type Tensor, tf } from "../tf.ts";
import { differentiable, type ExactOption, isExact } from "./differentiable.ts";
import { exactTanh } from "./exact_functions.ts";
import { type GeluApproximation, hasFused, runFused } from "./fused_kernels.ts";

/** Options of {@linkcode gelu}. */
export interface GeluOptions extends ExactOption {
  /** `none` for `x Φ(x)` with the error function, `tanh` for its approximation. Default `none`. */
  readonly approximate?: GeluApproximation;
}

/** GELU of every element of `x`, of any shape. */
export function gelu(x: Tensor, options: GeluOptions = {}): Tensor {
  return tf.tidy(() => {
    const { approximate = "none" } = options;
    if (isExact(options)) return exactGelu(x, approximate);
    if (hasFused("PolyphaseGelu", "PolyphaseGeluGrad")) {
      return differentiable({ x }, (save) => {
        save(x);
        return runFused("PolyphaseGelu", { x }, { approximate })[0];
      }, (dy, x) => ({ x: () => runFused("PolyphaseGeluGrad", { dy, x }, { approximate })[0] }));
    }
    return differentiable({ x }, (save) => {
      const factor = composedFactor(x, approximate);
      save(x, factor);
      return timesFactor(x, factor);
    }, (dy, x, factor) => ({ x: () => composedGeluGrad(dy, x, factor, approximate) }));
  });
}

/** GELU of plain operations, with right second derivatives. */
export function exactGelu(x: Tensor, approximate: GeluApproximation): Tensor {
  return timesFactor(
    x,
    approximate === "none" ? composedFactor(x, approximate) : tf.add(exactTanh(tanhArgument(x)), 1),
  );
}

/** What GELU multiplies `x/2` by, `1 + erf(x/√2)` or `1 + tanh(…)`: its gradient can use it again. */
export function composedFactor(x: Tensor, approximate: GeluApproximation): Tensor {
  return tf.add(approximate === "none" ? tf.erf(tf.mul(x, Math.SQRT1_2)) : tf.tanh(tanhArgument(x)), 1);
}

/** `x/2` times what {@linkcode composedFactor} gives: GELU. */
export function timesFactor(x: Tensor, factor: Tensor): Tensor {
  return tf.mul(tf.mul(x, 0.5), factor);
}

/** `dy ⊙ gelu′(x)`, of plain operations. */
export function composedGeluGrad(
  dy: Tensor,
  x: Tensor,
  factor: Tensor,
  approximate: GeluApproximation,
): Tensor {
  return tf.tidy(() => {
    if (approximate === "none") {
      // The order of operations is that of automatic differentiation, which gives the same bits.
      const density = tf.mul(tf.exp(tf.neg(tf.square(tf.mul(x, Math.SQRT1_2)))), 2 / Math.sqrt(Math.PI));
      const inner = tf.mul(tf.mul(tf.mul(dy, tf.mul(x, 0.5)), density), Math.SQRT1_2);
      return tf.add(inner, tf.mul(tf.mul(dy, factor), 0.5));
    }
    // 1 − tanh² = (1 + tanh) (2 − (1 + tanh)).
    const slope = tf.mul(tf.add(tf.mul(tf.square(x), 3 * CUBIC), 1), TANH_SCALE);
    const inner = tf.mul(tf.mul(x, tf.mul(factor, tf.sub(2, factor))), slope);
    return tf.mul(dy, tf.mul(tf.add(factor, inner), 0.5));
  });
}

const TANH_SCALE = Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715;

function tanhArgument(x: Tensor): Tensor {
  return tf.mul(tf.add(x, tf.mul(tf.mul(tf.square(x), x), CUBIC)), TANH_SCALE);
}
