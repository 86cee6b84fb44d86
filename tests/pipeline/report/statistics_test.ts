/** Tests of means and deviations. @module */

import { assert, assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { meanAndDeviation, summarize } from "../../../pipeline/report/statistics.ts";

Deno.test("meanAndDeviation divides by one less than the count", () => {
  const { count, mean, deviation } = meanAndDeviation([2, 4, 4, 4, 5, 5, 7, 9]);
  assertEquals([count, mean], [8, 5]);
  assertAlmostEquals(deviation!, Math.sqrt(32 / 7), 1e-12);
});

Deno.test("meanAndDeviation holds for values whose mean is far from zero", () => {
  const { deviation } = meanAndDeviation([1e9 + 1, 1e9 + 2, 1e9 + 3]);
  assertAlmostEquals(deviation!, 1, 1e-9);
});

Deno.test("meanAndDeviation has no deviation of one value and no mean of none", () => {
  assertEquals(meanAndDeviation([3]), { count: 1, mean: 3, deviation: null });
  assertEquals(meanAndDeviation([]), { count: 0, mean: null, deviation: null });
  assert(Number.isNaN(meanAndDeviation([1, NaN]).mean));
});

Deno.test("summarize groups by columns in order of first appearance and leaves missing values out", () => {
  const rows = [
    { model: "b", seed: 0, acc: 0.5 },
    { model: "a", seed: 0, acc: 0.25 },
    { model: "b", seed: 1, acc: 0.75 },
    { model: "b", seed: 2, acc: null },
    { model: "a", seed: 1 },
  ];
  const [b, a] = summarize(rows, ["model"], ["acc"]);
  assertEquals([b.model, b.runs, b.acc], ["b", 3, 0.625]);
  assertAlmostEquals(b.acc_sd as number, Math.sqrt(0.03125), 1e-12);
  assertEquals(a, { model: "a", runs: 2, acc: 0.25, acc_sd: null });
});

Deno.test("summarize keeps apart groups whose texts would join to the same", () => {
  const rows = [{ x: "a,b", y: "c", v: 1 }, { x: "a", y: "b,c", v: 2 }, { x: 1, y: "", v: 3 }, {
    x: "1",
    y: "",
    v: 4,
  }];
  assertEquals(summarize(rows, ["x", "y"], ["v"]).map(({ v }) => v), [1, 2, 3, 4]);
});

Deno.test("summarize refuses text", () => {
  const error = assertThrows(
    () => summarize([{ model: "a", acc: "high" }], ["model"], ["acc"]),
    PolyphaseError,
  );
  assertStringIncludes(error.message, `column "acc"`);
});
