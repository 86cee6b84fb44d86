/** The Gaussian error linear unit and its gradient, exact or by its tanh approximation. */

import { ROUNDING, tanh4 } from "./functions";
import { loadLanes, multiplyAdd, storeLanes } from "./simd";

/** √(2/π), of the tanh approximation. */
const TANH_SCALE: f32 = 0.7978845608028654;
const CUBIC: f32 = 0.044715;
/** 1 / √(2π), the height of the normal density. */
const DENSITY: f32 = 0.3989422804014327;

/** `y = gelu(x)`. */
export function gelu(count: i32, x: usize, y: usize, approximate: bool): void {
  if (approximate) {
    for (; count > 0; count -= 4) {
      storeLanes(y, geluTanh4(loadLanes(x, count)), count);
      x += 16;
      y += 16;
    }
  } else {
    normal(count, 0, x, y);
  }
}

/** `dx = dy ⊙ gelu′(x)`. */
export function geluGrad(count: i32, dy: usize, x: usize, dx: usize, approximate: bool): void {
  if (approximate) {
    for (; count > 0; count -= 4) {
      storeLanes(dx, f32x4.mul(loadLanes(dy, count), geluTanhSlope4(loadLanes(x, count))), count);
      dy += 16;
      x += 16;
      dx += 16;
    }
  } else {
    normal(count, dy, x, dx);
  }
}

/**
 * `x Φ(x)`, or, if there is a dy, `dy ⊙ (Φ(x) + x φ(x))`.
 *
 * Φ(x) comes from `falloff = e^(−x²/2)`, which is φ without its factor. With u = 1 / (1 + 0.35 |x|), Φ(−|x|) is falloff
 * times a polynomial in u, to 3e-8 of itself however small it is: a minimax fit in double precision. The exponential is
 * that of `expBelow4`, written out: engines make a constant anew, in three instructions, wherever it is used, and what
 * they take for a variable is made once.
 */
function normal(count: i32, dy: usize, x: usize, to: usize): void {
  // Addresses of floats are multiples of four, which the engine does not know.
  const hidden = i32x4.splat(<i32>(x & 3));
  const one = unfolded(1, hidden);
  const bend = unfolded(0.35, hidden);
  const t8 = unfolded(-0.029146049171686172, hidden);
  const t7 = unfolded(0.1439722776412964, hidden);
  const t6 = unfolded(-0.25571542978286743, hidden);
  const t5 = unfolded(0.15917548537254333, hidden);
  const t4 = unfolded(-0.023110738024115562, hidden);
  const t3 = unfolded(0.10550837963819504, hidden);
  const t2 = unfolded(0.11983277648687363, hidden);
  const t1 = unfolded(0.13986188173294067, hidden);
  const t0 = unfolded(0.13962140679359436, hidden);
  const minusHalf = unfolded(-0.5, hidden);
  const half = unfolded(0.5, hidden);
  const perLog2 = unfolded(1.44269504, hidden);
  const rounding = unfolded(ROUNDING, hidden);
  const log2High = unfolded(-0.693359375, hidden);
  const log2Low = unfolded(2.12194440e-4, hidden);
  const e5 = unfolded(0.001395053812302649, hidden);
  const e4 = unfolded(0.008368917740881443, hidden);
  const e3 = unfolded(0.04166620597243309, hidden);
  const e2 = unfolded(0.166665181517601, hidden);
  const least = unfolded(-86, hidden);
  const density = unfolded(DENSITY, hidden);
  for (; count > 0; count -= 4) {
    const value = loadLanes(x, count);
    const exponent = f32x4.mul(f32x4.mul(value, value), minusHalf);
    const rounded = multiplyAdd(exponent, perLog2, rounding);
    const n = f32x4.sub(rounded, rounding);
    const r = multiplyAdd(n, log2Low, multiplyAdd(n, log2High, exponent));
    let growth = multiplyAdd(r, e5, e4);
    growth = multiplyAdd(growth, r, e3);
    growth = multiplyAdd(growth, r, e2);
    growth = multiplyAdd(growth, r, half);
    growth = f32x4.add(multiplyAdd(growth, f32x4.mul(r, r), r), one);
    const power = i32x4.add(i32x4.shl(rounded, 23), one);
    const falloff = v128.andnot(f32x4.mul(growth, power), f32x4.lt(exponent, least));
    const u = f32x4.div(one, multiplyAdd(f32x4.abs(value), bend, one));
    let sum = multiplyAdd(u, t8, t7);
    sum = multiplyAdd(sum, u, t6);
    sum = multiplyAdd(sum, u, t5);
    sum = multiplyAdd(sum, u, t4);
    sum = multiplyAdd(sum, u, t3);
    sum = multiplyAdd(sum, u, t2);
    sum = multiplyAdd(sum, u, t1);
    sum = multiplyAdd(sum, u, t0);
    const tail = f32x4.mul(f32x4.mul(sum, u), falloff);
    // All bits of a lane whose sign is set, zero and NaN included: there the two are the same.
    const below = v128.bitselect(tail, f32x4.sub(one, tail), i32x4.shr_s(value, 31));
    if (dy) {
      const slope = multiplyAdd(f32x4.mul(value, density), falloff, below);
      storeLanes(to, f32x4.mul(loadLanes(dy, count), slope), count);
      dy += 16;
    } else {
      storeLanes(to, f32x4.mul(value, below), count);
    }
    x += 16;
    to += 16;
  }
}

/** A constant that the compiler takes for a variable; `hidden` is zero. */
@inline
function unfolded(value: f32, hidden: v128): v128 {
  return v128.xor(f32x4.splat(value), hidden);
}

/** `x (1 + tanh u) / 2` with `u = √(2/π) (x + 0.044715 x³)`. */
@inline
export function geluTanh4(x: v128): v128 {
  const half = f32x4.mul(x, f32x4.splat(0.5));
  const cube = f32x4.mul(f32x4.mul(x, x), x);
  const u = f32x4.mul(multiplyAdd(cube, f32x4.splat(CUBIC), x), f32x4.splat(TANH_SCALE));
  return multiplyAdd(half, tanh4(u), half);
}

/** `(1 + tanh u) / 2 + x (1 − tanh² u) u′ / 2`. */
@inline
function geluTanhSlope4(x: v128): v128 {
  const one = f32x4.splat(1);
  const square = f32x4.mul(x, x);
  const u = f32x4.mul(multiplyAdd(f32x4.mul(square, x), f32x4.splat(CUBIC), x), f32x4.splat(TANH_SCALE));
  const height = tanh4(u);
  const slope = f32x4.mul(multiplyAdd(square, f32x4.splat(3 * CUBIC), one), f32x4.splat(TANH_SCALE));
  const inner = f32x4.mul(f32x4.mul(x, f32x4.sub(one, f32x4.mul(height, height))), slope);
  return f32x4.mul(f32x4.add(f32x4.add(height, one), inner), f32x4.splat(0.5));
}
