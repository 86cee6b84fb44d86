/**
 * Reflection padding: an image continues as its mirror image, without its border twice.
 *
 * @module
 */

import { modulo } from "../../datasets/shift.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import type { Sides } from "./circular_pad.ts";
import { extendAxis } from "./extend_axis.ts";

/**
 * `[batch, height, width, channels]` → `[batch, top + height + bottom, left + width + right, channels]`, as PyTorch's
 * `nn.ReflectionPad2d` but for paddings as long as the image and longer, which are reflected on from there, as NumPy does.
 * Of any order of derivatives.
 *
 * @param x `[batch, height, width, channels]`
 * @param sides whole numbers from 0 on
 */
export function reflectPad(x: Tensor, [top, bottom, left, right]: Sides): Tensor {
  return tf.tidy(() => {
    const [, height, width] = x.shape as [number, number, number, number];
    const taller = extendAxis(x, 1, mirrored(height, -top, top), mirrored(height, height, bottom));
    return extendAxis(taller, 2, mirrored(width, -left, left), mirrored(width, width, right));
  });
}

/** The pixels at `count` places from `first` on, of an axis that goes on mirrored beyond both ends. */
function mirrored(length: number, first: number, count: number): number[] {
  const last = length - 1;
  return Array.from({ length: count }, (_, index) => {
    if (last === 0) return 0;
    const place = modulo(first + index, 2 * last);
    return place > last ? 2 * last - place : place;
  });
}
