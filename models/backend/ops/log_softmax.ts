/**
 * The logarithm of the softmax over the last axis.
 *
 * @module
 */

import { type Tensor, tf } from "../tf.ts";
import { differentiable, type ExactOption, isExact } from "./differentiable.ts";
import { exactExp } from "./exact_functions.ts";
import { hasFused, runFused } from "./fused_kernels.ts";
import { asRows, fromRows } from "./rows.ts";
import { shifted } from "./softmax.ts";

/**
 * `x − log Σ exp(x)` over the last axis of `x` `[..., classes]`, of the same shape.
 *
 * @throws {PolyphaseError} if `x` is a scalar
 */
export function logSoftmax(x: Tensor, options: ExactOption = {}): Tensor {
  return tf.tidy(() => {
    const rows = asRows("logSoftmax", x);
    return fromRows(isExact(options) ? exactLogSoftmax(rows) : fastLogSoftmax(rows), x.shape);
  });
}

function fastLogSoftmax(x: Tensor): Tensor {
  const isFused = hasFused("PolyphaseLogSoftmax", "PolyphaseLogSoftmaxGrad");
  return differentiable({ x }, (save) => {
    const y = isFused ? runFused("PolyphaseLogSoftmax", { x }, {})[0] : tf.logSoftmax(x);
    save(y);
    return y;
  }, (dy, y) => ({
    x: () =>
      isFused
        ? runFused("PolyphaseLogSoftmaxGrad", { dy, y }, {})[0]
        : tf.sub(dy, tf.mul(tf.exp(y), tf.sum(dy, -1, true))),
  }));
}

/** Log-softmax over the last axis of plain operations, with right second derivatives. */
export function exactLogSoftmax(x: Tensor): Tensor {
  const logits = shifted(x);
  return tf.sub(logits, tf.log(tf.sum(exactExp(logits), -1, true)));
}
