/**
 * The innermost loops of large matrix products: a tile of up to five rows and eight columns of the result, in registers.
 *
 * Engines check every address that is read, and the checks compete with the arithmetic for the ports of the processor.
 * So A is read four values at a time, from a strip packed for it (see `pack.ts`), and each value is spread over a
 * vector by a shuffle, which has a port of its own. Ten sums, two vectors of B, two of A and one spread value fill
 * fifteen vector registers; six rows do not fit, and are slower than five.
 */

import { activate } from "./activation";
import { loadLanes, multiplyAdd, storeLanes } from "./simd";

/**
 * C[rows, columns] = A[rows, depth] B[depth, columns], `rows` 1 to 5, `columns` 5 to 8.
 *
 * @param a the packed strip
 * @param start address of 8 values that every row starts from (the bias, or zeros), or 0 to add to what C holds
 * @param activation applied before storing, 0 for none
 */
export function packed5x8(
  depth: i32, a: usize, b: usize, c: usize, cStep: usize, rows: i32, columns: i32,
  start: usize, activation: i32, slope: f32,
): void {
  // A missing row is the last one again: it computes the same numbers and stores them in the same place.
  const row0 = c;
  const row1 = c + cStep * <usize>min(1, rows - 1);
  const row2 = c + cStep * <usize>min(2, rows - 1);
  const row3 = c + cStep * <usize>min(3, rows - 1);
  const row4 = c + cStep * <usize>min(4, rows - 1);
  let c00: v128, c01: v128;
  let c10: v128, c11: v128;
  let c20: v128, c21: v128;
  let c30: v128, c31: v128;
  let c40: v128, c41: v128;
  if (start) {
    c00 = v128.load(start); c01 = v128.load(start, 16);
    c10 = c00; c11 = c01;
    c20 = c00; c21 = c01;
    c30 = c00; c31 = c01;
    c40 = c00; c41 = c01;
  } else {
    c00 = v128.load(row0); c01 = loadLanes(row0 + 16, columns - 4);
    c10 = v128.load(row1); c11 = loadLanes(row1 + 16, columns - 4);
    c20 = v128.load(row2); c21 = loadLanes(row2 + 16, columns - 4);
    c30 = v128.load(row3); c31 = loadLanes(row3 + 16, columns - 4);
    c40 = v128.load(row4); c41 = loadLanes(row4 + 16, columns - 4);
  }
  let s: v128, x: v128, y: v128, b0: v128, b1: v128;
  for (; depth >= 4; depth -= 4) {
    y = v128.load(a, 64);
    x = v128.load(a, 0); b0 = v128.load(b, 0); b1 = v128.load(b, 16);
    s = i32x4.shuffle(x, x, 0, 0, 0, 0); c00 = multiplyAdd(s, b0, c00); c01 = multiplyAdd(s, b1, c01);
    s = i32x4.shuffle(x, x, 1, 1, 1, 1); c10 = multiplyAdd(s, b0, c10); c11 = multiplyAdd(s, b1, c11);
    s = i32x4.shuffle(x, x, 2, 2, 2, 2); c20 = multiplyAdd(s, b0, c20); c21 = multiplyAdd(s, b1, c21);
    s = i32x4.shuffle(x, x, 3, 3, 3, 3); c30 = multiplyAdd(s, b0, c30); c31 = multiplyAdd(s, b1, c31);
    s = i32x4.shuffle(y, y, 0, 0, 0, 0); c40 = multiplyAdd(s, b0, c40); c41 = multiplyAdd(s, b1, c41);
    x = v128.load(a, 16); b0 = v128.load(b, 32); b1 = v128.load(b, 48);
    s = i32x4.shuffle(x, x, 0, 0, 0, 0); c00 = multiplyAdd(s, b0, c00); c01 = multiplyAdd(s, b1, c01);
    s = i32x4.shuffle(x, x, 1, 1, 1, 1); c10 = multiplyAdd(s, b0, c10); c11 = multiplyAdd(s, b1, c11);
    s = i32x4.shuffle(x, x, 2, 2, 2, 2); c20 = multiplyAdd(s, b0, c20); c21 = multiplyAdd(s, b1, c21);
    s = i32x4.shuffle(x, x, 3, 3, 3, 3); c30 = multiplyAdd(s, b0, c30); c31 = multiplyAdd(s, b1, c31);
    s = i32x4.shuffle(y, y, 1, 1, 1, 1); c40 = multiplyAdd(s, b0, c40); c41 = multiplyAdd(s, b1, c41);
    x = v128.load(a, 32); b0 = v128.load(b, 64); b1 = v128.load(b, 80);
    s = i32x4.shuffle(x, x, 0, 0, 0, 0); c00 = multiplyAdd(s, b0, c00); c01 = multiplyAdd(s, b1, c01);
    s = i32x4.shuffle(x, x, 1, 1, 1, 1); c10 = multiplyAdd(s, b0, c10); c11 = multiplyAdd(s, b1, c11);
    s = i32x4.shuffle(x, x, 2, 2, 2, 2); c20 = multiplyAdd(s, b0, c20); c21 = multiplyAdd(s, b1, c21);
    s = i32x4.shuffle(x, x, 3, 3, 3, 3); c30 = multiplyAdd(s, b0, c30); c31 = multiplyAdd(s, b1, c31);
    s = i32x4.shuffle(y, y, 2, 2, 2, 2); c40 = multiplyAdd(s, b0, c40); c41 = multiplyAdd(s, b1, c41);
    x = v128.load(a, 48); b0 = v128.load(b, 96); b1 = v128.load(b, 112);
    s = i32x4.shuffle(x, x, 0, 0, 0, 0); c00 = multiplyAdd(s, b0, c00); c01 = multiplyAdd(s, b1, c01);
    s = i32x4.shuffle(x, x, 1, 1, 1, 1); c10 = multiplyAdd(s, b0, c10); c11 = multiplyAdd(s, b1, c11);
    s = i32x4.shuffle(x, x, 2, 2, 2, 2); c20 = multiplyAdd(s, b0, c20); c21 = multiplyAdd(s, b1, c21);
    s = i32x4.shuffle(x, x, 3, 3, 3, 3); c30 = multiplyAdd(s, b0, c30); c31 = multiplyAdd(s, b1, c31);
    s = i32x4.shuffle(y, y, 3, 3, 3, 3); c40 = multiplyAdd(s, b0, c40); c41 = multiplyAdd(s, b1, c41);
    a += 80;
    b += 128;
  }
  for (let last = a + 64; depth > 0; depth--) {
    b0 = v128.load(b); b1 = v128.load(b, 16);
    s = v128.load32_splat(a); c00 = multiplyAdd(s, b0, c00); c01 = multiplyAdd(s, b1, c01);
    s = v128.load32_splat(a, 4); c10 = multiplyAdd(s, b0, c10); c11 = multiplyAdd(s, b1, c11);
    s = v128.load32_splat(a, 8); c20 = multiplyAdd(s, b0, c20); c21 = multiplyAdd(s, b1, c21);
    s = v128.load32_splat(a, 12); c30 = multiplyAdd(s, b0, c30); c31 = multiplyAdd(s, b1, c31);
    s = v128.load32_splat(last); c40 = multiplyAdd(s, b0, c40); c41 = multiplyAdd(s, b1, c41);
    a += 16;
    last += 4;
    b += 32;
  }
  if (activation) {
    c00 = activate(c00, activation, slope); c01 = activate(c01, activation, slope);
    c10 = activate(c10, activation, slope); c11 = activate(c11, activation, slope);
    c20 = activate(c20, activation, slope); c21 = activate(c21, activation, slope);
    c30 = activate(c30, activation, slope); c31 = activate(c31, activation, slope);
    c40 = activate(c40, activation, slope); c41 = activate(c41, activation, slope);
  }
  if (columns == 8) {
    v128.store(row0, c00); v128.store(row0, c01, 16);
    v128.store(row1, c10); v128.store(row1, c11, 16);
    v128.store(row2, c20); v128.store(row2, c21, 16);
    v128.store(row3, c30); v128.store(row3, c31, 16);
    v128.store(row4, c40); v128.store(row4, c41, 16);
  } else {
    v128.store(row0, c00); storeLanes(row0 + 16, c01, columns - 4);
    v128.store(row1, c10); storeLanes(row1 + 16, c11, columns - 4);
    v128.store(row2, c20); storeLanes(row2 + 16, c21, columns - 4);
    v128.store(row3, c30); storeLanes(row3 + 16, c31, columns - 4);
    v128.store(row4, c40); storeLanes(row4 + 16, c41, columns - 4);
  }
}

