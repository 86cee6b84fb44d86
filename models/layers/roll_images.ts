/**
 * Circular shifts of feature maps, each image by an offset of its own.
 *
 * @module
 */

import { roll } from "../backend/ops/roll.ts";
import type { Tensor } from "../backend/tf.ts";

/**
 * `[batch, height, width, channels]` read from an offset on: `out[b, y, x] = in[b, (y + rows[b]) mod height, (x +
 * columns[b]) mod width]`, so that what stood at the offset comes to the origin. Of any order of derivatives with respect
 * to `x`; the offsets have none.
 *
 * @param x `[batch, height, width, channels]`
 * @param rows whole numbers, negative ones too, `[batch]` or `[1]` for all images alike
 * @param columns likewise
 */
export function rollImages(x: Tensor, rows: Tensor, columns: Tensor): Tensor {
  return roll(x, rows, columns);
}
