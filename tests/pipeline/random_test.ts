/**
 * Random keys: the cipher and JAX's published values, the distributions, and that different keys are independent.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  bits,
  foldIn,
  type Key,
  keyOf,
  normal,
  permutation,
  randint,
  split,
  threefry2x32,
  uniform,
} from "../../pipeline/random.ts";

const SETTINGS = { seed: 7 };
const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const anyKey: fc.Arbitrary<Key> = fc.tuple(word, word);

Deno.test("threefry2x32: known answers of the Random123 library", () => {
  const answers: [key: Key, counter: Key, out: number[]][] = [
    [[0, 0], [0, 0], [0x6b200159, 0x99ba4efe]],
    [[0xffffffff, 0xffffffff], [0xffffffff, 0xffffffff], [0x1cb996fc, 0xbb002be7]],
    [[0x13198a2e, 0x03707344], [0x243f6a88, 0x85a308d3], [0xc4923a9c, 0x483df7a0]],
  ];
  for (const [key, [x0, x1], expected] of answers) {
    const out = new Uint32Array(2);
    threefry2x32(key, x0, x1, out);
    assertEquals([...out], expected);
  }
});

Deno.test("split, foldIn and bits are those of jax.random with partitionable threefry", () => {
  assertEquals(split(keyOf(0), 4), [
    [1797259609, 2579123966],
    [928981903, 3453687069],
    [4146024105, 2718843009],
    [2467461003, 3840466878],
  ]);
  assertEquals(split(keyOf(12345), 2), [[1214163296, 439912094], [867802714, 3762255628]]);
  assertEquals(foldIn(keyOf(0), 4), [2285895361, 433833334]);
  assertEquals([...bits(keyOf(0), new Uint32Array(1))], [4070199207]);
  assertEquals([...bits(keyOf(10), new Uint32Array(4))], [169096361, 1572511259, 2689743692, 2228103506]);
});

Deno.test("uniform takes the upper 23 bits of a word, as jax.random.uniform", () => {
  const words = bits(keyOf(3), new Uint32Array(100));
  assertEquals(uniform(keyOf(3), 100), Float32Array.from(words, (each) => Math.floor(each / 512) / 2 ** 23));
});

Deno.test("keyOf refuses what is no seed", () => {
  for (const seed of [-1, 0.5, 2 ** 32, NaN, Infinity]) {
    assertThrows(() => keyOf(seed), RangeError, `seed ${seed} is not an integer`);
  }
  assertEquals(keyOf(2 ** 32 - 1), [0, 2 ** 32 - 1]);
});

Deno.test("the same key gives the same numbers, and asking for more changes none of them", () => {
  fc.assert(
    fc.property(anyKey, fc.nat(40), fc.nat(40), (key, few, more) => {
      for (const draw of [uniform, normal] as const) {
        assertEquals(draw(key, few), draw(key, few));
        assertEquals(draw(key, few + more).subarray(0, few), draw(key, few));
      }
      assertEquals(randint(key, few + more, -5, 9).subarray(0, few), randint(key, few, -5, 9));
      assertEquals(permutation(key, few), permutation(key, few));
    }),
    SETTINGS,
  );
});

Deno.test("uniform: in range, with the mean and variance of the uniform distribution", () => {
  fc.assert(
    fc.property(
      anyKey,
      fc.integer({ min: -100, max: 99 }),
      fc.integer({ min: 1, max: 50 }),
      (key, low, span) => {
        const values = uniform(key, 200, low, low + span);
        assert(values.every((value) => value >= low && value < low + span));
      },
    ),
    SETTINGS,
  );
  const { mean, variance } = moments(uniform(keyOf(1), 100_000, -1, 3));
  assertAlmostEquals(mean, 1, 0.015);
  assertAlmostEquals(variance, 16 / 12, 0.015);
});

Deno.test("normal: mean, variance, skewness, kurtosis and tails of the standard normal distribution", () => {
  const values = normal(keyOf(2), 200_000);
  assert(values.every(Number.isFinite));
  const { mean, variance, skewness, kurtosis } = moments(values);
  assertAlmostEquals(mean, 0, 0.01);
  assertAlmostEquals(variance, 1, 0.015);
  assertAlmostEquals(skewness, 0, 0.025);
  assertAlmostEquals(kurtosis, 3, 0.05);
  const beyond = (sigma: number) => values.filter((value) => value > sigma).length / values.length;
  assertAlmostEquals(beyond(1), 0.158655, 0.004);
  assertAlmostEquals(beyond(3), 0.00135, 0.0004);
});

Deno.test("randint: every value of the range and no other, evenly", () => {
  fc.assert(
    fc.property(
      anyKey,
      fc.integer({ min: -(2 ** 30), max: 2 ** 30 }),
      fc.integer({ min: 1, max: 2 ** 30 }),
      (key, low, span) => {
        const values = randint(key, 50, low, low + span);
        assert(values.every((value) => Number.isInteger(value) && value >= low && value < low + span));
      },
    ),
    SETTINGS,
  );
  const counts = new Array(7).fill(0);
  for (const value of randint(keyOf(4), 70_000, -3, 4)) counts[value + 3]++;
  assert(chiSquare(counts, 10_000) < 22.46, `chi-square ${chiSquare(counts, 10_000)}, 0.1 % at 22.46`);
});

Deno.test("randint refuses an empty range", () => {
  assertThrows(() => randint(keyOf(0), 1, 3, 3), RangeError, "no integers in [3, 3)");
  assertThrows(() => randint(keyOf(0), 1, 3, 2), RangeError, "no integers in [3, 2)");
  assertThrows(() => randint(keyOf(0), 1, 0, NaN), RangeError, "no integers");
});

Deno.test("permutation: holds every index once", () => {
  fc.assert(
    fc.property(anyKey, fc.nat(300), (key, count) => {
      assertEquals(
        [...permutation(key, count)].sort((a, b) => a - b),
        Array.from({ length: count }, (_, i) => i),
      );
    }),
    SETTINGS,
  );
});

Deno.test("permutation: each of the 24 orders of four is as likely as the others", () => {
  const counts = new Map<string, number>();
  for (const key of split(keyOf(5), 24_000)) {
    const order = permutation(key, 4).join();
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assertEquals(counts.size, 24);
  const statistic = chiSquare([...counts.values()], 1000);
  assert(statistic < 49.73, `chi-square ${statistic}, 0.1 % at 49.73`);
});

Deno.test("keys of split, of foldIn of names, and of numbers all differ", () => {
  const names = [
    "load",
    "augment",
    "tokenize",
    "train",
    "train#1",
    "evaluate",
    "shiftEval",
    "order",
    "batch",
    "init",
    "",
  ];
  fc.assert(
    fc.property(anyKey, (key) => {
      const keys = [key, ...split(key, 200), ...names.map((name) => foldIn(key, name))];
      assertEquals(new Set(keys.map(String)).size, keys.length);
    }),
    { ...SETTINGS, numRuns: 20 },
  );
  assertEquals(foldIn(keyOf(0), "naïve"), foldIn(keyOf(0), "naïve"));
  assertNotEquals(foldIn(keyOf(0), "naïve"), foldIn(keyOf(0), "naive"));
});

Deno.test("keys that differ in what was folded in give streams without correlation", () => {
  const data = fc.oneof(fc.nat(10_000), fc.string({ maxLength: 12 }));
  // Two independent streams of n numbers correlate by more than 5 / sqrt(n) once in two million times.
  const count = 2000;
  const bound = 5 / Math.sqrt(count);
  fc.assert(
    fc.property(anyKey, data, data, fc.integer({ min: 0, max: 3 }), (key, left, right, lag) => {
      fc.pre(left !== right);
      const a = normal(foldIn(key, left), count + lag);
      const b = normal(foldIn(key, right), count + lag).subarray(lag);
      assert(Math.abs(correlation(a.subarray(0, count), b)) < bound);
    }),
    { ...SETTINGS, numRuns: 60 },
  );
});

Deno.test("a key and the keys made of it give streams without correlation", () => {
  const count = 2000;
  fc.assert(
    fc.property(anyKey, fc.nat(100), (key, data) => {
      const child = foldIn(key, data);
      for (const other of [foldIn(child, data), ...split(child)]) {
        for (const parent of [key, child]) {
          assert(Math.abs(correlation(uniform(parent, count), uniform(other, count))) < 5 / Math.sqrt(count));
        }
      }
    }),
    { ...SETTINGS, numRuns: 30 },
  );
});

Deno.test("one bit of the key or the counter turns half of the bits of the cipher", () => {
  const out = new Uint32Array(2);
  const encrypt = (key: Key, counter: Key) => {
    threefry2x32(key, counter[0], counter[1], out);
    return [...out];
  };
  const ones = (value: number) => (value >>> 0).toString(2).replaceAll("0", "").length;
  let turned = 0;
  const trials = 2000;
  for (let trial = 0; trial < trials; trial++) {
    const [k0, k1, c0, c1] = bits(foldIn(keyOf(6), trial), new Uint32Array(4));
    const flipped = [k0, k1, c0, c1];
    flipped[trial % 4] = (flipped[trial % 4] ^ (1 << (trial % 32))) >>> 0;
    const [a, b] = encrypt([k0, k1], [c0, c1]);
    const [c, d] = encrypt([flipped[0], flipped[1]], [flipped[2], flipped[3]]);
    turned += ones(a ^ c) + ones(b ^ d);
  }
  assertAlmostEquals(turned / trials, 32, 0.45);
});

function moments(values: ArrayLike<number>) {
  const list = Array.from(values);
  const mean = list.reduce((sum, value) => sum + value, 0) / list.length;
  const central = (power: number) =>
    list.reduce((sum, value) => sum + (value - mean) ** power, 0) / list.length;
  const variance = central(2);
  return { mean, variance, skewness: central(3) / variance ** 1.5, kurtosis: central(4) / variance ** 2 };
}

function chiSquare(counts: readonly number[], expected: number): number {
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

function correlation(left: ArrayLike<number>, right: ArrayLike<number>): number {
  const [a, b] = [moments(left), moments(right)];
  let sum = 0;
  for (let index = 0; index < left.length; index++) sum += (left[index] - a.mean) * (right[index] - b.mean);
  return sum / left.length / Math.sqrt(a.variance * b.variance);
}
