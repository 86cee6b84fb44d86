/** Activations that a matrix product applies to its result while that is still in registers. */

export const ACTIVATION_NONE = 0;
export const ACTIVATION_RELU = 1;
export const ACTIVATION_RELU6 = 2;
export const ACTIVATION_LEAKY_RELU = 3;

/** Applies the activation `kind` to four values; `slope` is that of leaky ReLU. NaN stays NaN. */
export function activate(x: v128, kind: i32, slope: f32): v128 {
  const zero = f32x4.splat(0);
  // `pmax(a, b)` is `a < b ? b : a`, which keeps a NaN in `a` and is one instruction, unlike `max`.
  if (kind == ACTIVATION_RELU) return f32x4.pmax(x, zero);
  if (kind == ACTIVATION_RELU6) return f32x4.pmin(f32x4.pmax(x, zero), f32x4.splat(6));
  if (kind == ACTIVATION_LEAKY_RELU) return v128.bitselect(f32x4.mul(x, f32x4.splat(slope)), x, f32x4.lt(x, zero));
  return x;
}
