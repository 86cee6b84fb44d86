/** The Gaussian error linear unit and its gradient, exact or by its tanh approximation. */

import { expBelow4, tanh4 } from "./functions";
import { loadLanes, multiplyAdd, storeLanes } from "./simd";

/** √(2/π), of the tanh approximation. */
const TANH_SCALE: f32 = 0.7978845608028654;
const CUBIC: f32 = 0.044715;
/** 1 / √(2π), the height of the normal density. */
const DENSITY: f32 = 0.3989422804014327;

/** `y = gelu(x)`. */
export function gelu(count: i32, x: usize, y: usize, approximate: bool): void {
  for (; count > 0; count -= 4) {
    const value = loadLanes(x, count);
    storeLanes(y, approximate ? geluTanh4(value) : gelu4(value), count);
    x += 16;
    y += 16;
  }
}

/** `dx = dy ⊙ gelu′(x)`. */
export function geluGrad(count: i32, dy: usize, x: usize, dx: usize, approximate: bool): void {
  for (; count > 0; count -= 4) {
    const value = loadLanes(x, count);
    const slope = approximate ? geluTanhSlope4(value) : geluSlope4(value);
    storeLanes(dx, f32x4.mul(loadLanes(dy, count), slope), count);
    dy += 16;
    x += 16;
    dx += 16;
  }
}

/** `x Φ(x)`. */
@inline
export function gelu4(x: v128): v128 {
  return f32x4.mul(x, below4(x, falloff4(x)));
}

/** `Φ(x) + x φ(x)`. */
@inline
function geluSlope4(x: v128): v128 {
  const falloff = falloff4(x);
  return multiplyAdd(f32x4.mul(x, f32x4.splat(DENSITY)), falloff, below4(x, falloff));
}

/** `e^(−x²/2)`: φ without its factor. */
@inline
function falloff4(x: v128): v128 {
  return expBelow4(f32x4.mul(f32x4.mul(x, x), f32x4.splat(-0.5)));
}

/**
 * Φ(x) from `falloff = e^(−x²/2)`. With u = 1 / (1 + 0.35 |x|), Φ(−|x|) is falloff times a polynomial in u, to 3e-8 of
 * itself however small it is: a minimax fit in double precision.
 */
@inline
function below4(x: v128, falloff: v128): v128 {
  const one = f32x4.splat(1);
  const u = f32x4.div(one, multiplyAdd(f32x4.abs(x), f32x4.splat(0.35), one));
  let sum = multiplyAdd(u, f32x4.splat(-0.029146049171686172), f32x4.splat(0.1439722776412964));
  sum = multiplyAdd(sum, u, f32x4.splat(-0.25571542978286743));
  sum = multiplyAdd(sum, u, f32x4.splat(0.15917548537254333));
  sum = multiplyAdd(sum, u, f32x4.splat(-0.023110738024115562));
  sum = multiplyAdd(sum, u, f32x4.splat(0.10550837963819504));
  sum = multiplyAdd(sum, u, f32x4.splat(0.11983277648687363));
  sum = multiplyAdd(sum, u, f32x4.splat(0.13986188173294067));
  sum = multiplyAdd(sum, u, f32x4.splat(0.13962140679359436));
  const tail = f32x4.mul(f32x4.mul(sum, u), falloff);
  return v128.bitselect(tail, f32x4.sub(one, tail), f32x4.lt(x, f32x4.splat(0)));
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
