/** Tests of heat maps. @module */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { type HeatMap, heatMap, heatMapFigure, offsetHeatMap } from "../../../pipeline/report/heat_map.ts";

const MAP: HeatMap = {
  values: [[0.1, 0.5, 0.9], [0.2, NaN, 0.4]],
  rows: { label: "Rows <down>", at: [-1, 0] },
  columns: { label: "Columns right", at: [0, 1, 2] },
  value: { label: "Accuracy", percent: true, domain: [0, 1] },
  title: "At every offset",
};

const safe = { sanitizeOps: true, sanitizeResources: true };

/** The cells: their place, colour and title. */
function cells(svg: string): { x: number; y: number; fill: string; title: string }[] {
  return [...svg.matchAll(/<rect ([^>]*)><title>([^<]*)<\/title>/g)].map(([, attributes, title]) => {
    const of = (name: string) => attributes.match(new RegExp(`\\b${name}="([^"]*)"`))![1];
    return { x: Number(of("x")), y: Number(of("y")), fill: of("fill"), title };
  });
}

Deno.test("a heat map has a cell for each finite value, named and coloured by it", safe, async () => {
  const svg = await heatMap(MAP);
  assertMatch(
    svg,
    /^<svg xmlns="[^"]+" role="img" aria-label="Heat map: At every offset. From 10.0% to 90.0%." /,
  );
  const all = cells(svg);
  assertEquals(all.map(({ title }) => title.replaceAll("&lt;", "<").replaceAll("&gt;", ">")), [
    "Rows <down> -1, Columns right 0: 10.0%",
    "Rows <down> -1, Columns right 1: 50.0%",
    "Rows <down> -1, Columns right 2: 90.0%",
    "Rows <down> 0, Columns right 0: 20.0%",
    "Rows <down> 0, Columns right 2: 40.0%",
  ]);
  // Rows run downwards and columns to the right.
  assert(all[0].x < all[1].x && all[1].x < all[2].x && all[0].y === all[2].y && all[3].y > all[0].y);
  assertEquals([all[3].x, all[4].x], [all[0].x, all[2].x]);
  assertEquals(new Set(all.map(({ fill }) => fill)).size, 5);
  for (const text of ["Accuracy", "0%", "20%", "100%", "At every offset", "Columns right"]) {
    assertStringIncludes(svg, `>${text}</text>`);
  }
});

Deno.test("colours grow lighter with the value, and one domain makes two maps comparable", safe, async () => {
  const light = (fill: string): number => {
    const [r, g, b] = fill.match(/[0-9a-f]{2}/g)!.map((two) => parseInt(two, 16));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const rising = [0, 0.2, 0.4, 0.6, 0.8, 1];
  const row = {
    ...MAP,
    values: [rising],
    rows: { label: "r", at: [0] },
    columns: { label: "c", at: rising },
  };
  const fills = cells(await heatMap(row)).map(({ fill }) => fill);
  assertEquals(fills.length, 6);
  fills.slice(1).forEach((fill, index) => assert(light(fill) > light(fills[index])));
  const other = { ...row, values: [[0.2, 0.2, 0.2, 0.2, 0.2, 0.2]] };
  assertEquals(new Set(cells(await heatMap(other)).map(({ fill }) => fill)), new Set([fills[1]]));
});

Deno.test("the same data give the same picture, whose text is no markup", safe, async () => {
  const first = await heatMap(MAP);
  await heatMap({ ...MAP, width: 300 });
  assertEquals(await heatMap(MAP), first);
  assert(!first.includes("<down>"));
  const figure = await heatMapFigure(MAP, "1 < 2");
  assertStringIncludes(figure, "<figcaption>1 &lt; 2</figcaption>");
  assertStringIncludes(figure, first);
});

Deno.test("a map of one value, of nothing finite, and of 28 by 28", safe, async () => {
  const one = { ...MAP, values: [[0.3]], rows: { label: "r", at: [0] }, columns: { label: "c", at: [0] } };
  assertEquals(cells(await heatMap(one)).length, 1);
  const none = await heatMap({ ...one, values: [[NaN]] });
  assertStringIncludes(none, ">No data</text>");
  assertStringIncludes(none, "Heat map, empty");
  const at = Array.from({ length: 28 }, (_, index) => index - 14);
  const large = await heatMap({
    ...MAP,
    values: at.map((y) => at.map((x) => (x * y) / 400 + 0.5)),
    rows: { label: "r", at },
    columns: { label: "c", at },
  });
  assertEquals(cells(large).length, 784);
  // Not every number finds room, and 0 is among those that do.
  assert(!large.includes(">-13</text>"));
  assertEquals(large.match(/>0<\/text>/g)!.length, 2);
});

Deno.test("values that do not fit the rows and columns are refused in one line", safe, async () => {
  for (const values of [[], [[1, 2, 3]], [[1, 2], [1, 2]], [[1, 2, 3], [1, 2]]]) {
    const { message } = await assertRejects(async () => await heatMap({ ...MAP, values }), PolyphaseError);
    assertMatch(message, /expected 2 of 3/);
  }
});

Deno.test("offsets of a whole circle are put around 0", () => {
  const results = [0, 1, 2, 3].flatMap((dy) =>
    [0, 1, 2].map((dx) => ({ dy, dx, accuracy: dy / 4 + dx / 100, consistency: 1 }))
  );
  const map = offsetHeatMap(results, "accuracy");
  assertEquals(map.rows.at, [-2, -1, 0, 1]);
  assertEquals(map.columns.at, [-1, 0, 1]);
  assertEquals(map.values[0], [0.52, 0.5, 0.51]);
  assertEquals(map.values[2], [0.02, 0, 0.01]);
  const plain = offsetHeatMap(results, "accuracy", { center: false, domain: [0, 1], title: "t" });
  assertEquals([plain.rows.at, plain.columns.at, plain.value.domain, plain.title], [[0, 1, 2, 3], [0, 1, 2], [
    0,
    1,
  ], "t"]);
  assertEquals(plain.values[1], [0.25, 0.26, 0.27]);
  // Offsets that are no whole circle stay as they are.
  const around = [-1, 0, 1].flatMap((dy) => [-1, 0, 1].map((dx) => ({ dy, dx, consistency: dx })));
  assertEquals(offsetHeatMap(around, "consistency").values, [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]]);
});

Deno.test("results that are no grid, or lack the figure, are refused in one line", () => {
  const grid = [{ dy: 0, dx: 0, accuracy: 1 }, { dy: 1, dx: 1, accuracy: 1 }];
  assertThrows(
    () => offsetHeatMap(grid, "accuracy"),
    PolyphaseError,
    "one result with it for each row and column",
  );
  assertThrows(() => offsetHeatMap([grid[0], grid[0]], "accuracy"), PolyphaseError);
  assertThrows(() => offsetHeatMap([grid[0]], "exact"), PolyphaseError, "with logits: true");
});
