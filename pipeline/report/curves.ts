/**
 * Line charts: a curve for each model against epoch, offset or whatever else runs along the x axis.
 *
 * Wide charts name each line at its end, narrow ones in a legend above, so that colour is never the only way to tell
 * them apart.
 *
 * @module
 */

import { type Axis, type Scale, scaleOf } from "./axis.ts";
import { escapeHtml } from "./html.ts";
import { type LegendEntry, lineLabels, lineLegend, shorten } from "./line_labels.ts";
import { colorOf } from "./palette.ts";
import { type PlotLibrary, type PlotTools, renderPlot } from "./plot_library.ts";

/** A point of a curve. */
export interface Point {
  /** Where on the x axis. */
  readonly x: number;
  /** Where on the y axis. A value that is not finite leaves a gap. */
  readonly y: number;
}

/** One line. */
export interface Series {
  /** What it is called. */
  readonly name: string;
  /** Any CSS colour. Default: the palette's, by position. */
  readonly color?: string;
  /** The points, in order of x. None at all is shown as a name without a line. */
  readonly points: readonly Point[];
  /** Whether the line is dashed. Default false. */
  readonly dashed?: boolean;
}

/** A value to compare with, such as a published figure: a dotted horizontal line. */
export interface Reference {
  /** What it is. */
  readonly name: string;
  /** The value. */
  readonly y: number;
  /** Any CSS colour. Default: that of the text. */
  readonly color?: string;
}

/** What a line chart shows. */
export interface LineChart {
  /** The lines. */
  readonly series: readonly Series[];
  /** Values to compare with. */
  readonly references?: readonly Reference[];
  /** The horizontal axis. */
  readonly x: Axis;
  /** The vertical axis. */
  readonly y: Axis;
  /** Heading inside the picture. */
  readonly title?: string;
  /** What a screen reader says. Default: made of the title or the axes, and the last value of each line. */
  readonly ariaLabel?: string;
  /** Width in pixels. Default 760; below 520 the names move from the lines' ends to a legend. */
  readonly width?: number;
  /** Height in pixels. Default: what suits the width and the number of names. */
  readonly height?: number;
}

const FONT_SIZE = 13;
const CHARACTER = 7.2;
const LABEL_HEIGHT = 17;
const NARROW = 520;

/**
 * The chart as SVG text. The same data give the same text.
 *
 * @throws {PolyphaseError} if a given domain does not go upwards
 */
export function lineChart(chart: LineChart): Promise<string> {
  const series = chart.series.map((one, index) => ({
    ...one,
    color: one.color ?? colorOf(index),
    points: one.points.map(({ x, y }) => ({ x, y: Number.isFinite(y) ? y : NaN })),
  }));
  const shown = series.flatMap(({ points }) => points.filter(isShown));
  const references = (chart.references ?? []).filter(({ y }) => Number.isFinite(y));
  const x = scaleOf(chart.x, shown.map((point) => point.x), false);
  const y = scaleOf(chart.y, [...shown.map((point) => point.y), ...references.map((one) => one.y)], true);
  const entries: LegendEntry[] = [
    ...series.map(({ name, color, dashed, points }) => {
      const last = points.findLast(isShown);
      return { name: last ? name : `${name} (no data)`, color, dash: dashed ? "6 4" : undefined, end: last };
    }),
    ...references.map(({ name, color, y }) => (
      { name, color: color ?? "currentColor", dash: "1.5 4", end: { x: x.domain[1], y } }
    )),
  ];
  const layout = layoutOf(chart, y, entries);
  return renderPlot((tools) => ({
    ...layout.size,
    style: { fontSize: `${FONT_SIZE}px`, overflow: "visible" },
    x: { domain: x.domain, axis: null },
    y: { domain: y.domain, axis: null },
    marks: [
      ...axes(tools.plot, x, y),
      ...references.map((one) =>
        tools.plot.ruleY([one.y], {
          stroke: one.color ?? "currentColor",
          strokeDasharray: "1.5 4",
          strokeLinecap: "round",
          strokeWidth: 1.5,
        })
      ),
      ...series.flatMap((one) => curve(tools.plot, one, isCut(one.points, x, y))),
      () => texts(tools, chart, layout, shown.length === 0),
      (_: unknown, scales: PixelScales) => {
        if (layout.legend) return lineLegend(tools.element, layout.legend.lines);
        const right = layout.size.width - layout.size.marginRight;
        const pixels = entries.map(({ end, ...entry }) => (
          { ...entry, end: end && { x: scales.x(end.x), y: scales.y(end.y) } }
        ));
        const range: [number, number] = [
          layout.size.marginTop,
          layout.size.height - layout.size.marginBottom,
        ];
        return lineLabels(tools.element, pixels, right, layout.size.marginRight, range, LABEL_HEIGHT);
      },
    ],
  }), chart.ariaLabel ?? describe(chart, series, y));
}

/** What of a chart a figure may set: its width follows the page. */
export type ChartFigure = Omit<LineChart, "width" | "height">;

/**
 * The chart as an HTML figure that fits a telephone and a desk: it holds a wide and a narrow picture, of which the
 * page's style shows the one that fits.
 *
 * @throws {PolyphaseError} if a given domain does not go upwards
 */
export async function chartFigure(chart: ChartFigure, caption?: string): Promise<string> {
  const [wide, narrow] = [
    await lineChart({ ...chart, width: 760 }),
    await lineChart({ ...chart, width: 380 }),
  ];
  const below = caption === undefined ? "" : `<figcaption>${escapeHtml(caption)}</figcaption>`;
  return `<figure class="chart"><div class="wide">${wide}</div><div class="narrow">${narrow}</div>${below}</figure>`;
}

interface PixelScales {
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
}

