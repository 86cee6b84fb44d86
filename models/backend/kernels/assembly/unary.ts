/** Functions of every element of an array: y[i] = f(x[i]). */

import { erf4, exp4, tanh4 } from "./functions";
import { loadLanes, storeLanes } from "./simd";

/** `y[i] = e^x[i]`. */
export function exp(count: i32, x: usize, y: usize): void {
  for (; count >= 8; count -= 8) {
    const low = exp4(v128.load(x));
    const high = exp4(v128.load(x, 16));
    v128.store(y, low);
    v128.store(y, high, 16);
    x += 32;
    y += 32;
  }
  for (; count >= 4; count -= 4) {
    v128.store(y, exp4(v128.load(x)));
    x += 16;
    y += 16;
  }
  if (count > 0) storeLanes(y, exp4(loadLanes(x, count)), count);
}

/** `y[i] = erf(x[i])`. */
export function erf(count: i32, x: usize, y: usize): void {
  for (; count >= 4; count -= 4) {
    v128.store(y, erf4(v128.load(x)));
    x += 16;
    y += 16;
  }
  if (count > 0) storeLanes(y, erf4(loadLanes(x, count)), count);
}

/** `y[i] = tanh(x[i])`. */
export function tanh(count: i32, x: usize, y: usize): void {
  for (; count >= 4; count -= 4) {
    v128.store(y, tanh4(v128.load(x)));
    x += 16;
    y += 16;
  }
  if (count > 0) storeLanes(y, tanh4(loadLanes(x, count)), count);
}
