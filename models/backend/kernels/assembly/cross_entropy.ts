/**
 * The cross-entropy of the softmax of logits [rows, classes] against labels of the same shape.
 *
 * Labels are smoothed on the way: `t = label · keep + spread`.
 */

import { exp4 } from "./functions";
import { sumLanes } from "./reduce";
import { loadLanes, multiplyAdd, storeLanes } from "./simd";
import { logSumExpRow } from "./softmax";

/** The loss, a mean over rows, and the logarithm of the sum of exponentials of each row. */
export function crossEntropy(
  rows: i32, classes: i32, logits: usize, labels: usize, keep: f32, spread: f32, loss: usize, logSumExp: usize,
): void {
  const kept = f32x4.splat(keep);
  const spreads = f32x4.splat(spread);
  let total: f64 = 0;
  for (let row = 0; row < rows; row++) {
    const level = logSumExpRow(classes, logits);
    store<f32>(logSumExp, level);
    logSumExp += 4;
    const levels = f32x4.splat(level);
    let sum = f32x4.splat(0);
    let left = classes;
    for (; left >= 4; left -= 4) {
      const label = multiplyAdd(v128.load(labels), kept, spreads);
      sum = multiplyAdd(label, f32x4.sub(levels, v128.load(logits)), sum);
      logits += 16;
      labels += 16;
    }
    total += <f64>sumLanes(sum);
    for (; left > 0; left--) {
      total += <f64>((load<f32>(labels) * keep + spread) * (level - load<f32>(logits)));
      logits += 4;
      labels += 4;
    }
  }
  store<f32>(loss, <f32>(total / <f64>rows));
}

/** `dlogits = dy / rows · (e^(logits − logSumExp) · Σ t − t)`; dy is a single number. */
export function crossEntropyGrad(
  rows: i32, classes: i32, dy: usize, logits: usize, labels: usize, keep: f32, spread: f32, logSumExp: usize,
  dlogits: usize,
): void {
  const kept = f32x4.splat(keep);
  const spreads = f32x4.splat(spread);
  const scale = f32x4.splat(load<f32>(dy) / <f32>rows);
  for (let row = 0; row < rows; row++) {
    const level = v128.load32_splat(logSumExp);
    logSumExp += 4;
    let sums = f32x4.splat(0);
    let at: usize = 0;
    for (let left = classes; left > 0; left -= 4) {
      sums = f32x4.add(sums, loadLanes(labels + at, left));
      at += 16;
    }
    const sum = f32x4.splat(sumLanes(sums) * keep + spread * <f32>classes);
    at = 0;
    for (let left = classes; left > 0; left -= 4) {
      const label = multiplyAdd(loadLanes(labels + at, left), kept, spreads);
      const probability = exp4(f32x4.sub(loadLanes(logits + at, left), level));
      storeLanes(dlogits + at, f32x4.mul(f32x4.sub(f32x4.mul(probability, sum), label), scale), left);
      at += 16;
    }
    logits += 4 * <usize>classes;
    labels += 4 * <usize>classes;
    dlogits += 4 * <usize>classes;
  }
}
