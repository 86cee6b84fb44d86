/**
 * The Gaussian error linear unit, exact: `x · Φ(x)` with the error function, as PyTorch's `nn.GELU()`.
 *
 * D. Hendrycks and K. Gimpel, "Gaussian Error Linear Units (GELUs)", arXiv 1606.08415.
 *
 * @module
 */

import { type Tensor, tf } from "../backend/tf.ts";

/** `x · Φ(x)` for every element; any shape. */
export function gelu(x: Tensor): Tensor {
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
}
