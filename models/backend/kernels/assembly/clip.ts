/** Limits of numbers, and whether they are zero. */

import { loadLanes, storeLanes } from "./simd";

/** `y[i] = min(max(x[i], low), high)`; NaN stays NaN. */
export function clip(count: i32, x: usize, y: usize, low: f32, high: f32): void {
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  for (; count >= 4; count -= 4) {
    v128.store(y, f32x4.min(f32x4.max(v128.load(x), lows), highs));
    x += 16;
    y += 16;
  }
  if (count > 0) storeLanes(y, f32x4.min(f32x4.max(loadLanes(x, count), lows), highs), count);
}

/** `y[i] = x[i] ≠ 0` in bytes; so it is for NaN. */
export function isNonzero(count: i32, x: usize, y: usize): void {
  const zero = f32x4.splat(0);
  const one = i8x16.splat(1);
  for (; count >= 16; count -= 16) {
    const low = i16x8.narrow_i32x4_s(f32x4.ne(v128.load(x), zero), f32x4.ne(v128.load(x, 16), zero));
    const high = i16x8.narrow_i32x4_s(f32x4.ne(v128.load(x, 32), zero), f32x4.ne(v128.load(x, 48), zero));
    v128.store(y, v128.and(i8x16.narrow_i16x8_s(low, high), one));
    x += 64;
    y += 16;
  }
  for (; count > 0; count--) {
    store<u8>(y, <u8>(load<f32>(x) != 0));
    x += 4;
    y++;
  }
}
