/**
 * Initial values of parameters, by key.
 *
 * @module
 */

import { type Key, normal, uniform } from "../../pipeline/random.ts";
import { type Tensor, tf } from "../backend/tf.ts";

/** Normally distributed values of mean 0, of shape `shape`. */
export function initNormal(key: Key, shape: readonly number[], deviation: number): Tensor {
  const values = normal(key, sizeOf(shape));
  return tf.tensor(values.map((value) => value * deviation), [...shape]);
}

/** Values uniform in ±`bound`, of shape `shape`. */
export function initUniform(key: Key, shape: readonly number[], bound: number): Tensor {
  return tf.tensor(uniform(key, sizeOf(shape), -bound, bound), [...shape]);
}

/**
 * Values uniform in ±√(6 / (inputs + outputs)) for a weight `[inputs, outputs]`, which keeps the variance alike on the
 * way forth and back.
 *
 * X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.
 */
export function initXavier(key: Key, inputs: number, outputs: number): Tensor {
  return initUniform(key, [inputs, outputs], Math.sqrt(6 / (inputs + outputs)));
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
