/**
 * Heat maps: a value for each row and column, for example the accuracy at each offset of an image.
 *
 * The colours run from dark blue to yellow and grow lighter all the way, so the order of values is seen without telling
 * colours apart, and on paper.
 *
 * @module
 */

import type { Offset } from "../../datasets/shift.ts";
import { PolyphaseError } from "../errors.ts";
import { type Axis, type Scale, scaleOf } from "./axis.ts";
import { escapeHtml } from "./html.ts";
import { type PlotTools, renderPlot } from "./plot_library.ts";

/** What a heat map shows. */
export interface HeatMap {
  /** The values, row by row from above. A value that is not finite leaves a gap. */
  readonly values: readonly (readonly number[])[];
  /** The names of rows and columns, and of the axes that they lie along. */
  readonly rows: HeatMapAxis;
  /** Likewise. */
  readonly columns: HeatMapAxis;
  /** What the values are: label, domain of the colours, and whether they are shares. */
  readonly value: Omit<Axis, "ticks">;
  /** Heading inside the picture. */
  readonly title?: string;
  /** What a screen reader says. Default: made of the title and the least and greatest value. */
  readonly ariaLabel?: string;
  /** Width in pixels. Default 520. */
  readonly width?: number;
}

/** The rows or the columns of a heat map. */
export interface HeatMapAxis {
  /** What runs along the axis, and its unit. */
  readonly label: string;
  /** The number at each row or column, in order. */
  readonly at: readonly number[];
}

/** What a heat map of offsets may be told. */
export interface OffsetHeatMapOptions {
  /** Whether offsets beyond half of the range are written as negative ones, which puts 0 in the middle. Default true. */
  readonly center?: boolean;
  /** Heading inside the picture. */
  readonly title?: string;
  /** Least and greatest value of the colours. Default: those of the data. */
  readonly domain?: readonly [number, number];
}

const FONT_SIZE = 13;
const BAR = { width: 14, steps: 48, gap: 22, labels: 52 } as const;

/**
 * The heat map as SVG text. The same data give the same text.
 *
 * @throws {PolyphaseError} if the values are not as many as rows times columns, or a given domain does not go upwards
 */
export function heatMap(map: HeatMap): Promise<string> {
  const { rows, columns, values } = map;
  if (
    rows.at.length === 0 || values.length !== rows.at.length ||
    values.some((row) => row.length === 0 || row.length !== columns.at.length)
  ) {
    throw new PolyphaseError(
      `Cannot draw a heat map of ${values.length} rows of ${
        [...new Set(values.map((row) => row.length))].join(" or ")
      } values, expected ${rows.at.length} of ${columns.at.length}: give one value for each row and column`,
    );
  }
  const cells = values.flatMap((row, nth) =>
    row.map((value, column) => ({ x: columns.at[column], y: rows.at[nth], value }))
  ).filter(({ value }) => Number.isFinite(value));
  const scale = scaleOf({ ...map.value, ticks: 5 }, cells.map(({ value }) => value), false);
  const layout = layoutOf(map);
  const write = (value: number) => exact(value, map.value.percent === true);
  return renderPlot((tools) => ({
    ...layout,
    style: { fontSize: `${FONT_SIZE}px`, overflow: "visible" },
    x: { domain: columns.at, axis: null, padding: 0 },
    y: { domain: rows.at, axis: null, padding: 0 },
    color: { type: "linear", scheme: "viridis", domain: scale.domain, clamp: true },
    marks: [
      tools.plot.cell(cells, {
        x: "x",
        y: "y",
        fill: "value",
        inset: cells.length > 400 ? 0 : 0.5,
        // Edges of neighbours would show as hair lines.
        shapeRendering: "crispEdges",
        title: ({ x, y, value }: typeof cells[number]) =>
          `${rows.label} ${y}, ${columns.label} ${x}: ${write(value)}`,
      }),
      tools.plot.axisX(ticksOf(columns.at, layout.inner.width), { ...TICKS, anchor: "bottom" }),
      tools.plot.axisY(ticksOf(rows.at, layout.inner.height), { ...TICKS, anchor: "left" }),
      (_: unknown, scales: { readonly color: (value: number) => string }) =>
        frame(tools, map, layout, scale, scales.color, cells.length === 0),
    ],
  }), map.ariaLabel ?? describe(map, cells.map(({ value }) => value), write));
}

/**
 * The heat map of one figure of `shiftEval` at offsets of rows and columns: `accuracy`, `consistency`, or `exact` where
 * logits were compared.
 *
 * @throws {PolyphaseError} if an offset is missing or comes twice, or has no such figure
 */
