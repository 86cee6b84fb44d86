/**
 * The innermost loops of the matrix product: a tile of up to six rows and eight columns of the result, in registers.
 *
 * Twelve sums, two vectors of B and one spread value of A fill fifteen vector registers; x86-64 has sixteen, and the
 * engine keeps one for itself. So the order of the lines matters: sums that take turns hide each other's latency,
 * while four steps of one sum in a row need all of B's vectors at once, and registers are spilled.
 *
 * Here the rows of A lie `aStep` bytes apart, each contiguous, and are read where they are.
 * B is a packed panel (see `pack.ts`).
 */

import { activate } from "./activation";
import { loadLanes, multiplyAdd, storeLanes } from "./simd";

/**
 * C[rows, columns] = A[rows, depth] B[depth, columns], A by rows, `columns` 5 to 8.
 *
 * @param start address of 8 values that every row starts from (the bias, or zeros), or 0 to add to what C holds
 * @param activation applied before storing, 0 for none
 */
export function rows6x8(
  depth: i32, a: usize, aStep: usize, b: usize,
  c: usize, cStep: usize, rows: i32, columns: i32,
  start: usize, activation: i32, slope: f32,
): void {
  // A missing row is the last one again: it computes the same numbers and stores them in the same place.
  const row0 = c;
  const row1 = c + cStep * <usize>min(1, rows - 1);
  const row2 = c + cStep * <usize>min(2, rows - 1);
  const row3 = c + cStep * <usize>min(3, rows - 1);
  const row4 = c + cStep * <usize>min(4, rows - 1);
  const row5 = c + cStep * <usize>min(5, rows - 1);
  let a0 = a;
  let a1 = a + aStep * <usize>min(1, rows - 1);
  let a2 = a + aStep * <usize>min(2, rows - 1);
  let a3 = a + aStep * <usize>min(3, rows - 1);
  let a4 = a + aStep * <usize>min(4, rows - 1);
  let a5 = a + aStep * <usize>min(5, rows - 1);
  let c00: v128, c01: v128;
  let c10: v128, c11: v128;
  let c20: v128, c21: v128;
  let c30: v128, c31: v128;
  let c40: v128, c41: v128;
  let c50: v128, c51: v128;
  if (start) {
    c00 = v128.load(start); c01 = v128.load(start, 16);
    c10 = c00; c11 = c01;
    c20 = c00; c21 = c01;
    c30 = c00; c31 = c01;
    c40 = c00; c41 = c01;
    c50 = c00; c51 = c01;
  } else {
    c00 = v128.load(row0); c01 = loadLanes(row0 + 16, columns - 4);
    c10 = v128.load(row1); c11 = loadLanes(row1 + 16, columns - 4);
    c20 = v128.load(row2); c21 = loadLanes(row2 + 16, columns - 4);
    c30 = v128.load(row3); c31 = loadLanes(row3 + 16, columns - 4);
    c40 = v128.load(row4); c41 = loadLanes(row4 + 16, columns - 4);
    c50 = v128.load(row5); c51 = loadLanes(row5 + 16, columns - 4);
  }
  let s: v128, b0: v128, b1: v128;
  for (; depth >= 4; depth -= 4) {
    b0 = v128.load(b, 0); b1 = v128.load(b, 16);
    s = v128.load32_splat(a0, 0); c00 = multiplyAdd(s, b0, c00); c01 = multiplyAdd(s, b1, c01);
    s = v128.load32_splat(a1, 0); c10 = multiplyAdd(s, b0, c10); c11 = multiplyAdd(s, b1, c11);
    s = v128.load32_splat(a2, 0); c20 = multiplyAdd(s, b0, c20); c21 = multiplyAdd(s, b1, c21);
    s = v128.load32_splat(a3, 0); c30 = multiplyAdd(s, b0, c30); c31 = multiplyAdd(s, b1, c31);
    s = v128.load32_splat(a4, 0); c40 = multiplyAdd(s, b0, c40); c41 = multiplyAdd(s, b1, c41);
    s = v128.load32_splat(a5, 0); c50 = multiplyAdd(s, b0, c50); c51 = multiplyAdd(s, b1, c51);
    b0 = v128.load(b, 32); b1 = v128.load(b, 48);
    s = v128.load32_splat(a0, 4); c00 = multiplyAdd(s, b0, c00); c01 = multiplyAdd(s, b1, c01);
    s = v128.load32_splat(a1, 4); c10 = multiplyAdd(s, b0, c10); c11 = multiplyAdd(s, b1, c11);
    s = v128.load32_splat(a2, 4); c20 = multiplyAdd(s, b0, c20); c21 = multiplyAdd(s, b1, c21);
    s = v128.load32_splat(a3, 4); c30 = multiplyAdd(s, b0, c30); c31 = multiplyAdd(s, b1, c31);
    s = v128.load32_splat(a4, 4); c40 = multiplyAdd(s, b0, c40); c41 = multiplyAdd(s, b1, c41);
    s = v128.load32_splat(a5, 4); c50 = multiplyAdd(s, b0, c50); c51 = multiplyAdd(s, b1, c51);
    b0 = v128.load(b, 64); b1 = v128.load(b, 80);
    s = v128.load32_splat(a0, 8); c00 = multiplyAdd(s, b0, c00); c01 = multiplyAdd(s, b1, c01);
    s = v128.load32_splat(a1, 8); c10 = multiplyAdd(s, b0, c10); c11 = multiplyAdd(s, b1, c11);
    s = v128.load32_splat(a2, 8); c20 = multiplyAdd(s, b0, c20); c21 = multiplyAdd(s, b1, c21);
    s = v128.load32_splat(a3, 8); c30 = multiplyAdd(s, b0, c30); c31 = multiplyAdd(s, b1, c31);
    s = v128.load32_splat(a4, 8); c40 = multiplyAdd(s, b0, c40); c41 = multiplyAdd(s, b1, c41);
    s = v128.load32_splat(a5, 8); c50 = multiplyAdd(s, b0, c50); c51 = multiplyAdd(s, b1, c51);
    b0 = v128.load(b, 96); b1 = v128.load(b, 112);
    s = v128.load32_splat(a0, 12); c00 = multiplyAdd(s, b0, c00); c01 = multiplyAdd(s, b1, c01);
    s = v128.load32_splat(a1, 12); c10 = multiplyAdd(s, b0, c10); c11 = multiplyAdd(s, b1, c11);
    s = v128.load32_splat(a2, 12); c20 = multiplyAdd(s, b0, c20); c21 = multiplyAdd(s, b1, c21);
    s = v128.load32_splat(a3, 12); c30 = multiplyAdd(s, b0, c30); c31 = multiplyAdd(s, b1, c31);
    s = v128.load32_splat(a4, 12); c40 = multiplyAdd(s, b0, c40); c41 = multiplyAdd(s, b1, c41);
    s = v128.load32_splat(a5, 12); c50 = multiplyAdd(s, b0, c50); c51 = multiplyAdd(s, b1, c51);
    b += 128;
    a0 += 16; a1 += 16; a2 += 16; a3 += 16; a4 += 16; a5 += 16;
  }
  for (; depth > 0; depth--) {
    b0 = v128.load(b, 0); b1 = v128.load(b, 16);
    s = v128.load32_splat(a0, 0); c00 = multiplyAdd(s, b0, c00); c01 = multiplyAdd(s, b1, c01);
    s = v128.load32_splat(a1, 0); c10 = multiplyAdd(s, b0, c10); c11 = multiplyAdd(s, b1, c11);
    s = v128.load32_splat(a2, 0); c20 = multiplyAdd(s, b0, c20); c21 = multiplyAdd(s, b1, c21);
    s = v128.load32_splat(a3, 0); c30 = multiplyAdd(s, b0, c30); c31 = multiplyAdd(s, b1, c31);
    s = v128.load32_splat(a4, 0); c40 = multiplyAdd(s, b0, c40); c41 = multiplyAdd(s, b1, c41);
    s = v128.load32_splat(a5, 0); c50 = multiplyAdd(s, b0, c50); c51 = multiplyAdd(s, b1, c51);
    b += 32;
    a0 += 4; a1 += 4; a2 += 4; a3 += 4; a4 += 4; a5 += 4;
  }
  if (activation) {
    c00 = activate(c00, activation, slope); c01 = activate(c01, activation, slope);
    c10 = activate(c10, activation, slope); c11 = activate(c11, activation, slope);
    c20 = activate(c20, activation, slope); c21 = activate(c21, activation, slope);
    c30 = activate(c30, activation, slope); c31 = activate(c31, activation, slope);
    c40 = activate(c40, activation, slope); c41 = activate(c41, activation, slope);
    c50 = activate(c50, activation, slope); c51 = activate(c51, activation, slope);
  }
  if (columns == 8) {
    v128.store(row0, c00); v128.store(row0, c01, 16);
    v128.store(row1, c10); v128.store(row1, c11, 16);
    v128.store(row2, c20); v128.store(row2, c21, 16);
    v128.store(row3, c30); v128.store(row3, c31, 16);
    v128.store(row4, c40); v128.store(row4, c41, 16);
    v128.store(row5, c50); v128.store(row5, c51, 16);
  } else {
    v128.store(row0, c00); storeLanes(row0 + 16, c01, columns - 4);
    v128.store(row1, c10); storeLanes(row1 + 16, c11, columns - 4);
    v128.store(row2, c20); storeLanes(row2 + 16, c21, columns - 4);
    v128.store(row3, c30); storeLanes(row3 + 16, c31, columns - 4);
    v128.store(row4, c40); storeLanes(row4 + 16, c41, columns - 4);
    v128.store(row5, c50); storeLanes(row5 + 16, c51, columns - 4);
  }
}

