/**
 * Softmax over the last axis.
 *
 * @module
 */

import { type Tensor, tf } from "../tf.ts";
import { detached, differentiable, type ExactOption, isExact } from "./differentiable.ts";
import { exactExp } from "./exact_functions.ts";
import { hasFused, runFused } from "./fused_kernels.ts";
import { asRows, fromRows } from "./rows.ts";

/**
 * `exp(x) / Σ exp(x)` over the last axis of `x` `[..., classes]`, of the same shape. A row of −∞ alone gives NaN.
 *
 * @throws {PolyphaseError} if `x` is a scalar
 */
export function softmax(x: Tensor, options: ExactOption = {}): Tensor {
  return tf.tidy(() => {
    const rows = asRows("softmax", x);
    return fromRows(isExact(options) ? exactSoftmax(rows) : fastSoftmax(rows), x.shape);
  });
}

function fastSoftmax(x: Tensor): Tensor {
  const isFused = hasFused("PolyphaseSoftmax", "PolyphaseSoftmaxGrad");
  return differentiable({ x }, (save) => {
    const y = isFused ? runFused("PolyphaseSoftmax", { x }, {})[0] : tf.softmax(x);
    save(y);
    return y;
  }, (dy, y) => ({
    x: () => isFused ? runFused("PolyphaseSoftmaxGrad", { dy, y }, {})[0] : composedSoftmaxGrad(dy, y),
  }));
}

/** `y ⊙ (dy − Σ dy ⊙ y)` over the last axis, of plain operations; dy and the softmax y have the same shape. */
export function composedSoftmaxGrad(dy: Tensor, y: Tensor): Tensor {
  return tf.tidy(() => {
    const product = tf.mul(dy, y);
    return tf.sub(product, tf.mul(y, tf.sum(product, -1, true)));
  });
}

/** Softmax over the last axis of plain operations, with right second derivatives. */
export function exactSoftmax(x: Tensor): Tensor {
  const exponentials = exactExp(shifted(x));
  return tf.div(exponentials, tf.sum(exponentials, -1, true));
}

/** `x` less the maximum of its last axis, as a constant: softmax does not depend on a shift, nor do its derivatives. */
export function shifted(x: Tensor): Tensor {
  return tf.sub(x, detached(() => tf.max(x, -1, true)));
}