export function offsetHeatMap(
  results: readonly (Offset & { readonly [figure in "accuracy" | "consistency" | "exact"]?: number })[],
  figure: "accuracy" | "consistency" | "exact",
  { center = true, title, domain }: OffsetHeatMapOptions = {},
): HeatMap {
  const axis = (at: readonly number[]): { readonly given: number[]; readonly shown: number[] } => {
    const given = [...new Set(at)].sort((a, b) => a - b);
    const half = Math.ceil(given.length / 2);
    const isWhole = center && given[0] === 0 && given.at(-1) === given.length - 1;
    if (!isWhole) return { given, shown: given };
    const turned = [...given.slice(half), ...given.slice(0, half)];
    return { given: turned, shown: turned.map((each) => (each >= half ? each - given.length : each)) };
  };
  const rows = axis(results.map(({ dy }) => dy));
  const columns = axis(results.map(({ dx }) => dx));
  const byOffset = new Map(results.map((each) => [`${each.dy},${each.dx}`, each[figure]]));
  const values = rows.given.map((dy) =>
    columns.given.map((dx) => {
      const value = byOffset.get(`${dy},${dx}`);
      if (value === undefined || byOffset.size !== results.length) {
        throw new PolyphaseError(
          `Cannot draw ${figure} at offset ${dy}, ${dx}: expected one result with it for each row and column: ` +
            `evaluate a 2d mode${figure === "exact" ? " with logits: true" : ""}`,
        );
      }
      return value;
    })
  );
  const label = { accuracy: "Accuracy", consistency: "Consistency", exact: "Exact logits" }[figure];
  return {
    values,
    rows: { label: "Rows down", at: rows.shown },
    columns: { label: "Columns right", at: columns.shown },
    value: { label, percent: true, ...domain ? { domain } : {} },
    ...title === undefined ? {} : { title },
  };
}

/**
 * The heat map as an HTML figure.
 *
 * @throws {PolyphaseError} as {@linkcode heatMap}
 */
export async function heatMapFigure(map: HeatMap, caption?: string): Promise<string> {
  const below = caption === undefined ? "" : `<figcaption>${escapeHtml(caption)}</figcaption>`;
  const picture = await heatMap(map);
  return `<figure class="chart"><div style="max-width:${
    map.width ?? 520
  }px">${picture}</div>${below}</figure>`;
}

const TICKS = { label: null, tickSize: 4, tickPadding: 5, fillOpacity: 0.75, strokeOpacity: 0.45 } as const;

interface Layout {
  readonly width: number;
  readonly height: number;
  readonly marginTop: number;
  readonly marginRight: number;
  readonly marginBottom: number;
  readonly marginLeft: number;
  /** The frame of the cells. */
  readonly inner: { readonly width: number; readonly height: number };
}

function layoutOf({ rows, columns, title, width = 520 }: HeatMap): Layout {
  const names = Math.max(...rows.at.map((each) => String(each).length));
  const marginLeft = 34 + 7.8 * names;
  const marginRight = BAR.gap + BAR.width + BAR.labels;
  const marginTop = (title === undefined ? 0 : 32) + 30;
  const marginBottom = 48;
  const side = Math.max(1, width - marginLeft - marginRight);
  // Square cells, but neither a line nor a tower.
  const inner = {
    width: side,
    height: Math.min(1.5 * side, Math.max(80, (side * rows.at.length) / columns.at.length)),
  };
  const height = marginTop + inner.height + marginBottom;
  return { width, height, marginTop, marginRight, marginBottom, marginLeft, inner };
}

/** As many of the numbers, at even steps, as find room; 0 is among them if it is among all. */
function ticksOf(at: readonly number[], room: number): number[] {
  const step = [1, 2, 4, 7, 8, 14, 16, 28, 32, 64].find((each) => (at.length / each) * 30 <= room) ??
    at.length;
  const zero = Math.max(0, at.indexOf(0));
  return at.filter((_, index) => (index - zero) % step === 0);
}

function frame(
  { element }: PlotTools,
  { title, rows, columns, value }: HeatMap,
  { width, height, marginTop, marginRight, marginLeft, inner }: Layout,
  scale: Scale,
  color: (value: number) => string,
  isEmpty: boolean,
): unknown {
  const group = element("g", { fill: "currentColor", stroke: "none" });
  const write = (text: string, x: number, y: number, more: Record<string, string | number> = {}) =>
    group.append(element("text", { x, y, ...more }, text));
  const soft = { "fill-opacity": 0.75 };
  const middle = marginLeft + inner.width / 2;
  if (title !== undefined) {
    write(title, 0, 18, { "text-anchor": "start", "font-weight": 600, "font-size": 15 });
  }
  write(columns.label, middle, height - 8, { "text-anchor": "middle", ...soft });
  const [x, y] = [12, marginTop + inner.height / 2];
  write(rows.label, x, y, { "text-anchor": "middle", transform: `rotate(-90 ${x} ${y})`, ...soft });
  if (isEmpty) {
    write("No data", middle, y, { "text-anchor": "middle", "font-size": 15 });
    return group;
  }
  const [low, high] = scale.domain;
  const left = width - marginRight + BAR.gap;
  for (let step = 0; step < BAR.steps; step++) {
    const top = marginTop + (inner.height * step) / BAR.steps;
    const share = 1 - (step + 0.5) / BAR.steps;
    group.append(element("rect", {
      x: left,
      y: top,
      width: BAR.width,
      height: inner.height / BAR.steps,
      fill: color(low + share * (high - low)),
      "shape-rendering": "crispEdges",
    }));
  }
  write(value.label, width, marginTop - 15, { "text-anchor": "end", ...soft });
  for (const tick of scale.ticks) {
    const at = marginTop + inner.height * (1 - (tick - low) / (high - low));
    write(scale.format(tick), left + BAR.width + 5, at, { "text-anchor": "start", dy: "0.32em", ...soft });
  }
  return group;
}

function describe(map: HeatMap, values: readonly number[], write: (value: number) => string): string {
  const what = map.title ?? `${map.value.label} by ${map.rows.label} and ${map.columns.label}`;
  if (values.length === 0) return `Heat map, empty: ${what}.`;
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return `Heat map: ${what}. From ${write(low)} to ${write(high)}.`;
}

function exact(value: number, percent: boolean): string {
  return percent ? `${(100 * value).toFixed(1)}%` : String(Number(value.toPrecision(4)));
}
