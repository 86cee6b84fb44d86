/**
 * Steps of optimizers over all parameters in one call.
 *
 * A table says where the numbers lie: for each parameter eight words of four bytes, which are the count of its numbers,
 * the addresses of parameter, gradient and two slots, the addresses of the new parameter and of the two new slots.
 * A second table holds the weight decay of each parameter. What a rule does not have is 0.
 */

import { loadLanes, multiplyAdd, storeLanes } from "./simd";

/** Bytes of one entry of the table. */
const ENTRY: usize = 32;

/**
 * `g ← scale · gradient + decay · w`, `v ← momentum · v + g`, `w ← w − rate · v`; with `nesterov`
 * `w ← w − rate · (g + momentum · v)`. Without a slot the step is along g.
 */
export function sgdStep(
  parameters: i32, table: usize, decays: usize, scale: f32, rate: f32, momentum: f32, nesterov: bool,
): void {
  const scales = f32x4.splat(scale);
  const back = f32x4.splat(-rate);
  const kept = f32x4.splat(momentum);
  for (; parameters > 0; parameters--) {
    const decay = v128.load32_splat(decays);
    const w = load<usize>(table, 4);
    const g = load<usize>(table, 8);
    const v = load<usize>(table, 12);
    const newW = load<usize>(table, 20);
    const newV = load<usize>(table, 24);
    let at: usize = 0;
    for (let left = load<i32>(table); left > 0; left -= 4) {
      const value = loadLanes(w + at, left);
      const gradient = multiplyAdd(decay, value, f32x4.mul(loadLanes(g + at, left), scales));
      let along = gradient;
      if (v != 0) {
        const velocity = multiplyAdd(loadLanes(v + at, left), kept, gradient);
        storeLanes(newV + at, velocity, left);
        along = nesterov ? multiplyAdd(velocity, kept, gradient) : velocity;
      }
      storeLanes(newW + at, multiplyAdd(back, along, value), left);
      at += 16;
    }
    table += ENTRY;
    decays += 4;
  }
}

/**
 * `m ← β₁ m + (1 − β₁) g`, `s ← β₂ s + (1 − β₂) g²`, `w ← w − rate · m / (√s · height + epsilon)` with
 * `g = scale · gradient`. The decay is added to the gradient, or, if `decoupled`, shrinks w by `1 − decay` before.
 */
export function adamStep(
  parameters: i32, table: usize, decays: usize, scale: f32, rate: f32, beta1: f32, rest1: f32, beta2: f32, rest2: f32,
  height: f32, epsilon: f32, decoupled: bool,
): void {
  const scales = f32x4.splat(scale);
  const back = f32x4.splat(-rate);
  const kept1 = f32x4.splat(beta1);
  const new1 = f32x4.splat(rest1);
  const kept2 = f32x4.splat(beta2);
  const new2 = f32x4.splat(rest2);
  const heights = f32x4.splat(height);
  const epsilons = f32x4.splat(epsilon);
  for (; parameters > 0; parameters--) {
    const decay = v128.load32_splat(decays);
    const shrink = f32x4.sub(f32x4.splat(1), decay);
    const w = load<usize>(table, 4);
    const g = load<usize>(table, 8);
    const m = load<usize>(table, 12);
    const s = load<usize>(table, 16);
    const newW = load<usize>(table, 20);
    const newM = load<usize>(table, 24);
    const newS = load<usize>(table, 28);
    let at: usize = 0;
    for (let left = load<i32>(table); left > 0; left -= 4) {
      let value = loadLanes(w + at, left);
      let gradient = f32x4.mul(loadLanes(g + at, left), scales);
      if (decoupled) value = f32x4.mul(value, shrink);
      else gradient = multiplyAdd(decay, value, gradient);
      const mean = multiplyAdd(loadLanes(m + at, left), kept1, f32x4.mul(gradient, new1));
      const square = multiplyAdd(
        loadLanes(s + at, left),
        kept2,
        f32x4.mul(f32x4.mul(gradient, gradient), new2),
      );
      storeLanes(newM + at, mean, left);
      storeLanes(newS + at, square, left);
      const root = multiplyAdd(f32x4.sqrt(square), heights, epsilons);
      storeLanes(newW + at, f32x4.add(value, f32x4.mul(back, f32x4.div(mean, root))), left);
      at += 16;
    }
    table += ENTRY;
    decays += 4;
  }
}

/** The sum of the squares of all gradients of the table, in double precision. */
export function sumOfSquares(parameters: i32, table: usize): f64 {
  let sum0 = f64x2.splat(0);
  let sum1 = sum0;
  for (; parameters > 0; parameters--) {
    let x = load<usize>(table, 8);
    for (let left = load<i32>(table); left > 0; left -= 4) {
      const value = loadLanes(x, left);
      const low = f64x2.promote_low_f32x4(value);
      const high = f64x2.promote_low_f32x4(i64x2.shuffle(value, value, 1, 0));
      sum0 = f64x2.add(sum0, f64x2.mul(low, low));
      sum1 = f64x2.add(sum1, f64x2.mul(high, high));
      x += 16;
    }
    table += ENTRY;
  }
  const sum = f64x2.add(sum0, sum1);
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}
