/**
 * Random numbers of the beta distribution, from two of the gamma distribution.
 *
 * G. Marsaglia, W. W. Tsang, "A simple method for generating gamma variables", ACM TOMS 26(3), 2000.
 *
 * @module
 */

import { PolyphaseError } from "../errors.ts";
import { bits, foldIn, type Key, normal, split } from "../random.ts";

/**
 * `count` numbers of the distribution Beta(`alpha`, `beta`), in [0, 1]: Beta(1, 1) is uniform, and with both below 1
 * numbers near 0 and 1 are the likely ones.
 *
 * @throws {PolyphaseError} if `alpha` or `beta` is not a finite number above 0
 */
export function betaNumbers(key: Key, count: number, alpha: number, beta: number): Float64Array {
  for (const shape of [alpha, beta]) {
    if (!(shape > 0 && shape < Infinity)) {
      throw new PolyphaseError(`beta distribution: shape ${shape}, expected a finite number above 0`);
    }
  }
  const [forFirst, forSecond] = split(key);
  return Float64Array.from({ length: count }, (_, index) => {
    const first = logGamma(foldIn(forFirst, index), alpha);
    const second = logGamma(foldIn(forSecond, index), beta);
    // a / (a + b) from logarithms: with a small shape, both gamma numbers can be below what a float can hold.
    return 1 / (1 + Math.exp(second - first));
  });
}

/** The logarithm of a random number of the distribution Gamma(`shape`, 1). */
function logGamma(key: Key, shape: number): number {
  const [forGamma, forBoost] = split(key);
  if (shape >= 1) return logGammaFromOne(forGamma, shape);
  // Gamma(shape) is Gamma(shape + 1) · U^(1 / shape).
  return logGammaFromOne(forGamma, shape + 1) + Math.log(openUniform(forBoost)) / shape;
}

/** The same for shapes of at least 1: a cube of a normal number, kept or drawn again. */
function logGammaFromOne(key: Key, shape: number): number {
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (let attempt = 0;; attempt++) {
    const [forNormal, forChance] = split(foldIn(key, attempt));
    const x = normal(forNormal, 1)[0];
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(openUniform(forChance)) < (x * x) / 2 + d * (1 - v + Math.log(v))) {
      return Math.log(d * v);
    }
  }
}

/** A number uniform in (0, 1): its logarithm is finite. */
function openUniform(key: Key): number {
  return (bits(key, new Uint32Array(1))[0] + 0.5) / 2 ** 32;
}
