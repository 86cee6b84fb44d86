/** Tests of number formats. @module */

import { assertEquals } from "@std/assert";
import { decimals, duration, percent, plain, thousands } from "../../../pipeline/report/format.ts";

Deno.test("percent and decimals keep the digits asked for", () => {
  assertEquals([percent()(0.8612), percent(0)(1), percent(1)(0.0004)], ["86.12%", "100%", "0.0%"]);
  assertEquals([decimals()(0.5), decimals(1)(12)], ["0.5000", "12.0"]);
});

Deno.test("thousands puts separators between groups of three", () => {
  assertEquals([0, 999, 1000, 13898, 2103402, -1234567].map(thousands()), [
    "0",
    "999",
    "1,000",
    "13,898",
    "2,103,402",
    "-1,234,567",
  ]);
});

Deno.test("duration takes the unit that fits and carries when it rounds", () => {
  const cases: [number, string][] = [
    [0, "0.00 s"],
    [0.84, "0.84 s"],
    [9.999, "10.0 s"],
    [59.96, "1 min 00 s"],
    [192, "3 min 12 s"],
    [3599.6, "1 h 00 min"],
    [7500, "2 h 05 min"],
    [-3, "-3.00 s"],
  ];
  for (const [seconds, text] of cases) assertEquals(duration()(seconds), text);
});

Deno.test("plain keeps whole numbers and shortens others", () => {
  assertEquals([plain()(50), plain()(0.1 + 0.2), plain()(1234567), plain()(1e-7)], [
    "50",
    "0.3",
    "1234567",
    "1e-7",
  ]);
});

Deno.test("text passes unchanged and numbers that are not finite say so", () => {
  for (const format of [percent(), decimals(), thousands(), duration(), plain()]) {
    assertEquals([format("x"), format(NaN), format(Infinity), format(-Infinity)], ["x", "NaN", "∞", "-∞"]);
  }
});
