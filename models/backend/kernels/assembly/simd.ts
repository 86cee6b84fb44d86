/** The arithmetic that differs between the two builds, and small helpers on vectors of four floats. */

/** `a * b + c`: fused where the engine has relaxed SIMD, else rounded twice. */
@inline
export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(c, f32x4.mul(a, b));
}

/** Stores the first `count` lanes, 1 to 4, of `value`. */
@inline
export function storeLanes(address: usize, value: v128, count: i32): void {
  if (count >= 4) {
    v128.store(address, value);
  } else if (count == 3) {
    v128.store64_lane(address, value, 0);
    v128.store32_lane(address, value, 2, 8);
  } else if (count == 2) {
    v128.store64_lane(address, value, 0);
  } else {
    v128.store32_lane(address, value, 0);
  }
}

/** Loads `count` floats, 1 to 4; the other lanes are zero. Never reads beyond them. */
@inline
export function loadLanes(address: usize, count: i32): v128 {
  if (count >= 4) return v128.load(address);
  if (count == 3) return v128.load32_lane(address, v128.load64_zero(address), 2, 8);
  if (count == 2) return v128.load64_zero(address);
  return v128.load32_zero(address);
}

/** Transposes four by four elements of four bytes; steps are the bytes between rows. */
@inline
export function transposeBlock(from: usize, fromStep: usize, to: usize, toStep: usize): void {
  transposeRows(from, from + fromStep, from + 2 * fromStep, from + 3 * fromStep, to, toStep);
}

/** The same for four rows that lie anywhere. */
@inline
export function transposeRows(from0: usize, from1: usize, from2: usize, from3: usize, to: usize, toStep: usize): void {
  const x0 = v128.load(from0);
  const x1 = v128.load(from1);
  const x2 = v128.load(from2);
  const x3 = v128.load(from3);
  const low01 = i32x4.shuffle(x0, x1, 0, 4, 1, 5);
  const low23 = i32x4.shuffle(x2, x3, 0, 4, 1, 5);
  const high01 = i32x4.shuffle(x0, x1, 2, 6, 3, 7);
  const high23 = i32x4.shuffle(x2, x3, 2, 6, 3, 7);
  v128.store(to, i64x2.shuffle(low01, low23, 0, 2));
  v128.store(to + toStep, i64x2.shuffle(low01, low23, 1, 3));
  v128.store(to + 2 * toStep, i64x2.shuffle(high01, high23, 0, 2));
  v128.store(to + 3 * toStep, i64x2.shuffle(high01, high23, 1, 3));
}
