/**
 * A row vector times a matrix: y[columns] = activation(x[depth] B[depth, columns] + start).
 *
 * Packing B would cost more than the product itself, so B is streamed once from where it lies. Steps are in bytes.
 */

import { activate } from "./activation";
import { loadLanes, multiplyAdd, storeLanes } from "./simd";

/** What y holds before the product: the values at `start`, the same one for all columns if `startStep` is 0. */
export function startVector(columns: i32, y: usize, start: usize, startStep: usize): void {
  if (startStep) {
    memory.copy(y, start, 4 * <usize>columns);
  } else {
    const value = load<f32>(start);
    for (const end = y + 4 * <usize>columns; y < end; y += 4) store<f32>(y, value);
  }
}

/** Applies the activation to y[columns]. */
export function activateVector(columns: i32, y: usize, activation: i32, slope: f32): void {
  for (; columns > 0; columns -= 4) {
    storeLanes(y, activate(loadLanes(y, columns), activation, slope), columns);
    y += 16;
  }
}

/** y += x B, the rows of B contiguous: four rows at a time, so that y is read and written a quarter as often. */
export function addRows(
  columns: i32, depth: i32, x: usize, xStep: usize, b: usize, bRow: usize, y: usize,
): void {
  for (; depth >= 4; depth -= 4) {
    const x0 = v128.load32_splat(x);
    const x1 = v128.load32_splat(x + xStep);
    const x2 = v128.load32_splat(x + 2 * xStep);
    const x3 = v128.load32_splat(x + 3 * xStep);
    let b0 = b;
    let b1 = b + bRow;
    let b2 = b1 + bRow;
    let b3 = b2 + bRow;
    let to = y;
    let left = columns;
    for (; left >= 8; left -= 8) {
      let low = v128.load(to);
      let high = v128.load(to, 16);
      low = multiplyAdd(x0, v128.load(b0), low);
      high = multiplyAdd(x0, v128.load(b0, 16), high);
      low = multiplyAdd(x1, v128.load(b1), low);
      high = multiplyAdd(x1, v128.load(b1, 16), high);
      low = multiplyAdd(x2, v128.load(b2), low);
      high = multiplyAdd(x2, v128.load(b2, 16), high);
      low = multiplyAdd(x3, v128.load(b3), low);
      high = multiplyAdd(x3, v128.load(b3, 16), high);
      v128.store(to, low);
      v128.store(to, high, 16);
      b0 += 32;
      b1 += 32;
      b2 += 32;
      b3 += 32;
      to += 32;
    }
    for (; left > 0; left -= 4) {
      let sum = loadLanes(to, left);
      sum = multiplyAdd(x0, loadLanes(b0, left), sum);
      sum = multiplyAdd(x1, loadLanes(b1, left), sum);
      sum = multiplyAdd(x2, loadLanes(b2, left), sum);
      sum = multiplyAdd(x3, loadLanes(b3, left), sum);
      storeLanes(to, sum, left);
      b0 += 16;
      b1 += 16;
      b2 += 16;
      b3 += 16;
      to += 16;
    }
    x += 4 * xStep;
    b += 4 * bRow;
  }
  for (; depth > 0; depth--) {
    const x0 = v128.load32_splat(x);
    let b0 = b;
    let to = y;
    for (let left = columns; left > 0; left -= 4) {
      storeLanes(to, multiplyAdd(x0, loadLanes(b0, left), loadLanes(to, left)), left);
      b0 += 16;
      to += 16;
    }
    x += xStep;
    b += bRow;
  }
}

/** y += x B, the columns of B contiguous, and x too: four scalar products at a time. */
export function addColumns(
  columns: i32, depth: i32, x: usize, b: usize, bColumn: usize, y: usize,
): void {
  const last = columns - 1;
  for (let column = 0; column < columns; column += 4) {
    // A missing column is the last one again; its sum is not stored.
    let b0 = b;
    let b1 = b + bColumn * <usize>min(1, last - column);
    let b2 = b + bColumn * <usize>min(2, last - column);
    let b3 = b + bColumn * <usize>min(3, last - column);
    let from = x;
    let s0 = f32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    let t0 = s0;
    let t1 = s0;
    let t2 = s0;
    let t3 = s0;
    let left = depth;
    for (; left >= 8; left -= 8) {
      const x0 = v128.load(from);
      const x1 = v128.load(from, 16);
      s0 = multiplyAdd(x0, v128.load(b0), s0);
      t0 = multiplyAdd(x1, v128.load(b0, 16), t0);
      s1 = multiplyAdd(x0, v128.load(b1), s1);
      t1 = multiplyAdd(x1, v128.load(b1, 16), t1);
      s2 = multiplyAdd(x0, v128.load(b2), s2);
      t2 = multiplyAdd(x1, v128.load(b2, 16), t2);
      s3 = multiplyAdd(x0, v128.load(b3), s3);
      t3 = multiplyAdd(x1, v128.load(b3, 16), t3);
      from += 32;
      b0 += 32;
      b1 += 32;
      b2 += 32;
      b3 += 32;
    }
    for (; left > 0; left -= 4) {
      // Lanes that are not there are zero on both sides, so they add nothing.
      const x0 = loadLanes(from, left);
      s0 = multiplyAdd(x0, loadLanes(b0, left), s0);
      s1 = multiplyAdd(x0, loadLanes(b1, left), s1);
      s2 = multiplyAdd(x0, loadLanes(b2, left), s2);
      s3 = multiplyAdd(x0, loadLanes(b3, left), s3);
      from += 16;
      b0 += 16;
      b1 += 16;
      b2 += 16;
      b3 += 16;
    }
    const sums = lanesSummed(f32x4.add(s0, t0), f32x4.add(s1, t1), f32x4.add(s2, t2), f32x4.add(s3, t3));
    storeLanes(y, f32x4.add(loadLanes(y, columns - column), sums), columns - column);
    b += 4 * bColumn;
    y += 16;
  }
}

/** The sums of the lanes of four vectors, one in each lane. */
@inline
function lanesSummed(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(i32x4.shuffle(a, b, 0, 4, 1, 5), i32x4.shuffle(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(i32x4.shuffle(c, d, 0, 4, 1, 5), i32x4.shuffle(c, d, 2, 6, 3, 7));
  return f32x4.add(i64x2.shuffle(ab, cd, 0, 2), i64x2.shuffle(ab, cd, 1, 3));
}