/**
 * C[rows, columns] = A[rows, depth] B[depth, columns], A by rows, `columns` 1 to 4.
 *
 * @param start address of 4 values that every row starts from (the bias, or zeros), or 0 to add to what C holds
 * @param activation applied before storing, 0 for none
 */
export function rows6x4(
  depth: i32, a: usize, aStep: usize, b: usize,
  c: usize, cStep: usize, rows: i32, columns: i32,
  start: usize, activation: i32, slope: f32,
): void {
  // A missing row is the last one again: it computes the same numbers and stores them in the same place.
  const row0 = c;
  const row1 = c + cStep * <usize>min(1, rows - 1);
  const row2 = c + cStep * <usize>min(2, rows - 1);
  const row3 = c + cStep * <usize>min(3, rows - 1);
  const row4 = c + cStep * <usize>min(4, rows - 1);
  const row5 = c + cStep * <usize>min(5, rows - 1);
  let a0 = a;
  let a1 = a + aStep * <usize>min(1, rows - 1);
  let a2 = a + aStep * <usize>min(2, rows - 1);
  let a3 = a + aStep * <usize>min(3, rows - 1);
  let a4 = a + aStep * <usize>min(4, rows - 1);
  let a5 = a + aStep * <usize>min(5, rows - 1);
  let c00: v128;
  let c10: v128;
  let c20: v128;
  let c30: v128;
  let c40: v128;
  let c50: v128;
  if (start) {
    c00 = v128.load(start);
    c10 = c00;
    c20 = c00;
    c30 = c00;
    c40 = c00;
    c50 = c00;
  } else {
    c00 = loadLanes(row0, columns);
    c10 = loadLanes(row1, columns);
    c20 = loadLanes(row2, columns);
    c30 = loadLanes(row3, columns);
    c40 = loadLanes(row4, columns);
    c50 = loadLanes(row5, columns);
  }
  let s: v128, b0: v128;
  for (; depth >= 4; depth -= 4) {
    b0 = v128.load(b, 0);
    s = v128.load32_splat(a0, 0); c00 = multiplyAdd(s, b0, c00);
    s = v128.load32_splat(a1, 0); c10 = multiplyAdd(s, b0, c10);
    s = v128.load32_splat(a2, 0); c20 = multiplyAdd(s, b0, c20);
    s = v128.load32_splat(a3, 0); c30 = multiplyAdd(s, b0, c30);
    s = v128.load32_splat(a4, 0); c40 = multiplyAdd(s, b0, c40);
    s = v128.load32_splat(a5, 0); c50 = multiplyAdd(s, b0, c50);
    b0 = v128.load(b, 16);
    s = v128.load32_splat(a0, 4); c00 = multiplyAdd(s, b0, c00);
    s = v128.load32_splat(a1, 4); c10 = multiplyAdd(s, b0, c10);
    s = v128.load32_splat(a2, 4); c20 = multiplyAdd(s, b0, c20);
    s = v128.load32_splat(a3, 4); c30 = multiplyAdd(s, b0, c30);
    s = v128.load32_splat(a4, 4); c40 = multiplyAdd(s, b0, c40);
    s = v128.load32_splat(a5, 4); c50 = multiplyAdd(s, b0, c50);
    b0 = v128.load(b, 32);
    s = v128.load32_splat(a0, 8); c00 = multiplyAdd(s, b0, c00);
    s = v128.load32_splat(a1, 8); c10 = multiplyAdd(s, b0, c10);
    s = v128.load32_splat(a2, 8); c20 = multiplyAdd(s, b0, c20);
    s = v128.load32_splat(a3, 8); c30 = multiplyAdd(s, b0, c30);
    s = v128.load32_splat(a4, 8); c40 = multiplyAdd(s, b0, c40);
    s = v128.load32_splat(a5, 8); c50 = multiplyAdd(s, b0, c50);
    b0 = v128.load(b, 48);
    s = v128.load32_splat(a0, 12); c00 = multiplyAdd(s, b0, c00);
    s = v128.load32_splat(a1, 12); c10 = multiplyAdd(s, b0, c10);
    s = v128.load32_splat(a2, 12); c20 = multiplyAdd(s, b0, c20);
    s = v128.load32_splat(a3, 12); c30 = multiplyAdd(s, b0, c30);
    s = v128.load32_splat(a4, 12); c40 = multiplyAdd(s, b0, c40);
    s = v128.load32_splat(a5, 12); c50 = multiplyAdd(s, b0, c50);
    b += 64;
    a0 += 16; a1 += 16; a2 += 16; a3 += 16; a4 += 16; a5 += 16;
  }
  for (; depth > 0; depth--) {
    b0 = v128.load(b, 0);
    s = v128.load32_splat(a0, 0); c00 = multiplyAdd(s, b0, c00);
    s = v128.load32_splat(a1, 0); c10 = multiplyAdd(s, b0, c10);
    s = v128.load32_splat(a2, 0); c20 = multiplyAdd(s, b0, c20);
    s = v128.load32_splat(a3, 0); c30 = multiplyAdd(s, b0, c30);
    s = v128.load32_splat(a4, 0); c40 = multiplyAdd(s, b0, c40);
    s = v128.load32_splat(a5, 0); c50 = multiplyAdd(s, b0, c50);
    b += 16;
    a0 += 4; a1 += 4; a2 += 4; a3 += 4; a4 += 4; a5 += 4;
  }
  if (activation) {
    c00 = activate(c00, activation, slope);
    c10 = activate(c10, activation, slope);
    c20 = activate(c20, activation, slope);
    c30 = activate(c30, activation, slope);
    c40 = activate(c40, activation, slope);
    c50 = activate(c50, activation, slope);
  }
  storeLanes(row0, c00, columns);
  storeLanes(row1, c10, columns);
  storeLanes(row2, c20, columns);
  storeLanes(row3, c30, columns);
  storeLanes(row4, c40, columns);
  storeLanes(row5, c50, columns);
}
