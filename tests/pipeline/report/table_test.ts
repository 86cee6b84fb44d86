/** Tests of tables as HTML, as text and as Markdown. @module */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { decimals, percent, thousands } from "../../../pipeline/report/format.ts";
import { type Table, tableHtml, tableMarkdown, tableText } from "../../../pipeline/report/table.ts";

const TABLE: Table = {
  caption: "Results",
  columns: [
    { key: "model", label: "model" },
    { key: "params", label: "params", format: thousands() },
    {
      key: "val_acc",
      label: "val_acc",
      format: percent(),
      better: "higher",
      description: "Share that is right.",
    },
    { key: "val_loss", label: "val_loss", format: decimals(), better: "lower", deviation: "val_loss_sd" },
  ],
  rows: [
    { model: "adaptive", params: 13898, val_acc: 0.8723, val_loss: 0.35, val_loss_sd: 0.01 },
    { model: "<b>&|", params: 2103402, val_acc: null, val_loss: 0.41 },
    { model: "fixed", val_acc: 0.8611, val_loss: NaN },
  ],
};

Deno.test("tableText aligns numbers right and text left, with rules and a dash for what is missing", () => {
  assertEquals(
    tableText(TABLE),
    `Results

model        params  val_acc ↑       val_loss ↓
────────  ─────────  ─────────  ───────────────
adaptive     13,898     87.23%  0.3500 ± 0.0100
<b>&|     2,103,402          –           0.4100
fixed             –     86.11%              NaN`,
  );
});

Deno.test("tableText goes on below, with the first column again, where the line is full", () => {
  const text = tableText(TABLE, { width: 32 });
  for (const line of text.split("\n")) assert(line.length <= 32, line);
  assertEquals(text.split("\n").filter((line) => line.startsWith("adaptive")).length, 2);
  assertStringIncludes(text, "adaptive  0.3500 ± 0.0100");
});

Deno.test("tableText lets nothing into a cell that would tear the line or steer the terminal", () => {
  const columns = [{ key: "a", label: "a\nb" }, { key: "b", label: "c" }];
  const text = tableText({ columns, rows: [{ a: "x\r\n\u001b[31my", b: "猫" }, { a: "é", b: "cat" }] });
  assertEquals(text, "a b      c\n───────  ───\nx [31my  猫\né        cat");
});

Deno.test("tableText of no rows is a heading", () => {
  assertEquals(tableText({ columns: TABLE.columns.slice(0, 2), rows: [] }), "model  params\n─────  ──────");
});

Deno.test("tableMarkdown escapes pipes and markup and sets the best in bold", () => {
  assertEquals(
    tableMarkdown(TABLE),
    `Results

| model | params | val_acc ↑ | val_loss ↓ |
| :--- | ---: | ---: | ---: |
| adaptive | 13,898 | **87.23%** | **0.3500 ± 0.0100** |
| \\<b\\>&\\| | 2,103,402 | – | 0.4100 |
| fixed | – | 86.11% | NaN |
`,
  );
  const rows = [{ model: "_a_b_ [x](y) `*`" }];
  assertStringIncludes(
    tableMarkdown({ columns: TABLE.columns.slice(0, 1), rows }),
    "| \\_a_b\\_ \\[x\\](y) \\`\\*\\` |",
  );
});

Deno.test("tableHtml escapes, marks the best, and keeps raw values for sorting", () => {
  const html = tableHtml(TABLE);
  assertStringIncludes(html, "&lt;b&gt;&amp;|");
  assert(!html.includes("<b>"));
  assertStringIncludes(html, `<td class="right" data-value="0.8723"><strong>87.23%</strong></td>`);
  assertStringIncludes(html, `<td class="right">–</td>`);
  assertStringIncludes(html, `<strong>0.3500</strong> <span class="deviation">± 0.0100</span>`);
  assertStringIncludes(html, `<caption><span>Results</span></caption>`);
  assertStringIncludes(html, `<th scope="row" class="left" data-value="adaptive">adaptive</th>`);
  assertStringIncludes(html, `, higher is better</span>`);
  assertStringIncludes(html, `<dt>val_acc</dt><dd>Share that is right.</dd>`);
});

Deno.test("nothing is best where all are equal or there is one row", () => {
  const columns = [{ key: "a", label: "a", format: decimals(1), better: "higher" as const }];
  const bold = (...values: number[]) =>
    tableMarkdown({ columns, rows: values.map((a) => ({ a })) }).split("**").length >> 1;
  assertEquals(bold(1), 0);
  assertEquals(bold(1, 1.01), 0);
  assertEquals(bold(1, 2, 2.01), 2);
  assertEquals(bold(1, 2, Infinity), 1);
});

Deno.test("a long heading may break once, at its middle underscore", () => {
  const heading = (label: string) => tableHtml({ columns: [{ key: "a", label }], rows: [] });
  assertStringIncludes(heading("shifted_val_acc"), "shifted_<wbr>val_acc<");
  assertStringIncludes(heading("val_acc"), ">val_acc<");
});
