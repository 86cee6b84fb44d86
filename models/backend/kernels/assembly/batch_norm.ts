/**
 * Mean and variance of columns, batch normalization with them, and its gradient: x, y and their gradients are
 * [rows, channels], everything else is [channels].
 */

import { accumulate } from "./reduce";
import { loadLanes, multiplyAdd, storeLanes } from "./simd";

/** Bytes of x that are summed column by column: they stay in the first-level cache meanwhile. */
const BLOCK_BYTES: i32 = 8192;
/** Rows that go into one sum of floats at most, before it is put with the others in double precision. */
const BLOCK_ROWS: i32 = 64;

/** Bytes of one array of sums: doubles, in whole vectors of four channels. */
function sumsBytes(channels: i32): usize {
  return 8 * <usize>((channels + 3) & ~3);
}

/** Bytes of scratch that each of these kernels needs. */
export function batchNormScratch(channels: i32): usize {
  return 2 * sumsBytes(channels) + 12 * <usize>channels;
}

/**
 * Sums over rows, in double precision: `totals = Σ dy` and `products = Σ dy ⊙ (x − mean)`. Without x there are no
 * products, without dy the products are of `x − mean` with itself.
 */
function sums(
  rows: i32, channels: i32, dy: usize, x: usize, mean: usize, totals: usize, products: usize,
): void {
  memory.fill(totals, 0, sumsBytes(channels));
  memory.fill(products, 0, sumsBytes(channels));
  if (channels == 0) return;
  const step: usize = 4 * <usize>channels;
  const block = min(max(BLOCK_BYTES / (4 * channels), 16), BLOCK_ROWS);
  for (; rows > 0; rows -= block) {
    const height = min(rows, block);
    let column: usize = 0;
    for (let left = channels; left > 0; left -= 4) {
      let total = f32x4.splat(0);
      let product = total;
      let at = column;
      if (!x) {
        for (let i = 0; i < height; i++) {
          total = f32x4.add(total, loadLanes(dy + at, left));
          at += step;
        }
      } else {
        const middle = loadLanes(mean + column, left);
        for (let i = 0; i < height; i++) {
          const centred = f32x4.sub(loadLanes(x + at, left), middle);
          const slope = dy ? loadLanes(dy + at, left) : centred;
          total = f32x4.add(total, slope);
          product = multiplyAdd(slope, centred, product);
          at += step;
        }
        accumulate(products + 2 * column, product);
      }
      accumulate(totals + 2 * column, total);
      column += 16;
    }
    if (dy) dy += <usize>height * step;
    if (x) x += <usize>height * step;
  }
}

/** Mean and biased variance of each column. */
export function moments(rows: i32, channels: i32, x: usize, mean: usize, variance: usize, scratch: usize): void {
  const products = scratch + sumsBytes(channels);
  const count = <f64>rows;
  sums(rows, channels, x, 0, 0, scratch, products);
  for (let i: usize = 0; i < <usize>channels; i++) {
    store<f32>(mean + 4 * i, <f32>(load<f64>(scratch + 8 * i) / count));
  }
  sums(rows, channels, 0, x, mean, scratch, products);
  for (let i: usize = 0; i < <usize>channels; i++) {
    store<f32>(variance + 4 * i, <f32>(load<f64>(products + 8 * i) / count));
  }
}

/**
 * `y = (x − mean) / √(variance + epsilon) · gamma + beta`, plus the residual if its address is not 0, and no less than 0 if
 * it `rectifies`; NaN stays NaN.
 */
export function batchNorm(
  rows: i32, channels: i32, x: usize, gamma: usize, beta: usize, mean: usize, variance: usize, epsilon: f64,
  residual: usize, rectifies: bool, y: usize, scratch: usize,
): void {
  const least = f32x4.splat(rectifies ? 0 : -Infinity);
  for (let i: usize = 0; i < 4 * <usize>channels; i += 4) {
    store<f32>(scratch + i, <f32>(<f64>load<f32>(gamma + i) / Math.sqrt(<f64>load<f32>(variance + i) + epsilon)));
  }
  for (; rows > 0; rows--) {
    let at: usize = 0;
    for (let left = channels; left > 0; left -= 4) {
      const centred = f32x4.sub(loadLanes(x + at, left), loadLanes(mean + at, left));
      let value = multiplyAdd(centred, loadLanes(scratch + at, left), loadLanes(beta + at, left));
      if (residual) value = f32x4.add(value, loadLanes(residual + at, left));
      // `pmax(a, b)` is `a < b ? b : a`, which keeps a NaN in `a`.
      storeLanes(y + at, f32x4.pmax(value, least), left);
      at += 16;
    }
    if (residual) residual += 4 * <usize>channels;
    x += 4 * <usize>channels;
    y += 4 * <usize>channels;
  }
}

/**
 * `dgamma = Σ dy ⊙ n`, `dbeta = Σ dy` over rows, `n` being the normalized x, and
 * `dx = gamma / √(variance + epsilon) · (dy − dbeta/rows − n · dgamma/rows)`, or without what is subtracted if mean and
 * variance do not come from x.
 */
export function batchNormGrad(
  rows: i32, channels: i32, dy: usize, x: usize, gamma: usize, mean: usize, variance: usize, epsilon: f64,
  training: bool, dx: usize, dgamma: usize, dbeta: usize, scratch: usize,
): void {
  const products = scratch + sumsBytes(channels);
  sums(rows, channels, dy, x, mean, scratch, products);
  const step: usize = 4 * <usize>channels;
  // What dx takes of each channel: a factor, a level, and the slope along `x − mean`.
  const factors = products + sumsBytes(channels);
  const levels = factors + step;
  const alongs = levels + step;
  for (let i: usize = 0; i < step; i += 4) {
    const rstd = 1 / Math.sqrt(<f64>load<f32>(variance + i) + epsilon);
    const total = load<f64>(scratch + 2 * i);
    const product = load<f64>(products + 2 * i) * rstd;
    store<f32>(dbeta + i, <f32>total);
    store<f32>(dgamma + i, <f32>product);
    store<f32>(factors + i, <f32>(<f64>load<f32>(gamma + i) * rstd));
    store<f32>(levels + i, <f32>(total / <f64>rows));
    store<f32>(alongs + i, <f32>(product * rstd / <f64>rows));
  }
  for (; rows > 0; rows--) {
    let at: usize = 0;
    for (let left = channels; left > 0; left -= 4) {
      let slope = loadLanes(dy + at, left);
      if (training) {
        const centred = f32x4.sub(loadLanes(x + at, left), loadLanes(mean + at, left));
        const removed = multiplyAdd(centred, loadLanes(alongs + at, left), loadLanes(levels + at, left));
        slope = f32x4.sub(slope, removed);
      }
      storeLanes(dx + at, f32x4.mul(slope, loadLanes(factors + at, left)), left);
      at += 16;
    }
    dy += step;
    x += step;
    dx += step;
  }
}
