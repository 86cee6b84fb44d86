/**
 * The Gaussian error linear unit as a layer, exact: `x · Φ(x)` with the error function, as PyTorch's `nn.GELU()`.
 *
 * D. Hendrycks and K. Gimpel, "Gaussian Error Linear Units (GELUs)", arXiv 1606.08415.
 *
 * @module
 */

import { gelu as geluOp } from "../backend/ops/gelu.ts";
import type { Tensor } from "../backend/tf.ts";

/** `x · Φ(x)` for every element; any shape. */
export function gelu(x: Tensor): Tensor {
  return geluOp(x);
}
