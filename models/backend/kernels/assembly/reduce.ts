/**
 * Sums and maxima over one axis: x[outer, length, inner] gives y[outer, inner].
 *
 * Sums keep their last digits however long they are: floats are added up in blocks, and the blocks in double precision
 * or in a second array.
 */

import { loadLanes, storeLanes } from "./simd";

/** Numbers that go into one sum of floats before it is put with the others. */
const BLOCK: i32 = 1024;
/** The same for sums of rows. */
const BLOCK_ROWS: i32 = 256;

/** Bytes of scratch that `sumAxis` needs. */
export function sumScratch(length: i32, inner: i32): usize {
  return inner > 1 && length > BLOCK_ROWS ? 4 * <usize>inner : 0;
}

/** Sums along the axis, each divided by `divisor`. */
export function sumAxis(
  outer: i32, length: i32, inner: i32, x: usize, y: usize, divisor: f64, scratch: usize,
): void {
  for (; outer > 0; outer--) {
    if (inner == 1) store<f32>(y, <f32>(sumOf(length, x) / divisor));
    else sumRows(length, inner, x, y, divisor, scratch);
    x += 4 * <usize>length * <usize>inner;
    y += 4 * <usize>inner;
  }
}

/** Maxima along the axis, -∞ where it is empty; a NaN wins. */
export function maxAxis(outer: i32, length: i32, inner: i32, x: usize, y: usize): void {
  for (; outer > 0; outer--) {
    if (inner == 1) store<f32>(y, maxOf(length, x));
    else maxRows(length, inner, x, y);
    x += 4 * <usize>length * <usize>inner;
    y += 4 * <usize>inner;
  }
}

/** The sum of four floats. */
@inline
export function sumLanes(x: v128): f32 {
  return (f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 2)) +
    (f32x4.extract_lane(x, 1) + f32x4.extract_lane(x, 3));
}

/** Adds four floats to four doubles. */
@inline
export function accumulate(to: usize, value: v128): void {
  v128.store(to, f64x2.add(v128.load(to), f64x2.promote_low_f32x4(value)));
  const high = i64x2.shuffle(value, value, 1, 0);
  v128.store(to, f64x2.add(v128.load(to, 16), f64x2.promote_low_f32x4(high)), 16);
}

/** The sum of `count` floats. */
export function sumOf(count: i32, x: usize): f64 {
  let sum: f64 = 0;
  while (count > BLOCK) {
    sum += <f64>sumBlock(BLOCK, x);
    x += 4 * BLOCK;
    count -= BLOCK;
  }
  return sum + <f64>sumBlock(count, x);
}

function sumBlock(count: i32, x: usize): f32 {
  let sum0 = f32x4.splat(0);
  let sum1 = sum0;
  let sum2 = sum0;
  let sum3 = sum0;
  for (; count >= 16; count -= 16) {
    sum0 = f32x4.add(sum0, v128.load(x));
    sum1 = f32x4.add(sum1, v128.load(x, 16));
    sum2 = f32x4.add(sum2, v128.load(x, 32));
    sum3 = f32x4.add(sum3, v128.load(x, 48));
    x += 64;
  }
  for (; count >= 4; count -= 4) {
    sum0 = f32x4.add(sum0, v128.load(x));
    x += 16;
  }
  if (count > 0) sum1 = f32x4.add(sum1, loadLanes(x, count));
  return sumLanes(f32x4.add(f32x4.add(sum0, sum1), f32x4.add(sum2, sum3)));
}

/** y[inner] = the sums of x[length, inner] over its rows, divided. */
function sumRows(length: i32, inner: i32, x: usize, y: usize, divisor: f64, scratch: usize): void {
  const step: usize = 4 * <usize>inner;
  memory.fill(y, 0, step);
  if (length <= BLOCK_ROWS) {
    addRows(length, inner, x, y);
  } else {
    while (length > 0) {
      const rows = min(length, BLOCK_ROWS);
      memory.fill(scratch, 0, step);
      addRows(rows, inner, x, scratch);
      addRows(1, inner, scratch, y);
      x += <usize>rows * step;
      length -= rows;
    }
  }
  if (divisor == 1) return;
  const divisors = f32x4.splat(<f32>divisor);
  for (; inner > 0; inner -= 4) {
    storeLanes(y, f32x4.div(loadLanes(y, inner), divisors), inner);
    y += 16;
  }
}

/** y[columns] += all rows of x[rows, columns]; four rows at a time, so that y is read and written a quarter as often. */
function addRows(rows: i32, columns: i32, x: usize, y: usize): void {
  const step: usize = 4 * <usize>columns;
  for (; rows >= 4; rows -= 4) {
    let from = x;
    let to = y;
    let left = columns;
    for (; left >= 4; left -= 4) {
      const pair0 = f32x4.add(v128.load(from), v128.load(from + step));
      const pair1 = f32x4.add(v128.load(from + 2 * step), v128.load(from + 3 * step));
      v128.store(to, f32x4.add(v128.load(to), f32x4.add(pair0, pair1)));
      from += 16;
      to += 16;
    }
    for (; left > 0; left--) {
      const pair0 = load<f32>(from) + load<f32>(from + step);
      const pair1 = load<f32>(from + 2 * step) + load<f32>(from + 3 * step);
      store<f32>(to, load<f32>(to) + (pair0 + pair1));
      from += 4;
      to += 4;
    }
    x += 4 * step;
  }
  for (; rows > 0; rows--) {
    let to = y;
    for (let left = columns; left > 0; left -= 4) {
      storeLanes(to, f32x4.add(loadLanes(to, left), loadLanes(x, left)), left);
      x += 16;
      to += 16;
    }
    // The last vector may have been cut short.
    x -= to - y - step;
  }
}

/** The greatest of `count` floats, NaN if one is; -∞ if there is none. */
function maxOf(count: i32, x: usize): f32 {
  let max0 = f32x4.splat(-Infinity);
  let max1 = max0;
  for (; count >= 8; count -= 8) {
    max0 = f32x4.max(max0, v128.load(x));
    max1 = f32x4.max(max1, v128.load(x, 16));
    x += 32;
  }
  max0 = f32x4.max(max0, max1);
  let greatest = max(
    max(f32x4.extract_lane(max0, 0), f32x4.extract_lane(max0, 1)),
    max(f32x4.extract_lane(max0, 2), f32x4.extract_lane(max0, 3)),
  );
  for (; count > 0; count--) {
    greatest = max(greatest, load<f32>(x));
    x += 4;
  }
  return greatest;
}

/** y[inner] = the maxima of x[length, inner] over its rows. */
function maxRows(length: i32, inner: i32, x: usize, y: usize): void {
  const step: usize = 4 * <usize>inner;
  if (length == 0) {
    for (const end = y + step; y < end; y += 4) store<f32>(y, -Infinity);
    return;
  }
  memory.copy(y, x, step);
  for (let row = 1; row < length; row++) {
    x += step;
    let from = x;
    let to = y;
    for (let left = inner; left > 0; left -= 4) {
      storeLanes(to, f32x4.max(loadLanes(to, left), loadLanes(from, left)), left);
      from += 16;
      to += 16;
    }
  }
}
