/**
 * The rectified linear unit.
 *
 * @module
 */

import { type Tensor, tf } from "../tf.ts";

/**
 * `max(x, 0)` for every element of `x`, of any shape; the derivative at 0 is 0. TensorFlow.js's own kernel saves its
 * input, so its second derivatives, which are 0, are right and there is one form.
 */
export function relu(x: Tensor): Tensor {
  return tf.relu(x);
}
