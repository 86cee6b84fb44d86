/** Tests of charts of layer errors. @module */

import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { type LayerBar, layerErrorChart, layerErrorFigure } from "../../../pipeline/report/layer_errors.ts";
import { PALETTE } from "../../../pipeline/report/palette.ts";

const bar = (layer: string, moment: string, meanError: number, maxError: number): LayerBar => (
  { layer, moment, meanError, maxError }
);

const LAYERS = [
  bar("input", "init", 0, 0),
  bar("blocks.0", "init", 1e-6, 1e-5),
  bar("input", "trained", 1e-9, 2e-9),
  bar("blocks.0", "trained", 0.01, 0.1),
];

const safe = { sanitizeOps: true, sanitizeResources: true };

/** The bars: where they begin, how long they are, and what they say. */
function bars(svg: string): { x: number; y: number; width: number; title: string }[] {
  return [...svg.matchAll(/<rect ([^>]*)><title>([^<]*)<\/title>/g)].map(([, attributes, title]) => {
    const of = (name: string) => Number(attributes.match(new RegExp(`\\b${name}="([^"]*)"`))![1]);
    return { x: of("x"), y: of("y"), width: of("width"), title };
  });
}

Deno.test("bars are as long as the error has decades above the floor", safe, async () => {
  const svg = await layerErrorChart({ layers: LAYERS });
  const all = bars(svg);
  assertEquals(all.map(({ title }) => title), [
    "input, init: mean 0, greatest 0",
    "blocks.0, init: mean 1.0e-6, greatest 1.0e-5",
    "input, trained: mean 1.0e-9, greatest 2.0e-9",
    "blocks.0, trained: mean 1.0e-2, greatest 1.0e-1",
  ]);
  assertEquals(new Set(all.map(({ x }) => x)).size, 1);
  assertEquals([all[0].width, all[2].width], [0, 0]);
  // From 1e-8 to 1e-6 are two decades, to 1e-2 six.
  assert(Math.abs(all[3].width / all[1].width - 3) < 0.01, `${all[3].width} ${all[1].width}`);
  // Layers from above, and in each first the first moment.
  const [inputInit, blockInit, inputTrained, blockTrained] = all.map(({ y }) => y);
  assert(inputInit < inputTrained && inputTrained < blockInit && blockInit < blockTrained);
  for (const text of ["input", "blocks.0", "init", "trained", "0", "&lt; 10⁻⁸", "10⁻⁶", "1"]) {
    assertStringIncludes(svg, `>${text}</text>`);
  }
  assertStringIncludes(svg, PALETTE[0]);
  assertStringIncludes(svg, PALETTE[1]);
});

Deno.test("the greatest error ends a thin line, also beyond 1", safe, async () => {
  const svg = await layerErrorChart({ layers: [bar("a", "init", 0.5, 3)] });
  assertStringIncludes(svg, ">10¹</text>");
  // From 1e-8 to 10 are nine decades; the line goes on from the bar.
  const [{ x, width }] = bars(svg);
  const [, most, mean] = svg.match(
    /aria-label="rule"><line y2="[\d.]+" y1="[\d.]+" x2="([\d.]+)" x1="([\d.]+)"/,
  )!;
  assert(Math.abs(Number(mean) - (x + width)) < 0.1);
  const decades = (Number(most) - x) / ((Number(mean) - x) / Math.log10(0.5e8));
  assert(Math.abs(decades - Math.log10(3e8)) < 0.01, `${decades}`);
  // One moment needs no legend.
  assert(!svg.includes(">init</text>"));
  assertMatch(
    svg,
    /aria-label="Bar chart: Relative equivariance error of each layer. Greatest: init 3.0e\+0."/,
  );
});

Deno.test("the same data give the same picture; titles, labels and figures; no markup", safe, async () => {
  const chart = {
    layers: [...LAYERS, bar("<b>", "init", 0.1, 0.1)],
    title: "x < y",
    label: "Error",
    floor: 1e-6,
  };
  const first = await layerErrorChart(chart);
  assertEquals(await layerErrorChart(chart), first);
  for (const text of ["x &lt; y", "Error", "&lt;b&gt;"]) assertStringIncludes(first, `>${text}</text>`);
  assert(!first.includes("<b>") && !first.includes("10⁻⁷"));
  const figure = await layerErrorFigure(chart, "a & b");
  assertStringIncludes(figure, `class="wide"`);
  assertStringIncludes(figure, "<figcaption>a &amp; b</figcaption>");
});

Deno.test("nothing to draw is said, and what is drawn twice refused", safe, async () => {
  const empty = await layerErrorChart({ layers: [] });
  assertStringIncludes(empty, ">No data</text>");
  assertThrows(() => void layerErrorChart({ layers: [LAYERS[0], LAYERS[0]] }), PolyphaseError);
  for (const floor of [0, -1, 1, NaN]) {
    assertThrows(() => void layerErrorChart({ layers: LAYERS, floor }), PolyphaseError);
  }
});
