/**
 * The rectified linear unit.
 *
 * @module
 */

import { type Tensor, tf } from "../tf.ts";
import { hasFused, runFused } from "./fused_kernels.ts";
import { asRows, fromRows } from "./rows.ts";

/**
 * `max(x, 0)` for every element of `x`, of any shape; the derivative at 0 is 0. TensorFlow.js's own kernel saves its
 * input, so its second derivatives, which are 0, are right and there is one form.
 */
export function relu(x: Tensor): Tensor {
  return tf.relu(x);
}

/**
 * The gradient of {@linkcode relu} from its result, and its sum over all axes but the last.
 *
 * @param dy gradient of the result `[..., channels]`
 * @param y the result `[..., channels]`
 * @returns `[..., channels]` and `[channels]`
 */
export function rectifierGrad(dy: Tensor, y: Tensor): [dx: Tensor, sums: Tensor] {
  const [slopes, saved] = [dy, y].map((each) => asRows("relu", each));
  if (dy.size === 0) return [tf.zeros(dy.shape), tf.zeros([saved.shape[1]!])];
  if (hasFused("PolyphaseLinearGrad")) {
    const [dx, sums] = runFused("PolyphaseLinearGrad", { dy: slopes, saved }, { activation: "relu" });
    return [fromRows(dx, dy.shape), sums];
  }
  const dx = tf.mul(slopes, tf.step(saved));
  return [fromRows(dx, dy.shape), tf.sum(dx, 0)];
}
