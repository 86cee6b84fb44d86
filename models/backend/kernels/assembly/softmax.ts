/** Softmax of rows, its logarithm and their gradients: x and y are [rows, classes]. */

import { exp4, expBelow4, log } from "./functions";
import { sumLanes } from "./reduce";
import { loadLanes, multiplyAdd, storeLanes } from "./simd";

/** The first `count` lanes, 1 to 4, of `value`; the others are zero. */
@inline
function firstLanes(value: v128, count: i32): v128 {
  return v128.and(value, i32x4.gt_s(i32x4.splat(count), i32x4(0, 1, 2, 3)));
}

/**
 * The greatest of a row, or less where there is a NaN: one instruction a vector. Since `e^(NaN − shift)` is NaN whatever
 * the shift, the row comes out as NaN all the same.
 */
function shiftOf(count: i32, x: usize): f32 {
  let greatest = f32x4.splat(-Infinity);
  for (; count >= 4; count -= 4) {
    greatest = f32x4.pmax(greatest, v128.load(x));
    x += 16;
  }
  for (; count > 0; count--) {
    greatest = f32x4.pmax(greatest, v128.load32_splat(x));
    x += 4;
  }
  greatest = f32x4.pmax(greatest, i32x4.shuffle(greatest, greatest, 2, 3, 0, 1));
  return f32x4.extract_lane(f32x4.pmax(greatest, i32x4.shuffle(greatest, greatest, 1, 0, 3, 2)), 0);
}

/** `y = e^(x − shift)` for one row, and the sum of y. */
function expRow(count: i32, x: usize, shift: f32, y: usize): f32 {
  const shifts = f32x4.splat(shift);
  let sum = f32x4.splat(0);
  for (; count >= 4; count -= 4) {
    const value = expBelow4(f32x4.sub(v128.load(x), shifts));
    sum = f32x4.add(sum, value);
    v128.store(y, value);
    x += 16;
    y += 16;
  }
  if (count > 0) {
    const value = expBelow4(f32x4.sub(loadLanes(x, count), shifts));
    storeLanes(y, value, count);
    sum = f32x4.add(sum, firstLanes(value, count));
  }
  return sumLanes(sum);
}

/** The sum of `e^(x − shift)` over one row. */
function sumExpRow(count: i32, x: usize, shift: f32): f32 {
  const shifts = f32x4.splat(shift);
  let sum = f32x4.splat(0);
  for (; count > 0; count -= 4) {
    sum = f32x4.add(sum, firstLanes(expBelow4(f32x4.sub(loadLanes(x, count), shifts)), count));
    x += 16;
  }
  return sumLanes(sum);
}

/** The logarithm of the sum of `e^x` over one row. */
export function logSumExpRow(count: i32, x: usize): f32 {
  const greatest = shiftOf(count, x);
  return <f32>(<f64>greatest + log(<f64>sumExpRow(count, x, greatest)));
}

/** The sum of `x ⊙ y` over one row. */
function dotRow(count: i32, x: usize, y: usize): f32 {
  let sum = f32x4.splat(0);
  for (; count > 0; count -= 4) {
    sum = multiplyAdd(loadLanes(x, count), loadLanes(y, count), sum);
    x += 16;
    y += 16;
  }
  return sumLanes(sum);
}

/** `y = softmax(x)`. */
export function softmax(rows: i32, classes: i32, x: usize, y: usize): void {
  for (; rows > 0; rows--) {
    const scale = f32x4.splat(1 / expRow(classes, x, shiftOf(classes, x), y));
    let to = y;
    for (let left = classes; left > 0; left -= 4) {
      storeLanes(to, f32x4.mul(loadLanes(to, left), scale), left);
      to += 16;
    }
    x += 4 * <usize>classes;
    y += 4 * <usize>classes;
  }
}

/** `dx = y ⊙ (dy − Σ dy ⊙ y)`, y being the softmax. */
export function softmaxGrad(rows: i32, classes: i32, dy: usize, y: usize, dx: usize): void {
  for (; rows > 0; rows--) {
    const along = f32x4.splat(dotRow(classes, dy, y));
    let at: usize = 0;
    for (let left = classes; left > 0; left -= 4) {
      const slope = f32x4.sub(loadLanes(dy + at, left), along);
      storeLanes(dx + at, f32x4.mul(loadLanes(y + at, left), slope), left);
      at += 16;
    }
    dy += 4 * <usize>classes;
    y += 4 * <usize>classes;
    dx += 4 * <usize>classes;
  }
}

/** `y = log softmax(x)`. */
export function logSoftmax(rows: i32, classes: i32, x: usize, y: usize): void {
  for (; rows > 0; rows--) {
    // The maximum goes first: one subtraction of the whole sum would lose the digits of values close together.
    const greatest = shiftOf(classes, x);
    const shift = f32x4.splat(greatest);
    const rest = f32x4.splat(<f32>log(<f64>sumExpRow(classes, x, greatest)));
    let at: usize = 0;
    for (let left = classes; left > 0; left -= 4) {
      storeLanes(y + at, f32x4.sub(f32x4.sub(loadLanes(x + at, left), shift), rest), left);
      at += 16;
    }
    x += 4 * <usize>classes;
    y += 4 * <usize>classes;
  }
}

/** `dx = dy − e^y · Σ dy`, y being the logarithm of the softmax. */
export function logSoftmaxGrad(rows: i32, classes: i32, dy: usize, y: usize, dx: usize): void {
  for (; rows > 0; rows--) {
    let at: usize = 0;
    let sums = f32x4.splat(0);
    for (let left = classes; left > 0; left -= 4) {
      sums = f32x4.add(sums, loadLanes(dy + at, left));
      at += 16;
    }
    const sum = f32x4.splat(sumLanes(sums));
    at = 0;
    for (let left = classes; left > 0; left -= 4) {
      const share = f32x4.mul(exp4(loadLanes(y + at, left)), sum);
      storeLanes(dx + at, f32x4.sub(loadLanes(dy + at, left), share), left);
      at += 16;
    }
    dy += 4 * <usize>classes;
    y += 4 * <usize>classes;
    dx += 4 * <usize>classes;
  }
}
