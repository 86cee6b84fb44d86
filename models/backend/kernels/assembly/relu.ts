/** The gradient of the rectified linear unit, with its sums over rows. */

import { accumulate } from "./reduce";
import { loadLanes, storeLanes } from "./simd";

/** Bytes of each array that are worked on column by column: they stay in the first-level cache meanwhile. */
const BLOCK_BYTES: i32 = 8192;
/** Rows that go into one sum of floats at most, before it is put with the others in double precision. */
const BLOCK_ROWS: i32 = 64;

/** Bytes of scratch that `reluGrad` needs. */
export function reluGradScratch(columns: i32): usize {
  return 8 * <usize>((columns + 3) & ~3);
}

/** `dx = dy ⊙ (y > 0)`, NaN where y is, and `sums = Σ dx` over rows: y, dy and dx are [rows, columns], sums [columns]. */
export function reluGrad(
  rows: i32, columns: i32, dy: usize, y: usize, dx: usize, sums: usize, scratch: usize,
): void {
  if (columns == 0) return;
  memory.fill(scratch, 0, reluGradScratch(columns));
  const step: usize = 4 * <usize>columns;
  const block = min(max(BLOCK_BYTES / (4 * columns), 16), BLOCK_ROWS);
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  for (; rows > 0; rows -= block) {
    const height = min(rows, block);
    let column: usize = 0;
    for (let left = columns; left > 0; left -= 4) {
      let total = zero;
      let at = column;
      for (let i = 0; i < height; i++) {
        const value = loadLanes(y + at, left);
        // All bits of a lane make a NaN.
        const slope = v128.or(v128.and(f32x4.gt(value, zero), one), f32x4.ne(value, value));
        const gradient = f32x4.mul(loadLanes(dy + at, left), slope);
        storeLanes(dx + at, gradient, left);
        total = f32x4.add(total, gradient);
        at += step;
      }
      accumulate(scratch + 2 * column, total);
      column += 16;
    }
    dy += <usize>height * step;
    y += <usize>height * step;
    dx += <usize>height * step;
  }
  for (let i: usize = 0; i < <usize>columns; i++) store<f32>(sums + 4 * i, <f32>load<f64>(scratch + 8 * i));
}
