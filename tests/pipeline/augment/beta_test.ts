/**
 * Beta numbers: moments, distribution, keys.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { betaNumbers } from "../../../pipeline/augment/beta.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { keyOf } from "../../../pipeline/random.ts";

const COUNT = 6000;

for (const [alpha, beta] of [[1, 1], [0.2, 0.2], [0.8, 0.8], [2, 5], [0.5, 3], [30, 10]] as const) {
  Deno.test(`betaNumbers: ${alpha}, ${beta} have the mean and the variance of the distribution`, () => {
    const numbers = betaNumbers(keyOf(1), COUNT, alpha, beta);
    assert(numbers.every((each) => each >= 0 && each <= 1));
    const mean = numbers.reduce((sum, each) => sum + each, 0) / COUNT;
    const variance = numbers.reduce((sum, each) => sum + (each - mean) ** 2, 0) / COUNT;
    const total = alpha + beta;
    const expected = (alpha * beta) / (total ** 2 * (total + 1));
    assertAlmostEquals(mean, alpha / total, 5 * Math.sqrt(expected / COUNT));
    assertAlmostEquals(variance, expected, 0.08 * expected);
  });
}

/** The greatest distance of the numbers' own distribution from `cumulative`. */
function distance(numbers: Float64Array, cumulative: (value: number) => number): number {
  return numbers.toSorted().reduce(
    (most, value, index) => Math.max(most, Math.abs((index + 0.5) / numbers.length - cumulative(value))),
    0,
  );
}

Deno.test("betaNumbers: follow the distribution where it is known in closed form", () => {
  // Kolmogorov and Smirnov's bound for one in ten thousand.
  const bound = 2.23 / Math.sqrt(COUNT);
  assert(distance(betaNumbers(keyOf(2), COUNT, 1, 1), (x) => x) < bound);
  assert(distance(betaNumbers(keyOf(3), COUNT, 2, 1), (x) => x * x) < bound);
  assert(distance(betaNumbers(keyOf(4), COUNT, 1, 0.3), (x) => 1 - (1 - x) ** 0.3) < bound);
  assert(
    distance(betaNumbers(keyOf(5), COUNT, 0.5, 0.5), (x) => (2 / Math.PI) * Math.asin(Math.sqrt(x))) < bound,
  );
});

Deno.test("betaNumbers: a tiny shape gives 0 or 1 as good as always, and never no number", () => {
  const numbers = betaNumbers(keyOf(6), 1000, 1e-4, 1e-4);
  assert(numbers.every((each) => each >= 0 && each <= 1));
  assert(numbers.filter((each) => each < 0.01).length > 400);
  assert(numbers.filter((each) => each > 0.99).length > 400);
});

Deno.test("betaNumbers: by key, and a longer list begins as a shorter one", () => {
  assertEquals(betaNumbers(keyOf(7), 10, 1, 2), betaNumbers(keyOf(7), 50, 1, 2).slice(0, 10));
  assertNotEquals(betaNumbers(keyOf(7), 10, 1, 2), betaNumbers(keyOf(8), 10, 1, 2));
  assertEquals(betaNumbers(keyOf(7), 0, 1, 1).length, 0);
});

Deno.test("betaNumbers: shapes that are none are refused", () => {
  for (const shape of [0, -1, NaN, Infinity]) {
    assertThrows(() => betaNumbers(keyOf(1), 1, shape, 1), PolyphaseError, `shape ${shape}`);
    assertThrows(() => betaNumbers(keyOf(1), 1, 1, shape), PolyphaseError, `shape ${shape}`);
  }
});
