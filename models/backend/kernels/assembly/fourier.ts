/**
 * Discrete Fourier transforms of rows of complex numbers, real part before imaginary part.
 *
 * Lengths of small factors take one pass a factor, each of which leaves its result in order (Stockham's form of the fast
 * Fourier transform, J. W. Cooley and J. W. Tukey 1965). Other lengths become a circular convolution of a length of that
 * kind (L. I. Bluestein, "A linear filtering approach to the computation of discrete Fourier transform", 1970).
 */

import { multiplyAdd } from "./simd";

/** Bytes of a complex number. */
const COMPLEX: usize = 8;

/**
 * `y[row, k] = scale · Σ_j x[row, j] · e^(sign · 2πi jk / length)`.
 *
 * @param sign −1 forward, 1 backward
 * @param factors whole numbers whose product is the length
 * @param roots `e^(sign · 2πi k / length)` for each k below the length
 * @param scratch twice as many bytes as a row has
 */
export function fourier(
  rows: i32, length: i32, x: usize, y: usize, sign: f32, scale: f32, factors: usize, factorCount: i32, roots: usize,
  scratch: usize,
): void {
  const bytes = COMPLEX * <usize>length;
  for (; rows > 0; rows--) {
    transform(length, x, y, sign, factors, factorCount, roots, scratch);
    if (scale != 1) scaleRow(length, y, scale);
    x += bytes;
    y += bytes;
  }
}

/**
 * The same for any length, by way of transforms of a length `padded` of at least `2 · length − 1`.
 *
 * @param chirp `e^(sign · πi j² / length)` for each j below the length
 * @param filter the transform of the conjugate chirp around 0, divided by `padded`
 * @param roots, factors those of `padded`, with the sign −1
 * @param inverseRoots those with the sign 1
 * @param scratch four times as many bytes as a row of `padded` has
 */
export function fourierByConvolution(
  rows: i32, length: i32, padded: i32, x: usize, y: usize, scale: f32, chirp: usize, filter: usize, factors: usize,
  factorCount: i32, roots: usize, inverseRoots: usize, scratch: usize,
): void {
  const bytes = COMPLEX * <usize>length;
  const whole = COMPLEX * <usize>padded;
  const spectrum = scratch + whole;
  const rest = spectrum + whole;
  for (; rows > 0; rows--) {
    multiplyRows(length, x, chirp, scratch);
    memory.fill(scratch + bytes, 0, whole - bytes);
    transform(padded, scratch, spectrum, -1, factors, factorCount, roots, rest);
    multiplyRows(padded, spectrum, filter, spectrum);
    transform(padded, spectrum, scratch, 1, factors, factorCount, inverseRoots, rest);
    multiplyRows(length, scratch, chirp, y);
    if (scale != 1) scaleRow(length, y, scale);
    x += bytes;
    y += bytes;
  }
}

/** One row, which may not lie where its result goes; scratch has room for two. */
function transform(
  length: i32, x: usize, y: usize, sign: f32, factors: usize, factorCount: i32, roots: usize, scratch: usize,
): void {
  const bytes = COMPLEX * <usize>length;
  if (factorCount == 0) {
    memory.copy(y, x, bytes);
    return;
  }
  let from = x;
  let left = length;
  let done = 1;
  for (let i = 0; i < factorCount; i++) {
    const factor = load<i32>(factors + 4 * <usize>i);
    // The last pass writes to y, those before to the two halves of scratch in turns.
    const to = i == factorCount - 1 ? y : scratch + (i & 1 ? bytes : 0);
    left /= factor;
    if (factor == 4) passOfFour(left, done, from, to, sign, roots);
    else if (factor == 2) passOfTwo(left, done, from, to, roots);
    else pass(factor, left, done, from, to, roots);
    done *= factor;
    from = to;
  }
}

// In every pass x is [factor, left, done] and y [left, factor, done]; root k of the pass is root k · done of the length.

function passOfTwo(left: i32, done: i32, x: usize, y: usize, roots: usize): void {
  const run = COMPLEX * <usize>done;
  const half = <usize>left * run;
  for (let p = 0; p < left; p++) {
    const root = roots + <usize>p * run;
    for (let q: usize = 0; q < run;) {
      const step = stepAt(q, run);
      const a = loadAt(x + q, step);
      const b = loadAt(x + half + q, step);
      storeAt(y + q, f32x4.add(a, b), step);
      storeAt(y + run + q, times(f32x4.sub(a, b), root), step);
      q += step;
    }
    x += run;
    y += 2 * run;
  }
}

