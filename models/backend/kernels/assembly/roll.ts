/** Circular shifts of images. */

import { copyRun } from "./gather";

/**
 * `y[b, i, j] = x[b, (i + rows[b]) mod height, (j + columns[b]) mod width]`, all channels of it.
 *
 * @param rows whole numbers as floats; the next image has the next one, or, if `rowStep` is 0, the same
 * @param columns likewise
 */
export function roll(
  batch: i32, height: i32, width: i32, channels: i32, x: usize, rows: usize, rowStep: usize, columns: usize,
  columnStep: usize, y: usize,
): void {
  const pixel: usize = 4 * <usize>channels;
  const line: usize = <usize>width * pixel;
  for (; batch > 0; batch--) {
    let row = place(load<f32>(rows), height);
    const head = <usize>place(load<f32>(columns), width) * pixel;
    for (let left = height; left > 0; left--) {
      const from = x + <usize>row * line;
      copyRun(y, from + head, line - head);
      copyRun(y + line - head, from, head);
      y += line;
      if (++row == height) row = 0;
    }
    x += <usize>height * line;
    rows += 4 * rowStep;
    columns += 4 * columnStep;
  }
}

/** The remainder in [0, length) of a whole number; 0 of what is none. */
function place(offset: f32, length: i32): i32 {
  const rest = <i32>offset % length;
  return rest < 0 ? rest + length : rest;
}
