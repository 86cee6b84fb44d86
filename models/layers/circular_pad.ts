/**
 * Circular padding: an image continues with its opposite border, as on a torus, so that a convolution does not know
 * where the border is.
 *
 * @module
 */

import { modulo } from "../../datasets/shift.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import { extendAxis } from "./extend_axis.ts";

/** Rows and columns to add on each side. */
export type Sides = readonly [top: number, bottom: number, left: number, right: number];

/**
 * `[batch, height, width, channels]` → `[batch, top + height + bottom, left + width + right, channels]`, as PyTorch's
 * `padding_mode="circular"`; a padding longer than the image goes around it more than once. Of any order of derivatives.
 *
 * @param x `[batch, height, width, channels]`
 * @param sides whole numbers from 0 on
 */
export function circularPad(x: Tensor, [top, bottom, left, right]: Sides): Tensor {
  const around = (length: number, first: number, count: number) =>
    Array.from({ length: count }, (_, index) => modulo(first + index, length));
  return tf.tidy(() => {
    const [, height, width] = x.shape as [number, number, number, number];
    const taller = extendAxis(x, 1, around(height, -top, top), around(height, 0, bottom));
    return extendAxis(taller, 2, around(width, -left, left), around(width, 0, right));
  });
}
