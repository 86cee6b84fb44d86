/**
 * Weighted means in a fixed order.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { keyOf, normal, split } from "../../../pipeline/random.ts";
import { weightedMean } from "../../../pipeline/parallel/average.ts";

Deno.test("average: sums are taken in float64 in the order of the arrays and rounded once", () => {
  const arrays = split(keyOf(0), 3).map((key) => normal(key, 3001));
  const weights = [0.25, 0.5, 0.25];
  const out = new Float32Array(3001);
  weightedMean(out, arrays, weights, 0, out.length);
  const expected = Float32Array.from(
    out,
    (_, place) =>
      weights[0] * arrays[0][place] + weights[1] * arrays[1][place] + weights[2] * arrays[2][place],
  );
  assertEquals(out, expected);
});

Deno.test("average: parts of the range make the whole, and nothing beyond a part is touched", () => {
  const arrays = split(keyOf(1), 2).map((key) => normal(key, 2500));
  const [whole, parts] = [new Float32Array(2500), new Float32Array(2500)];
  weightedMean(whole, arrays, [0.4, 0.6], 0, 2500);
  weightedMean(parts, arrays, [0.4, 0.6], 0, 1100);
  assertEquals(parts.subarray(1100), new Float32Array(1400));
  weightedMean(parts, arrays, [0.4, 0.6], 1100, 2500);
  assertEquals(parts, whole);
});

Deno.test("average: what has no weight is not read, and not-a-number of what has weight comes through", () => {
  const out = new Float32Array(2);
  const stale = Float32Array.of(Number.NaN, Infinity);
  weightedMean(out, [stale, Float32Array.of(3, -4)], [0, 1], 0, 2);
  assertEquals(out, Float32Array.of(3, -4));
  weightedMean(out, [stale, Float32Array.of(3, -4)], [0.5, 0.5], 0, 2);
  assertEquals(out, Float32Array.of(Number.NaN, Infinity));
});
