/** Tests of line charts. @module */

import { assert, assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import { chartFigure, type LineChart, lineChart } from "../../../pipeline/report/curves.ts";
import { PALETTE } from "../../../pipeline/report/palette.ts";

const CHART: LineChart = {
  series: [
    { name: "adaptive", points: [{ x: 1, y: 0.5 }, { x: 2, y: 0.75 }, { x: 3, y: 0.8 }] },
    { name: `fixed <&> "x"`, points: [{ x: 1, y: 0.25 }, { x: 3, y: 0.75 }], dashed: true, color: "#123456" },
  ],
  references: [{ name: "published", y: 0.9 }],
  x: { label: "Epoch" },
  y: { label: "Accuracy", percent: true },
};

/** The `d` of the lines of the series; the leaders of the names are not among them. */
function linePaths(svg: string): string[] {
  return [...svg.matchAll(/aria-label="line"[^>]*>(?:<g[^>]*>)?<path d="([^"]*)"/g)].map(([, d]) => d);
}

const safe = { sanitizeOps: true, sanitizeResources: true };

Deno.test("the same data give the same picture, whatever was drawn before", safe, async () => {
  const clipped: LineChart = { ...CHART, y: { ...CHART.y, domain: [0.4, 0.6] } };
  const first = [await lineChart(CHART), await lineChart(clipped)];
  const again = [await lineChart(CHART), await lineChart(clipped)];
  assertEquals(again, first);
  assertStringIncludes(first[1], `clip-path="url(#clip-`);
  assert(!first[0].includes("clip-path"));
});

Deno.test("pictures of different data that are cut do not share the ids of their frames", safe, async () => {
  const id = async (high: number) =>
    (await lineChart({ ...CHART, y: { ...CHART.y, domain: [0.4, high] } })).match(
      /clipPath id="([^"]+)"/,
    )![1];
  assertNotEquals(await id(0.6), await id(0.7));
});

Deno.test("a chart holds its lines, names, axes and references", safe, async () => {
  const svg = await lineChart(CHART);
  assertMatch(
    svg,
    /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" role="img" aria-label="Line chart: [^"]+" /,
  );
  assertEquals(linePaths(svg).map((d) => d.match(/[ML]/g)!.join("")), ["MLL", "ML"]);
  assertStringIncludes(svg, `stroke="${PALETTE[0]}"`);
  assertStringIncludes(svg, `stroke="#123456"`);
  assertStringIncludes(svg, `stroke-dasharray="6 4"`);
  for (const text of ["adaptive", "published", "Epoch", "Accuracy", "20%", "100%"]) {
    assertStringIncludes(svg, `>${text}</text>`);
  }
  assertStringIncludes(svg, "adaptive 80.0%");
});

Deno.test("text of the data cannot become markup", safe, async () => {
  const svg = await lineChart({ ...CHART, title: "<script>alert(1)</script>", x: { label: "a<b" } });
  assert(!svg.includes("<script>"));
  assertStringIncludes(svg, "fixed &lt;&amp;&gt;");
  assertStringIncludes(svg, "&lt;script&gt;");
  // A "<" in an attribute is an error where the picture is a file of its own.
  for (const [, value] of svg.matchAll(/[\w-]="([^"]*)"/g)) assert(!value.includes("<"), value);
});

Deno.test("geometry is rounded and the text of ticks is not", safe, async () => {
  const points = Array.from({ length: 196 }, (_, x) => ({ x, y: 0.12345 + 0.0000123 * Math.sin(x / 7) }));
  const svg = await lineChart({ series: [{ name: "a", points }], x: { label: "Offset" }, y: { label: "y" } });
  assertEquals(linePaths(svg)[0].match(/[ML]/g)!.length, 196);
  assert(!/\d\.\d{3}/.test(linePaths(svg)[0]));
  assertStringIncludes(svg, ">0.123450</text>");
});

Deno.test("values that are not finite leave a gap, and a point alone is a dot", safe, async () => {
  const ys = [1, NaN, 2, 3, Infinity, 4, -Infinity];
  const points = [...ys, ...Array(10).fill(5)].map((y, x) => ({ x, y }));
  const svg = await lineChart({
    series: [{ name: "a", points }],
    x: { label: "x" },
    y: { label: "y", domain: [0, 6] },
  });
  assert(!/NaN|Infinity/.test(svg));
  assertEquals(linePaths(svg)[0].match(/M/g)!.length, 4);
  // The points at 0 and 5 have no neighbour that is shown.
  assertEquals(svg.match(/<circle /g)!.length, 2);
});

Deno.test("one point is a dot in the middle of its axis", safe, async () => {
  const svg = await lineChart({
    series: [{ name: "a", points: [{ x: 1, y: 2.3 }] }],
    x: { label: "Epoch" },
    y: { label: "Loss" },
  });
  assertEquals(svg.match(/<circle /g)!.length, 1);
  assertStringIncludes(svg, ">1</text>");
  assert(!svg.includes("NaN"));
});

Deno.test("no points and no series make an empty chart that says so", safe, async () => {
  for (const series of [[], [{ name: "a", points: [] }], [{ name: "a", points: [{ x: 1, y: NaN }] }]]) {
    const svg = await lineChart({ series, x: { label: "Epoch" }, y: { label: "Loss" } });
    assertStringIncludes(svg, ">No data</text>");
    assert(!svg.includes("NaN"));
    if (series.length > 0) assertStringIncludes(svg, ">a (no data)</text>");
  }
});

Deno.test("narrow charts have a legend within their width, wide ones names at the ends", safe, async () => {
  const names = ["fixed-patches", "adaptive-patches-aug", "x".repeat(80)];
  const series = names.map((name) => ({ name, points: [{ x: 0, y: 1 }, { x: 1, y: 2 }] }));
  const narrow = await lineChart({ ...CHART, series, width: 380 });
  for (const [, x, text] of narrow.matchAll(/<text [^>]*?x="([\d.]+)"[^>]*>([^<]+)<\/text>/g)) {
    assert(Number(x) + 5 * text.length < 380, `${text} at ${x}`);
  }
  assertStringIncludes(narrow, "x…</text>");
  const wide = await lineChart({ ...CHART, series, width: 760 });
  assert(Number(wide.match(/ x="([\d.]+)"[^>]*>fixed-patches<\/text>/)![1]) > 400);
});

Deno.test("the size asked for is the size given, and names set the height", safe, async () => {
  assertMatch(await lineChart({ ...CHART, width: 640, height: 320 }), /viewBox="0 0 640 320"/);
  const many = Array.from(
    { length: 30 },
    (_, index) => ({ name: `m${index}`, points: [{ x: 0, y: index }] }),
  );
  const height = Number(
    (await lineChart({ ...CHART, series: many })).match(/viewBox="0 0 760 ([\d.]+)"/)![1],
  );
  assert(height > 30 * 17);
});

Deno.test("a figure holds a wide and a narrow picture and its caption", safe, async () => {
  const html = await chartFigure(CHART, "a < b");
  assertEquals(html.match(/<svg /g)!.length, 2);
  assertMatch(html, /^<figure class="chart"><div class="wide"><svg .*<div class="narrow"><svg /s);
  assertStringIncludes(html, "<figcaption>a &lt; b</figcaption></figure>");
});
