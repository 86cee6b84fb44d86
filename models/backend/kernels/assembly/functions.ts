/**
 * Functions of four floats at a time. NaN gives NaN, infinities give their limits.
 *
 * The coefficients are minimax fits, made in double precision and rounded, on the stated intervals.
 */

import { multiplyAdd } from "./simd";

@inline
function constant(value: f32): v128 {
  return f32x4.splat(value);
}

/** Adding 1.5 · 2^23 rounds to a whole number and leaves that in the low bits. */
export const ROUNDING: f32 = 12582912;

/** `e^x`, to about one unit in the last place, subnormal results included. */
@inline
export function exp4(x: v128): v128 {
  // Beyond these the result is 0 or infinity. `pmin` and `pmax` keep a NaN in their first operand.
  x = f32x4.pmax(f32x4.pmin(x, constant(89)), constant(-104));
  // Adding 1.5 · 2^23 rounds to a whole number and leaves that in the low bits, where it needs no conversion.
  const rounded = multiplyAdd(x, constant(1.44269504), constant(ROUNDING));
  const n = f32x4.sub(rounded, constant(ROUNDING));
  // ln 2 in two parts, the first short enough that its product with n is exact without fusing too.
  const r = multiplyAdd(n, constant(2.12194440e-4), multiplyAdd(n, constant(-0.693359375), x));
  let y = multiplyAdd(r, constant(0.001395053812302649), constant(0.008368917740881443));
  y = multiplyAdd(y, r, constant(0.04166620597243309));
  y = multiplyAdd(y, r, constant(0.166665181517601));
  y = multiplyAdd(y, r, constant(0.5));
  y = f32x4.add(multiplyAdd(y, f32x4.mul(r, r), r), constant(1));
  // 2^n in two factors, since one float does not hold the powers at both ends.
  const power = i32x4.sub(rounded, i32x4.splat(reinterpret<i32>(ROUNDING)));
  const half = i32x4.shr_s(power, 1);
  return f32x4.mul(f32x4.mul(y, powerOfTwo(half)), powerOfTwo(i32x4.sub(power, half)));
}

/**
 * `e^x` where x is at most 88, which takes fewer steps: results below 2^-125 are 0. Softmax and the normal density have
 * no other arguments.
 */
@inline
export function expBelow4(x: v128): v128 {
  const rounded = multiplyAdd(x, constant(1.44269504), constant(ROUNDING));
  const n = f32x4.sub(rounded, constant(ROUNDING));
  const r = multiplyAdd(n, constant(2.12194440e-4), multiplyAdd(n, constant(-0.693359375), x));
  let y = multiplyAdd(r, constant(0.001395053812302649), constant(0.008368917740881443));
  y = multiplyAdd(y, r, constant(0.04166620597243309));
  y = multiplyAdd(y, r, constant(0.166665181517601));
  y = multiplyAdd(y, r, constant(0.5));
  y = f32x4.add(multiplyAdd(y, f32x4.mul(r, r), r), constant(1));
  // The bits of ROUNDING are shifted out, those of n become an exponent. What was too low for that is cleared.
  const power = i32x4.add(i32x4.shl(rounded, 23), i32x4.splat(0x3f800000));
  return v128.andnot(f32x4.mul(y, power), f32x4.lt(x, constant(-86)));
}

@inline
function powerOfTwo(n: v128): v128 {
  return i32x4.shl(i32x4.add(n, i32x4.splat(127)), 23);
}

/** The error function, to about 1e-7. */
export function erf4(x: v128): v128 {
  const size = f32x4.abs(x);
  // Where |x| < 0.95: x + x P(x²).
  const square = f32x4.mul(x, x);
  let near = multiplyAdd(square, constant(8.215423440560699e-5), constant(-8.105965098366141e-4));
  near = multiplyAdd(near, square, constant(0.00519779697060585));
  near = multiplyAdd(near, square, constant(-0.026858104392886162));
  near = multiplyAdd(near, square, constant(0.11283672600984573));
  near = multiplyAdd(near, square, constant(-0.37612631916999817));
  near = multiplyAdd(near, square, constant(0.12837916612625122));
  near = multiplyAdd(near, x, x);
  const isNear = f32x4.lt(size, constant(0.95));
  if (i32x4.all_true(isNear)) return near;
  // Where |x| ≥ 0.95: 1 − e^(|x| Q(|x|)), which is 1 to rounding from 4 on.
  const t = f32x4.pmin(size, constant(4));
  let far = multiplyAdd(t, constant(2.1415478840935975e-4), constant(-0.0032164587173610926));
  far = multiplyAdd(far, t, constant(0.022895146161317825));
  far = multiplyAdd(far, t, constant(-0.10527053475379944));
  far = multiplyAdd(far, t, constant(-0.6357112526893616));
  far = multiplyAdd(far, t, constant(-1.1285165548324585));
  far = f32x4.sub(constant(1), exp4(f32x4.mul(far, t)));
  return v128.bitselect(near, withSign(far, x), isNear);
}

/** The hyperbolic tangent, to about 1e-7. */
export function tanh4(x: v128): v128 {
  const size = f32x4.abs(x);
  // Where |x| < 0.65: x + x³ P(x²).
  const square = f32x4.mul(x, x);
  let near = multiplyAdd(square, constant(-0.005528624635189772), constant(0.02048330567777157));
  near = multiplyAdd(near, square, constant(-0.05369296297430992));
  near = multiplyAdd(near, square, constant(0.1333089917898178));
  near = multiplyAdd(near, square, constant(-0.3333326280117035));
  near = multiplyAdd(f32x4.mul(near, square), x, x);
  const isNear = f32x4.lt(size, constant(0.65));
  if (i32x4.all_true(isNear)) return near;
  // Where |x| ≥ 0.65: 1 − 2 / (e^2|x| + 1).
  const far = f32x4.sub(
    constant(1),
    f32x4.div(constant(2), f32x4.add(exp4(f32x4.add(size, size)), constant(1))),
  );
  return v128.bitselect(near, withSign(far, x), isNear);
}

/** `size`, which is not negative, with the sign of `x`. */
@inline
function withSign(size: v128, x: v128): v128 {
  return v128.or(size, v128.and(x, i32x4.splat(i32.MIN_VALUE)));
}

/** The natural logarithm of `x`, which is zero, positive, infinite or NaN, in double precision. Needs no table. */
export function log(x: f64): f64 {
  if (!(x < Infinity)) return x;
  if (x == 0) return -Infinity;
  const bits = reinterpret<i64>(x);
  let exponent = <f64>((bits >> 52) - 1023);
  // The fraction in [1, 2), brought to [√½, √2).
  let fraction = reinterpret<f64>((bits & 0xfffffffffffff) | 0x3ff0000000000000);
  if (fraction > 1.4142135623730951) {
    fraction *= 0.5;
    exponent += 1;
  }
  // 2 artanh(f), with f² below 0.03.
  const f = (fraction - 1) / (fraction + 1);
  const s = f * f;
  let sum: f64 = 1.0 / 17;
  sum = sum * s + 1.0 / 15;
  sum = sum * s + 1.0 / 13;
  sum = sum * s + 1.0 / 11;
  sum = sum * s + 1.0 / 9;
  sum = sum * s + 1.0 / 7;
  sum = sum * s + 1.0 / 5;
  sum = sum * s + 1.0 / 3;
  sum = sum * s + 1.0;
  return exponent * 0.6931471805599453 + 2 * f * sum;
}
