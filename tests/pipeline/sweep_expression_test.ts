/**
 * Expressions of sweeps: values, precedence, refusals, and that nothing but them is run.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { PolyphaseError } from "../../pipeline/errors.ts";
import type { Json, JsonObject } from "../../pipeline/json.ts";
import { parseExpression } from "../../pipeline/sweep/expression.ts";

const valueOf = (text: string, variables: JsonObject = {}): Json => parseExpression(text).evaluate(variables);

Deno.test("expression: arithmetic as in Python", () => {
  const cases: [string, Json][] = [
    ["1 + 2 * 3", 7],
    ["(1 + 2) * 3", 9],
    ["10 - 4 - 3", 3],
    ["7 // 2", 3],
    ["-7 // 2", -4],
    ["-7 % 3", 2],
    ["7 % -3", -2],
    ["7 / 2", 3.5],
    ["2 - -3", 5],
    ["+.5 + 1e-1 + 1_000", 1000.6],
    ["'a' + \"b\"", "ab"],
  ];
  for (const [text, value] of cases) assertEquals(valueOf(text), value, text);
});

Deno.test("expression: comparisons and logic as in Python", () => {
  const cases: [string, boolean][] = [
    ["1 < 2 <= 2", true],
    ["1 < 2 > 2", false],
    ["2 == 2.0", true],
    ["2 == '2'", false],
    ["'b' >= 'a'", true],
    ["not 1 == 2", true],
    ["not (1 == 1) or 2 > 1", true],
    ["1 == 1 or 1 == 1 and 1 == 2", true],
    ["true and True and not false and not None", true],
    ["null == None", true],
    ["'or' != 'and'", true],
    ["0 or ''", false],
  ];
  for (const [text, value] of cases) assertEquals(valueOf(text), value, text);
});

Deno.test("expression: the filters of the published sweeps", () => {
  const shapes = [
    ["${hidden} % ${head} == 0", { hidden: 256, head: 12 }, false],
    ["${hidden} / ${head} == ${hidden} // ${head}", { hidden: 768, head: 12 }, true],
    ["hidden % head == 0 and (${head} != 8 or ${layer} == 4)", { hidden: 256, head: 8, layer: 8 }, false],
    ["${stride} <= ${patch}", { stride: 2, patch: 4 }, true],
    ["${model} == 'wide'", { model: "wide" }, true],
    ["channels != other", { channels: [1, 2], other: [1, 2] }, false],
  ] as const;
  for (const [text, variables, value] of shapes) assertEquals(valueOf(text, variables), value, text);
  assertEquals(parseExpression("a + ${b} - a").names, ["a", "b"]);
  // What is not needed is not worked out.
  assertEquals(valueOf("b != 0 and a // b == 2", { a: 4, b: 0 }), false);
});

Deno.test("expression: sums, products and remainders of whole numbers agree with exact arithmetic", () => {
  const floorDivide = (a: bigint, b: bigint) => (a - (((a % b) + b) % b)) / b;
  fc.assert(
    fc.property(
      fc.integer({ min: -999, max: 999 }),
      fc.integer({ min: -999, max: 999 }).filter((b) => b !== 0),
      fc.integer({ min: 0, max: 99 }),
      (a, b, c) => {
        const [A, B, C] = [a, b, c].map(BigInt);
        const quotient = B > 0n ? floorDivide(A, B) : floorDivide(-A, -B);
        assertEquals(valueOf("a // b * c + a % b", { a, b, c }), Number(quotient * C + A - B * quotient) + 0);
      },
    ),
    { seed: 1 },
  );
});

Deno.test("expression: what cannot be read or worked out says where and why", () => {
  const cases: [string, RegExp][] = [
    ["1 +", /Cannot read "1 \+": the end at character 4, expected a value/],
    ["(1", /the end at character 3, expected "\)"/],
    ["1 2", /"2" at character 3, expected an operator or the end/],
    ["a = 1", /"=" at character 3 means nothing here/],
    ["console.log(1)", /"\." at character 8 means nothing here/],
    ["f(1)", /"\(" at character 2, expected an operator or the end/],
    ["", /the end at character 1, expected a value/],
    ["hiden % 2", /has no variable "hiden": did you mean hidden\?/],
    ["constructor", /has no variable "constructor"/],
    ["hidden // 0", /divides 256 by 0/],
    ["1e999 == 1", /comes to Infinity, which no configuration can hold/],
    ["hidden * 1e308", /comes to Infinity, which no configuration can hold/],
    ["hidden / 1e-308", /comes to Infinity, which no configuration can hold/],
    ["hidden < 'a'", /comes to 256 < "a", expected two numbers or two strings/],
    ["hidden * 'a'", /comes to 256 \* "a", expected two numbers/],
  ];
  for (const [text, line] of cases) {
    const { message } = assertThrows(() => valueOf(text, { hidden: 256 }), PolyphaseError);
    assertEquals(line.test(message), true, message);
  }
});
