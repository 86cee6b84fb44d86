/**
 * Tables for Fourier transforms of one length, made in double precision.
 *
 * No library is used for this: those of npm that take any length work on arrays of JavaScript, so every row would be copied
 * out of the backend's memory and back.
 *
 * @module
 */

/** −1 for the transform, 1 for its inverse. */
export type Sign = -1 | 1;

/** Tables of a length whose prime factors are small. */
export interface DirectPlan {
  /** Number of complex numbers of a row. */
  readonly length: number;
  /** Whole numbers whose product is the length, fours before the rest. */
  readonly factors: Int32Array<ArrayBuffer>;
  /** `e^(sign · 2πi k / length)` for each k, real part before imaginary part. */
  readonly roots: Float32Array<ArrayBuffer>;
}

/** Tables of any other length: the transform as a circular convolution. */
export interface ConvolutionPlan {
  /** Number of complex numbers of a row. */
  readonly length: number;
  /** `e^(sign · πi j² / length)` for each j. */
  readonly chirp: Float32Array<ArrayBuffer>;
  /** The transform of the conjugate chirp around 0, divided by the length of the convolution. */
  readonly filter: Float32Array<ArrayBuffer>;
  /** The transform of the length of the convolution, a power of two of at least `2 · length − 1`. */
  readonly forward: DirectPlan;
  /** Its inverse. */
  readonly backward: DirectPlan;
}

/** The greatest prime factor for which the definition is faster than a convolution. */
const GREATEST_FACTOR = 13;

/** Plans that are kept; models transform rows of one or two lengths. */
const KEPT = 16;

const plans = new Map<string, DirectPlan | ConvolutionPlan>();

/** The plan for rows of `length` complex numbers, at least one. */
export function fourierPlan(length: number, sign: Sign): DirectPlan | ConvolutionPlan {
  const name = `${length},${sign}`;
  const plan = plans.get(name) ?? makePlan(length, sign);
  plans.delete(name);
  plans.set(name, plan);
  if (plans.size > KEPT) plans.delete(plans.keys().next().value!);
  return plan;
}

function makePlan(length: number, sign: Sign): DirectPlan | ConvolutionPlan {
  const factors = factorsOf(length);
  return factors.at(-1)! > GREATEST_FACTOR
    ? convolutionPlan(length, sign)
    : { length, factors: Int32Array.from(factors), roots: Float32Array.from(rootsOf(length, sign)) };
}

/** Fours first: they take the fewest operations; the greatest prime last. */
function factorsOf(length: number): number[] {
  const factors: number[] = [];
  let rest = length;
  for (; rest % 4 === 0; rest /= 4) factors.push(4);
  for (let factor = 2; rest > 1; factor++) {
    if (factor * factor > rest) factor = rest;
    for (; rest % factor === 0; rest /= factor) factors.push(factor);
  }
  return factors;
}

function rootsOf(length: number, sign: Sign): Float64Array {
  const roots = new Float64Array(2 * length);
  for (let k = 0; k < length; k++) setUnit(roots, k, sign * 2 * Math.PI * k / length);
  return roots;
}

function convolutionPlan(length: number, sign: Sign): ConvolutionPlan {
  let padded = 1;
  while (padded < 2 * length - 1) padded *= 2;
  const chirp = new Float64Array(2 * length);
  const filter = new Float64Array(2 * padded);
  for (let j = 0; j < length; j++) {
    // j² can be beyond the digits of a float; only its remainder counts. It is exact for lengths below 2²⁶.
    const angle = sign * Math.PI * ((j * j) % (2 * length)) / length;
    setUnit(chirp, j, angle);
    setUnit(filter, j, -angle);
    if (j > 0) setUnit(filter, padded - j, -angle);
  }
  const spectrum = transformOf(filter);
  const plan = (sign: Sign) => fourierPlan(padded, sign) as DirectPlan;
  return {
    length,
    chirp: Float32Array.from(chirp),
    filter: Float32Array.from(spectrum, (value) => value / padded),
    forward: plan(-1),
    backward: plan(1),
  };
}

function setUnit(numbers: Float64Array, index: number, angle: number): void {
  numbers[2 * index] = Math.cos(angle);
  numbers[2 * index + 1] = Math.sin(angle);
}

/** The transform of as many complex numbers as a power of two, in double precision. */
function transformOf(x: Float64Array): Float64Array {
  const length = x.length / 2;
  if (length === 1) return x;
  const half = length / 2;
  const [even, odd] = [0, 1].map((first) => {
    const every = new Float64Array(length);
    for (let i = 0; i < half; i++) every.set(x.subarray(4 * i + 2 * first, 4 * i + 2 * first + 2), 2 * i);
    return transformOf(every);
  });
  const roots = rootsOf(length, -1);
  const y = new Float64Array(2 * length);
  for (let k = 0; k < half; k++) {
    const [a, b, c, s] = [odd[2 * k], odd[2 * k + 1], roots[2 * k], roots[2 * k + 1]];
    const [real, imaginary] = [a * c - b * s, a * s + b * c];
    y[2 * k] = even[2 * k] + real;
    y[2 * k + 1] = even[2 * k + 1] + imaginary;
    y[2 * (k + half)] = even[2 * k] - real;
    y[2 * (k + half) + 1] = even[2 * k + 1] - imaginary;
  }
  return y;
}
