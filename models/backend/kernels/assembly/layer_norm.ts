/** Layer normalization of rows and its gradient: x, y and their gradients are [rows, features]. */

import { sumLanes, sumOf } from "./reduce";
import { loadLanes, multiplyAdd, storeLanes } from "./simd";

/** `y = (x − mean) · rstd · gamma + beta`; mean and rstd are those of each row. */
export function layerNorm(
  rows: i32, features: i32, x: usize, gamma: usize, beta: usize, epsilon: f64, y: usize, mean: usize, rstd: usize,
): void {
  const step: usize = 4 * <usize>features;
  for (; rows > 0; rows--) {
    const middle = <f32>(sumOf(features, x) / <f64>features);
    const scale = <f32>(1 / Math.sqrt(<f64>squares(features, x, middle) / <f64>features + epsilon));
    store<f32>(mean, middle);
    store<f32>(rstd, scale);
    const middles = f32x4.splat(middle);
    const scales = f32x4.splat(scale);
    let at: usize = 0;
    for (let left = features; left > 0; left -= 4) {
      const normal = f32x4.mul(f32x4.sub(loadLanes(x + at, left), middles), scales);
      storeLanes(y + at, multiplyAdd(normal, loadLanes(gamma + at, left), loadLanes(beta + at, left)), left);
      at += 16;
    }
    x += step;
    y += step;
    mean += 4;
    rstd += 4;
  }
}

/** The sum of `(x − middle)²` over one row. */
function squares(count: i32, x: usize, middle: f32): f32 {
  const middles = f32x4.splat(middle);
  let sum0 = f32x4.splat(0);
  let sum1 = sum0;
  for (; count >= 8; count -= 8) {
    const low = f32x4.sub(v128.load(x), middles);
    const high = f32x4.sub(v128.load(x, 16), middles);
    sum0 = multiplyAdd(low, low, sum0);
    sum1 = multiplyAdd(high, high, sum1);
    x += 32;
  }
  let sum = sumLanes(f32x4.add(sum0, sum1));
  for (; count > 0; count--) {
    const distance = load<f32>(x) - middle;
    sum += distance * distance;
    x += 4;
  }
  return sum;
}

/**
 * With `n = (x − mean) · rstd` and `g = dy ⊙ gamma`: `dx = rstd · (g − mean(g) − n · mean(g ⊙ n))`,
 * `dgamma = Σ dy ⊙ n` and `dbeta = Σ dy` over rows.
 */
export function layerNormGrad(
  rows: i32, features: i32, dy: usize, x: usize, gamma: usize, mean: usize, rstd: usize, dx: usize, dgamma: usize,
  dbeta: usize,
): void {
  const step: usize = 4 * <usize>features;
  const share: f32 = 1 / <f32>features;
  memory.fill(dgamma, 0, step);
  memory.fill(dbeta, 0, step);
  for (; rows > 0; rows--) {
    const middles = v128.load32_splat(mean);
    const scales = v128.load32_splat(rstd);
    let level = f32x4.splat(0);
    let along = level;
    let at: usize = 0;
    for (let left = features; left > 0; left -= 4) {
      const gradient = loadLanes(dy + at, left);
      const normal = f32x4.mul(f32x4.sub(loadLanes(x + at, left), middles), scales);
      const product = f32x4.mul(gradient, normal);
      const slope = loadLanes(gamma + at, left);
      level = multiplyAdd(gradient, slope, level);
      along = multiplyAdd(product, slope, along);
      storeLanes(dgamma + at, f32x4.add(loadLanes(dgamma + at, left), product), left);
      storeLanes(dbeta + at, f32x4.add(loadLanes(dbeta + at, left), gradient), left);
      at += 16;
    }
    const levels = f32x4.splat(sumLanes(level) * share);
    const alongs = f32x4.splat(sumLanes(along) * share);
    at = 0;
    for (let left = features; left > 0; left -= 4) {
      const normal = f32x4.mul(f32x4.sub(loadLanes(x + at, left), middles), scales);
      const centred = f32x4.sub(f32x4.mul(loadLanes(dy + at, left), loadLanes(gamma + at, left)), levels);
      storeLanes(dx + at, f32x4.mul(scales, f32x4.sub(centred, f32x4.mul(normal, alongs))), left);
      at += 16;
    }
    dy += step;
    x += step;
    dx += step;
    mean += 4;
    rstd += 4;
  }
}