/**
 * C[rows, columns] = A[rows, depth] B[depth, columns], `rows` 1 to 5, `columns` 1 to 4.
 *
 * @param a the packed strip
 * @param start address of 4 values that every row starts from (the bias, or zeros), or 0 to add to what C holds
 * @param activation applied before storing, 0 for none
 */
export function packed5x4(
  depth: i32, a: usize, b: usize, c: usize, cStep: usize, rows: i32, columns: i32,
  start: usize, activation: i32, slope: f32,
): void {
  // A missing row is the last one again: it computes the same numbers and stores them in the same place.
  const row0 = c;
  const row1 = c + cStep * <usize>min(1, rows - 1);
  const row2 = c + cStep * <usize>min(2, rows - 1);
  const row3 = c + cStep * <usize>min(3, rows - 1);
  const row4 = c + cStep * <usize>min(4, rows - 1);
  let c00: v128;
  let c10: v128;
  let c20: v128;
  let c30: v128;
  let c40: v128;
  if (start) {
    c00 = v128.load(start);
    c10 = c00;
    c20 = c00;
    c30 = c00;
    c40 = c00;
  } else {
    c00 = loadLanes(row0, columns);
    c10 = loadLanes(row1, columns);
    c20 = loadLanes(row2, columns);
    c30 = loadLanes(row3, columns);
    c40 = loadLanes(row4, columns);
  }
  let s: v128, x: v128, y: v128, b0: v128;
  for (; depth >= 4; depth -= 4) {
    y = v128.load(a, 64);
    x = v128.load(a, 0); b0 = v128.load(b, 0);
    s = i32x4.shuffle(x, x, 0, 0, 0, 0); c00 = multiplyAdd(s, b0, c00);
    s = i32x4.shuffle(x, x, 1, 1, 1, 1); c10 = multiplyAdd(s, b0, c10);
    s = i32x4.shuffle(x, x, 2, 2, 2, 2); c20 = multiplyAdd(s, b0, c20);
    s = i32x4.shuffle(x, x, 3, 3, 3, 3); c30 = multiplyAdd(s, b0, c30);
    s = i32x4.shuffle(y, y, 0, 0, 0, 0); c40 = multiplyAdd(s, b0, c40);
    x = v128.load(a, 16); b0 = v128.load(b, 16);
    s = i32x4.shuffle(x, x, 0, 0, 0, 0); c00 = multiplyAdd(s, b0, c00);
    s = i32x4.shuffle(x, x, 1, 1, 1, 1); c10 = multiplyAdd(s, b0, c10);
    s = i32x4.shuffle(x, x, 2, 2, 2, 2); c20 = multiplyAdd(s, b0, c20);
    s = i32x4.shuffle(x, x, 3, 3, 3, 3); c30 = multiplyAdd(s, b0, c30);
    s = i32x4.shuffle(y, y, 1, 1, 1, 1); c40 = multiplyAdd(s, b0, c40);
    x = v128.load(a, 32); b0 = v128.load(b, 32);
    s = i32x4.shuffle(x, x, 0, 0, 0, 0); c00 = multiplyAdd(s, b0, c00);
    s = i32x4.shuffle(x, x, 1, 1, 1, 1); c10 = multiplyAdd(s, b0, c10);
    s = i32x4.shuffle(x, x, 2, 2, 2, 2); c20 = multiplyAdd(s, b0, c20);
    s = i32x4.shuffle(x, x, 3, 3, 3, 3); c30 = multiplyAdd(s, b0, c30);
    s = i32x4.shuffle(y, y, 2, 2, 2, 2); c40 = multiplyAdd(s, b0, c40);
    x = v128.load(a, 48); b0 = v128.load(b, 48);
    s = i32x4.shuffle(x, x, 0, 0, 0, 0); c00 = multiplyAdd(s, b0, c00);
    s = i32x4.shuffle(x, x, 1, 1, 1, 1); c10 = multiplyAdd(s, b0, c10);
    s = i32x4.shuffle(x, x, 2, 2, 2, 2); c20 = multiplyAdd(s, b0, c20);
    s = i32x4.shuffle(x, x, 3, 3, 3, 3); c30 = multiplyAdd(s, b0, c30);
    s = i32x4.shuffle(y, y, 3, 3, 3, 3); c40 = multiplyAdd(s, b0, c40);
    a += 80;
    b += 64;
  }
  for (let last = a + 64; depth > 0; depth--) {
    b0 = v128.load(b);
    s = v128.load32_splat(a); c00 = multiplyAdd(s, b0, c00);
    s = v128.load32_splat(a, 4); c10 = multiplyAdd(s, b0, c10);
    s = v128.load32_splat(a, 8); c20 = multiplyAdd(s, b0, c20);
    s = v128.load32_splat(a, 12); c30 = multiplyAdd(s, b0, c30);
    s = v128.load32_splat(last); c40 = multiplyAdd(s, b0, c40);
    a += 16;
    last += 4;
    b += 16;
  }
  if (activation) {
    c00 = activate(c00, activation, slope);
    c10 = activate(c10, activation, slope);
    c20 = activate(c20, activation, slope);
    c30 = activate(c30, activation, slope);
    c40 = activate(c40, activation, slope);
  }
  storeLanes(row0, c00, columns);
  storeLanes(row1, c10, columns);
  storeLanes(row2, c20, columns);
  storeLanes(row3, c30, columns);
  storeLanes(row4, c40, columns);
}