interface Layout {
  readonly size: Record<
    "width" | "height" | "marginTop" | "marginRight" | "marginBottom" | "marginLeft",
    number
  >;
  readonly titleY: number;
  readonly legend:
    | { readonly lines: readonly (readonly (LegendEntry & { x: number; y: number })[])[] }
    | undefined;
}

function layoutOf(chart: LineChart, y: Scale, entries: readonly LegendEntry[]): Layout {
  const width = chart.width ?? 760;
  const marginLeft = 17 + 7.8 * Math.max(1, ...y.ticks.map((tick) => y.format(tick).length));
  const titleY = chart.title === undefined ? 0 : 18;
  const widthOf = (name: string) => 44 + CHARACTER * name.length;
  const head = titleY + (chart.title === undefined ? 0 : 14);
  if (width >= NARROW) {
    const marginRight = Math.min(width * 0.36, Math.max(16, ...entries.map(({ name }) => widthOf(name))));
    const inner = Math.max(280, entries.length * LABEL_HEIGHT);
    const [marginTop, marginBottom] = [head + 34, 48];
    const height = chart.height ?? marginTop + inner + marginBottom;
    return {
      size: { width, height, marginTop, marginRight, marginBottom, marginLeft },
      titleY,
      legend: undefined,
    };
  }
  const lines: (LegendEntry & { x: number; y: number })[][] = [];
  let right = Infinity;
  for (const entry of entries) {
    const name = shorten(entry.name, Math.floor((width - 58) / CHARACTER));
    const wide = widthOf(name);
    if (right + wide > width) {
      lines.push([]);
      right = 4;
    }
    lines.at(-1)!.push({ ...entry, name, x: right, y: head + 12 + (lines.length - 1) * 20 });
    right += wide;
  }
  const [marginTop, marginBottom] = [head + lines.length * 20 + 38, 48];
  const height = chart.height ?? marginTop + 220 + marginBottom;
  return {
    size: { width, height, marginTop, marginRight: 16, marginBottom, marginLeft },
    titleY,
    legend: { lines },
  };
}

function axes(plot: PlotLibrary, x: Scale, y: Scale): unknown[] {
  return [
    plot.gridY(y.ticks, { strokeOpacity: 0.12 }),
    plot.ruleY([y.domain[0]], { strokeOpacity: 0.45 }),
    plot.axisY(y.ticks, {
      label: null,
      tickSize: 0,
      tickPadding: 8,
      tickFormat: y.format,
      fillOpacity: 0.75,
    }),
    plot.axisX(x.ticks, {
      label: null,
      tickSize: 5,
      tickPadding: 5,
      tickFormat: x.format,
      fillOpacity: 0.75,
      strokeOpacity: 0.45,
    }),
  ];
}

/** The line of a series; points with no neighbour to be joined to, and those of short series, are dots. */
function curve(
  plot: PlotLibrary,
  { points, color, dashed, name }: Series & { readonly color: string },
  cut: boolean,
): unknown[] {
  const clip = cut ? true : undefined;
  const few = points.length <= 12;
  const dots = points.filter((point, index) =>
    isShown(point) && (few || (!isShown(points[index - 1]) && !isShown(points[index + 1])))
  );
  const line = plot.line(points, {
    x: "x",
    y: "y",
    stroke: color,
    strokeWidth: 1.8,
    strokeDasharray: dashed ? "6 4" : undefined,
    title: () => name,
    clip,
  });
  return dots.length === 0 ? [line] : [line, plot.dot(dots, { x: "x", y: "y", r: 2.6, fill: color, clip })];
}

function texts({ element }: PlotTools, chart: LineChart, { size, titleY }: Layout, empty: boolean): unknown {
  const group = element("g", { fill: "currentColor", stroke: "none" });
  const write = (text: string, x: number, y: number, more: Record<string, string | number> = {}) =>
    group.append(element("text", { x, y, ...more }, text));
  const middle = (size.marginLeft + size.width - size.marginRight) / 2;
  if (chart.title !== undefined) {
    write(chart.title, 0, titleY, { "text-anchor": "start", "font-weight": 600, "font-size": 15 });
  }
  write(chart.y.label, 0, size.marginTop - 16, { "text-anchor": "start", "fill-opacity": 0.75 });
  write(chart.x.label, middle, size.height - 8, { "fill-opacity": 0.75 });
  if (empty) {
    write("No data", middle, (size.marginTop + size.height - size.marginBottom) / 2, { "font-size": 15 });
  }
  return group;
}

function isShown(point: Point | undefined): boolean {
  return point !== undefined && Number.isFinite(point.x) && Number.isFinite(point.y);
}

/** Whether a given domain leaves some of the points out. */
function isCut(points: readonly Point[], x: Scale, y: Scale): boolean {
  const outside = (value: number, [low, high]: readonly [number, number]) => value < low || value > high;
  return points.some((point) => outside(point.x, x.domain) || outside(point.y, y.domain));
}

function describe(chart: LineChart, series: readonly Series[], y: Scale): string {
  const what = chart.title ?? `${chart.y.label} against ${chart.x.label}`;
  const lasts = series.map(({ name, points }) => {
    const last = points.findLast(isShown);
    return `${name} ${last ? exact(last.y, chart.y.percent === true, y) : "no data"}`;
  });
  return lasts.length === 0
    ? `Line chart, empty: ${what}.`
    : `Line chart: ${what}. Last values: ${lasts.join(", ")}.`;
}

/** Values are between ticks, so their text takes more digits than the ticks' own. */
function exact(value: number, percent: boolean, y: Scale): string {
  if (percent) return `${(100 * value).toFixed(1)}%`;
  return Number.isInteger(value) ? y.format(value) : String(Number(value.toPrecision(4)));
}
