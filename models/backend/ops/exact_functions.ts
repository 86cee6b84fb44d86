/**
 * Elementary functions with right second derivatives.
 *
 * TensorFlow.js saves the *output* of `exp`, `tanh` and their like for the gradient, as a constant: a gradient of that
 * gradient silently lacks a term. `expm1` saves its input.
 *
 * @module
 */

import { type Tensor, tf } from "../tf.ts";
import { detached } from "./differentiable.ts";

/** `exp(x)`, twice differentiable; its absolute error for negative x is that of numbers near 1. */
export function exactExp(x: Tensor): Tensor {
  return tf.add(tf.expm1(x), 1);
}

/** `tanh(x)`, twice differentiable. */
export function exactTanh(x: Tensor): Tensor {
  // Beyond 10 the value is ±1 in float32, while the exponential would go on to infinity. NaN is not beyond.
  const [isInside, limit] = detached(() => [
    tf.logicalNot(tf.greater(tf.abs(x), 10)),
    tf.mul(tf.sign(x), 10),
  ]);
  const growth = tf.expm1(tf.mul(tf.where(isInside, x, limit), 2));
  return tf.div(growth, tf.add(growth, 2));
}
