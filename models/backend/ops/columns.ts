/**
 * Convolution as a matrix product: every window laid out as a row, its taps side by side (im2col).
 *
 * @module
 */

import { type Tensor, tf } from "../tf.ts";
import type { ConvAttributes } from "./fused_kernels.ts";
import { imageOf, tapsOf } from "./taps.ts";
import type { Window } from "./window.ts";

/**
 * The windows of images as rows, for each group of channels.
 *
 * @param x `[batch, height, width, channels]`
 * @returns `[groups, batch · out height · out width, taps · channels / groups]`
 */
export function toColumns(x: Tensor, window: Window, groups: number): Tensor {
  const [batch, , , channels] = x.shape as [number, number, number, number];
  const rows = batch * window.rows.output * window.columns.output;
  const taps = tapsOf(x, window).map((tap) => tf.reshape(tap, [rows, channels]));
  const columns = taps.length === 1 ? taps[0] : tf.concat(taps, 1);
  if (groups === 1) return tf.reshape(columns, [1, rows, taps.length * channels]);
  const grouped = tf.reshape(columns, [rows, taps.length, groups, channels / groups]);
  return tf.reshape(
    tf.transpose(grouped, [2, 0, 1, 3]),
    [groups, rows, taps.length * channels / groups],
  );
}

/** The adjoint of {@linkcode toColumns}: adds the rows up to images `[batch, height, width, channels]`. */
export function fromColumns(columns: Tensor, window: Window, { inputShape, groups }: ConvAttributes): Tensor {
  const [batch, , , channels] = inputShape;
  const [height, width] = [window.rows.output, window.columns.output];
  const [rows, count] = [batch * height * width, window.rows.kernel * window.columns.kernel];
  const taps = groups === 1
    ? columns
    : tf.transpose(tf.reshape(columns, [groups, rows, count, channels / groups]), [1, 2, 0, 3]);
  const each = tf.split(tf.reshape(taps, [rows, count * channels]), count, 1);
  return imageOf(each.map((tap) => tf.reshape(tap, [batch, height, width, channels])), window);
}

/** `[kernel height, kernel width, channels / groups, out]` → `[groups, taps · channels / groups, out / groups]`. */
export function filterToColumns(filter: Tensor, groups: number): Tensor {
  const [height, width, channels, out] = filter.shape as [number, number, number, number];
  const flat = tf.reshape(filter, [height * width * channels, groups, out / groups]);
  return groups === 1 ? tf.reshape(flat, [1, height * width * channels, out]) : tf.transpose(flat, [1, 0, 2]);
}

/** The inverse of {@linkcode filterToColumns}. */
export function filterFromColumns(columns: Tensor, { filterShape, groups }: ConvAttributes): Tensor {
  return tf.reshape(groups === 1 ? columns : tf.transpose(columns, [1, 0, 2]), [...filterShape]);
}

/** `[batch, out height, out width, out]` → `[groups, batch · out height · out width, out / groups]`. */
export function outputToColumns(y: Tensor, groups: number): Tensor {
  const [batch, height, width, out] = y.shape as [number, number, number, number];
  const rows = batch * height * width;
  if (groups === 1) return tf.reshape(y, [1, rows, out]);
  return tf.transpose(tf.reshape(y, [rows, groups, out / groups]), [1, 0, 2]);
}

/** The inverse of {@linkcode outputToColumns}. */
export function outputFromColumns(columns: Tensor, { outputShape, groups }: ConvAttributes): Tensor {
  return tf.reshape(groups === 1 ? columns : tf.transpose(columns, [1, 0, 2]), [...outputShape]);
}
