/**
 * A sliding window seen tap by tap: for each place in the window, the image of what it lies on. Made of pad, slice and
 * reshape, which run on every backend and have right derivatives of any order.
 *
 * @module
 */

import { type Tensor, tf } from "../tf.ts";
import type { Slide, Window } from "./window.ts";

/**
 * The taps of a window over images, row by row: one tensor `[batch, out height, out width, channels]` for each.
 *
 * @param x `[batch, height, width, channels]`
 * @param fill value of the padding
 */
export function tapsOf(x: Tensor, window: Window, fill = 0): Tensor[] {
  const padded = tf.pad(x, [[0, 0], margins(window.rows), margins(window.columns), [0, 0]], fill);
  return places(window).map(([row, column]) =>
    everyNth(everyNth(padded, 1, window.rows, row), 2, window.columns, column)
  );
}

/** The adjoint of {@linkcode tapsOf}: adds what came of each tap to where it lies, `[batch, height, width, channels]`. */
export function imageOf(taps: readonly Tensor[], window: Window): Tensor {
  return tf.tidy(() => {
    let padded: Tensor | undefined;
    places(window).forEach(([row, column], index) => {
      const sum = tf.tidy(() => {
        const wide = spread(taps[index], 2, window.columns, column);
        const placed = spread(wide, 1, window.rows, row);
        return padded === undefined ? placed : tf.add(padded, placed);
      });
      padded?.dispose();
      padded = sum;
    });
    const [batch, , , channels] = padded!.shape;
    const { rows, columns } = window;
    return tf.slice(padded!, [0, rows.before, columns.before, 0], [
      batch,
      rows.input,
      columns.input,
      channels!,
    ]);
  });
}

function places({ rows, columns }: Window): [row: number, column: number][] {
  return Array.from({ length: rows.kernel * columns.kernel }, (_, index) => [
    Math.floor(index / columns.kernel) * rows.dilation,
    (index % columns.kernel) * columns.dilation,
  ]);
}

/** Padding before and after, the latter with room for a whole stride from every tap. */
function margins(slide: Slide): [number, number] {
  return [slide.before, paddedLength(slide) - slide.before - slide.input];
}

function paddedLength({ input, kernel, stride, dilation, before, after, output }: Slide): number {
  return Math.max(input + before + after, (kernel - 1) * dilation + output * stride);
}

/** `x` at `start`, `start + stride` … along an axis of four. */
function everyNth(x: Tensor, axis: 1 | 2, { stride, output }: Slide, start: number): Tensor {
  const length = output * stride;
  const run = tf.slice(x, [0, 0, 0, 0].with(axis, start), x.shape.with(axis, length));
  if (stride === 1) return run;
  const [before, , after] = around(run, axis);
  const strided = tf.slice(tf.reshape(run, [before, output, stride, after]), [0, 0, 0, 0], [
    before,
    output,
    1,
    after,
  ]);
  return tf.reshape(strided, x.shape.with(axis, output));
}

/** The adjoint of {@linkcode everyNth}: back to where it was, with zeros between and around. */
function spread(x: Tensor, axis: 1 | 2, slide: Slide, start: number): Tensor {
  const { stride, output } = slide;
  const [before, , after] = around(x, axis);
  const strided = tf.pad(tf.reshape(x, [before, output, 1, after]), [
    [0, 0],
    [0, 0],
    [0, stride - 1],
    [0, 0],
  ]);
  const run = tf.reshape(strided, x.shape.with(axis, output * stride));
  const none: [number, number] = [0, 0];
  const ends: [number, number] = [start, paddedLength(slide) - start - output * stride];
  return tf.pad(run, [none, none, none, none].with(axis, ends));
}

/** The product of the lengths before an axis, its length, and the product of those after. */
function around({ shape }: Tensor, axis: number): [number, number, number] {
  const product = (lengths: readonly number[]) => lengths.reduce((total, length) => total * length, 1);
  return [product(shape.slice(0, axis)), shape[axis]!, product(shape.slice(axis + 1))];
}
