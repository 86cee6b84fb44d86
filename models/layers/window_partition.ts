/**
 * Cutting feature maps into windows, each image from an offset of its own, and putting windows together again.
 *
 * Roll and cut are one pass over the tokens, forth and back: the whole stream of them can go through windows at the price
 * of a copy, and a window that begins elsewhere costs no more than one that begins at the origin.
 *
 * @module
 */

import { differentiable } from "../backend/ops/differentiable.ts";
import { type Tensor, tf } from "../backend/tf.ts";

/** Rows and columns: of a map, of a window, or of a shift. */
export type RowsColumns = readonly [rows: number, columns: number];

/** Where the first window of each image begins: whole numbers, `[batch]`, or `[1]` for all images alike. */
export type WindowOffset = {
  /** Its row. */
  readonly row: Tensor;
  /** Its column. */
  readonly column: Tensor;
};

/**
 * `[batch, height, width, channels]` → `[batch · windows, tokens, channels]`: the windows that tile the map from the offset
 * on, around its border, row by row, and the tokens of each row by row. Of any order of derivatives with respect to `x`;
 * the offset has none.
 *
 * @param x `[batch, height, width, channels]`, whose sides the window divides
 */
export function toWindows(x: Tensor, window: RowsColumns, { row, column }: WindowOffset): Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const [rows, columns] = window;
  return differentiable(
    { x },
    (save) => {
      save(row, column);
      const down = behind(height, row, rows, rows * width, columns);
      const right = behind(width, column, columns, rows * columns, 1);
      const index = tf.add(tf.expandDims(down, 2), tf.expandDims(right, 1));
      const shape = [batch * height * width / (rows * columns), rows * columns, channels];
      return sent(x, index, batch, shape);
    },
    (dy, row, column) => ({ x: () => fromWindows(dy, [height, width], window, { row, column }) }),
  );
}

/**
 * `[batch · windows, tokens, channels]` → `[batch, height, width, channels]`: undoes {@linkcode toWindows} with the same
 * offset; with an offset of 0 the map begins with the first window, wherever that was taken from.
 */
export function fromWindows(
  windows: Tensor,
  [height, width]: RowsColumns,
  window: RowsColumns,
  { row, column }: WindowOffset,
): Tensor {
  const [rows, columns] = window;
  const channels = windows.shape[2]!;
  const batch = windows.shape[0] * rows * columns / (height * width);
  return differentiable(
    { windows },
    (save) => {
      save(row, column);
      const lines = tf.reshape(tf.mul(places(height, row), width), [-1, height / rows, 1, rows, 1]);
      const inLine = tf.reshape(places(width, column), [-1, 1, width / columns, 1, columns]);
      return sent(windows, tf.add(lines, inLine), batch, [batch, height, width, channels]);
    },
    (dy, row, column) => ({ windows: () => toWindows(dy, window, { row, column }) }),
  );
}

/**
 * `(place + offset) mod length` of every place, `[batch or 1, length]`; floats, since WASM has no remainder of integers.
 */
function places(length: number, offset: Tensor): Tensor {
  const from = tf.add(tf.expandDims(tf.range(0, length), 0), tf.expandDims(tf.cast(offset, "float32"), 1));
  return tf.sub(from, tf.mul(tf.floor(tf.div(tf.add(from, 0.5), length)), length));
}

/**
 * How many tokens a place along one axis has before it in windows of `size` places, if those of each window before it are
 * `ofWindow` and those of each line before it in its own are `ofToken`: `[batch or 1, length]`.
 */
function behind(length: number, offset: Tensor, size: number, ofWindow: number, ofToken: number): Tensor {
  const place = places(length, tf.neg(offset));
  const index = tf.floor(tf.div(tf.add(place, 0.5), size));
  return tf.add(tf.mul(index, ofWindow), tf.mul(tf.sub(place, tf.mul(index, size)), ofToken));
}

/**
 * Every token of `x`, in order, at the place that `index [batch or 1, ...]` names, which counts from the first of each
 * image; a tensor of `shape`. A sum of segments of one row each: that has a quick kernel, and `tf.gather` on WASM has not.
 */
function sent(x: Tensor, index: Tensor, batch: number, shape: number[]): Tensor {
  if (x.size === 0) return tf.zeros(shape);
  const channels = shape.at(-1)!;
  const perImage = x.size / channels / batch;
  const starts = tf.mul(tf.expandDims(tf.range(0, batch), 1), perImage);
  const all = tf.add(tf.reshape(index, [-1, perImage]), starts).as1D().toInt();
  const rows = tf.reshape(x, [batch * perImage, channels]);
  return tf.reshape(tf.unsortedSegmentSum(rows, all, batch * perImage), shape);
}