function passOfFour(left: i32, done: i32, x: usize, y: usize, sign: f32, roots: usize): void {
  const run = COMPLEX * <usize>done;
  const quarter = <usize>left * run;
  // i times the sign: real and imaginary parts change places, and one of them its sign.
  const turn = f32x4.replace_lane(f32x4.replace_lane(f32x4.splat(sign), 0, -sign), 2, -sign);
  for (let p: usize = 0; p < <usize>left; p++) {
    const root1 = roots + p * run;
    const root2 = roots + 2 * p * run;
    const root3 = roots + 3 * p * run;
    for (let q: usize = 0; q < run;) {
      const step = stepAt(q, run);
      const a = loadAt(x + q, step);
      const b = loadAt(x + quarter + q, step);
      const c = loadAt(x + 2 * quarter + q, step);
      const d = loadAt(x + 3 * quarter + q, step);
      const even = f32x4.add(a, c);
      const odd = f32x4.sub(a, c);
      const even2 = f32x4.add(b, d);
      const odd2 = f32x4.mul(swap(f32x4.sub(b, d)), turn);
      storeAt(y + q, f32x4.add(even, even2), step);
      storeAt(y + run + q, times(f32x4.add(odd, odd2), root1), step);
      storeAt(y + 2 * run + q, times(f32x4.sub(even, even2), root2), step);
      storeAt(y + 3 * run + q, times(f32x4.sub(odd, odd2), root3), step);
      q += step;
    }
    x += run;
    y += 4 * run;
  }
}

/** Any factor, by the definition. */
function pass(factor: i32, left: i32, done: i32, x: usize, y: usize, roots: usize): void {
  const run = COMPLEX * <usize>done;
  const part = <usize>left * run;
  const whole = <usize>factor * part;
  for (let p: usize = 0; p < <usize>left; p++) {
    for (let j: usize = 0; j < <usize>factor; j++) {
      const root = roots + j * p * run;
      for (let q: usize = 0; q < run;) {
        const step = stepAt(q, run);
        let from = x + q;
        let sum = loadAt(from, step);
        // Root j · k of the factor is root j · k · left · done of the length.
        let turn: usize = 0;
        for (let k = 1; k < factor; k++) {
          from += part;
          turn += j * part;
          if (turn >= whole) turn -= whole;
          const value = loadAt(from, step);
          const real = v128.load32_splat(roots + turn);
          sum = multiplyAdd(value, real, f32x4.add(sum, f32x4.mul(swap(value), imaginary(roots + turn))));
        }
        storeAt(y + q, times(sum, root), step);
        q += step;
      }
      y += run;
    }
    x += run;
  }
}

/** Bytes of two complex numbers, or of the last one of a run. */
@inline
function stepAt(q: usize, run: usize): usize {
  return q + 16 <= run ? 16 : 8;
}

@inline
function loadAt(address: usize, step: usize): v128 {
  return step == 16 ? v128.load(address) : v128.load64_zero(address);
}

@inline
function storeAt(address: usize, value: v128, step: usize): void {
  if (step == 16) v128.store(address, value);
  else v128.store64_lane(address, value, 0);
}

/** Real and imaginary parts in each other's place. */
@inline
function swap(x: v128): v128 {
  return i32x4.shuffle(x, x, 1, 0, 3, 2);
}

/** The imaginary part of the complex number there, and before each real part its opposite. */
@inline
function imaginary(address: usize): v128 {
  const value = v128.load32_splat(address, 4);
  return v128.xor(value, i32x4.replace_lane(i32x4.replace_lane(i32x4.splat(0), 0, i32.MIN_VALUE), 2, i32.MIN_VALUE));
}

/** Two complex numbers times the one at the address. */
@inline
function times(x: v128, address: usize): v128 {
  return multiplyAdd(x, v128.load32_splat(address), f32x4.mul(swap(x), imaginary(address)));
}

/** `to = x ⊙ y`, all complex; to may be x. */
function multiplyRows(length: i32, x: usize, y: usize, to: usize): void {
  for (; length > 0; length--) {
    v128.store64_lane(to, times(v128.load64_zero(x), y), 0);
    x += COMPLEX;
    y += COMPLEX;
    to += COMPLEX;
  }
}

function scaleRow(length: i32, x: usize, scale: f32): void {
  for (; length > 0; length--) {
    v128.store64_lane(x, f32x4.mul(v128.load64_zero(x), f32x4.splat(scale)), 0);
    x += COMPLEX;
  }
}
