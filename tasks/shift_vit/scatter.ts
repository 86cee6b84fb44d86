/**
 * Scatter plots: one dot for each model, with its name beside it and its spread over seeds as thin lines.
 *
 * @module
 */

import { type Axis, type Scale, scaleOf } from "../../pipeline/report/axis.ts";
import { colorOf } from "../../pipeline/report/palette.ts";
import { type PlotTools, renderPlot, type SvgElement } from "../../pipeline/report/plot_library.ts";

/** One dot. */
export interface Dot {
  /** What it is called. */
  readonly name: string;
  /** Where it is. */
  readonly x: number;
  /** Where it is. */
  readonly y: number;
  /** Standard deviation along x, if known. */
  readonly dx?: number | null;
  /** Standard deviation along y, if known. */
  readonly dy?: number | null;
  /** Whether it is filled; a ring otherwise. */
  readonly filled: boolean;
}

/** What a scatter plot shows. */
export interface Scatter {
  /** The dots; each gets the palette's colour by position. */
  readonly dots: readonly Dot[];
  /** The horizontal axis. */
  readonly x: Axis;
  /** The vertical axis. */
  readonly y: Axis;
  /** Heading inside the picture. */
  readonly title: string;
  /** Width in pixels. Default 760. */
  readonly width?: number;
}

const FONT_SIZE = 13;
/** Font size of names, and their width a character at it, in pixels. */
const LABEL_SIZE = 12;
const CHARACTER = 6.6;
const LABEL_HEIGHT = 16;
/** Pixels between a dot and its name. */
const GAP = 9;
const MARGIN = { top: 66, right: 20, bottom: 48, left: 62 } as const;

/** The plot as an HTML figure that fits a telephone and a desk. */
export async function scatterFigure(scatter: Scatter): Promise<string> {
  const [wide, narrow] = [
    await scatterPlot({ ...scatter, width: 760 }),
    await scatterPlot({ ...scatter, width: 380 }),
  ];
  return `<figure class="chart"><div class="wide">${wide}</div><div class="narrow">${narrow}</div></figure>`;
}

/** The plot as SVG text. The same data give the same text. */
export function scatterPlot(scatter: Scatter): Promise<string> {
  const { dots, title, width = 760 } = scatter;
  const ends = (of: (dot: Dot) => readonly [number, number | null | undefined]) =>
    dots.flatMap((dot) => {
      const [at, deviation] = of(dot);
      return [at - (deviation ?? 0), at + (deviation ?? 0)];
    });
  const x = scaleOf(scatter.x, ends(({ x, dx }) => [x, dx]), true);
  const y = scaleOf(scatter.y, ends(({ y, dy }) => [y, dy]), true);
  const height = Math.max(width * 0.55, 320);
  const shown = dots.map((dot, index) => ({ ...dot, color: colorOf(index) }));
  type Shown = typeof shown[number];
  const soft = { label: null, fillOpacity: 0.75, strokeOpacity: 0.45 } as const;
  return renderPlot((tools) => ({
    width,
    height,
    marginTop: MARGIN.top,
    marginRight: MARGIN.right,
    marginBottom: MARGIN.bottom,
    marginLeft: MARGIN.left,
    style: { fontSize: `${FONT_SIZE}px`, overflow: "visible" },
    x: { domain: x.domain, axis: null },
    y: { domain: y.domain, axis: null },
    marks: [
      tools.plot.gridX(x.ticks, { strokeOpacity: 0.12 }),
      tools.plot.gridY(y.ticks, { strokeOpacity: 0.12 }),
      tools.plot.axisX(x.ticks, { ...soft, tickSize: 5, tickPadding: 5, tickFormat: x.format }),
      tools.plot.axisY(y.ticks, { ...soft, tickSize: 0, tickPadding: 8, tickFormat: y.format }),
      tools.plot.link(shown, whiskers("x")),
      tools.plot.link(shown, whiskers("y")),
      tools.plot.dot(shown.filter(({ filled }) => !filled), {
        x: "x",
        y: "y",
        r: 4.5,
        stroke: "color",
        strokeWidth: 2,
        title: (dot: Shown) => spoken(dot, x, y),
      }),
      tools.plot.dot(shown.filter(({ filled }) => filled), {
        x: "x",
        y: "y",
        r: 5.5,
        fill: "color",
        title: (dot: Shown) => spoken(dot, x, y),
      }),
      (_: unknown, scales: PixelScales) =>
        texts(tools, scatter, shown.map((dot) => ({ ...dot, px: scales.x(dot.x), py: scales.y(dot.y) })), {
          width,
          height,
        }),
    ],
  }), `Scatter plot: ${title}. ${shown.map((dot) => spoken(dot, x, y)).join("; ")}.`);
}

interface PixelScales {
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
}

/** The thin line of a dot along one axis, a standard deviation to either side. */
function whiskers(axis: "x" | "y"): Record<string, unknown> {
  type Placed = Dot & { readonly color: string };
  const end = (sign: number) => (dot: Placed) => dot[axis] + sign * ((axis === "x" ? dot.dx : dot.dy) ?? 0);
  const [from, to] = [end(-1), end(1)];
  return {
    x1: axis === "x" ? from : "x",
    x2: axis === "x" ? to : "x",
    y1: axis === "y" ? from : "y",
    y2: axis === "y" ? to : "y",
    stroke: "color",
    strokeOpacity: 0.6,
  };
}

/** A dot in pixels, with its colour. */
interface PlacedDot extends Dot {
  readonly color: string;
  readonly px: number;
  readonly py: number;
}

function texts(
  { element }: PlotTools,
  { title, x, y }: Scatter,
  dots: readonly PlacedDot[],
  { width, height }: { readonly width: number; readonly height: number },
): SvgElement {
  const group = element("g", { fill: "currentColor", stroke: "none" });
  const write = (text: string, x: number, y: number, more: Record<string, string | number> = {}) =>
    group.append(element("text", { x, y, ...more }, text));
  write(title, 0, 18, { "text-anchor": "start", "font-weight": 600, "font-size": 15 });
  write(y.label, 0, MARGIN.top - 16, { "text-anchor": "start", "fill-opacity": 0.75 });
  write(x.label, (MARGIN.left + width - MARGIN.right) / 2, height - 8, {
    "text-anchor": "middle",
    "fill-opacity": 0.75,
  });
  if (dots.length === 0) write("No data", width / 2, height / 2, { "text-anchor": "middle" });
  const frame: Box = {
    left: MARGIN.left + 2,
    right: width - 2,
    top: MARGIN.top - 12,
    bottom: height - MARGIN.bottom - 2,
  };
  for (const { name, px, py, color, at, anchor } of placeLabels(dots, frame)) {
    if (at.y !== py) {
      group.append(element("path", {
        d: `M${px} ${py}L${at.x} ${at.y}`,
        fill: "none",
        stroke: color,
        "stroke-opacity": 0.6,
      }));
    }
    const space = anchor === "start" ? GAP : -GAP;
    write(name, at.x + space, at.y, { "text-anchor": anchor, dy: "0.32em", "font-size": LABEL_SIZE });
  }
  return group;
}

/** A rectangle in pixels. */
interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Where the name of a dot stands: beside the point `at`, which a line joins to the dot if it is another. */
interface Label extends PlacedDot {
  readonly at: { readonly x: number; readonly y: number };
  readonly anchor: "start" | "end";
}

/**
 * A place for each name, the nearest to its dot, in rings from side to side, that is inside the frame and covers neither a
 * dot nor a name that has its place. Where there is none it stands to the side that has more room.
 */
function placeLabels(dots: readonly PlacedDot[], frame: Box): Label[] {
  const taken: Box[] = dots.map(({ px, py }) => ({
    left: px - 7,
    right: px + 7,
    top: py - 7,
    bottom: py + 7,
  }));
  const covers = (a: Box, b: Box) =>
    a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  return dots.map((dot): Label => {
    const { name, px, py } = dot;
    const long = CHARACTER * name.length + GAP;
    const sides = px > (frame.left + frame.right) / 2 ? [-1, 1] as const : [1, -1] as const;
    const candidates = Array.from(
      { length: 14 },
      (_, ring) =>
        [...new Set([-ring, ring])].flatMap((step) =>
          sides.map((side) => {
            const at = ring === 0 ? { x: px, y: py } : { x: px + side * 14, y: py + step * LABEL_HEIGHT / 2 };
            const near = at.x + side * (GAP - 2);
            const far = at.x + side * long;
            const half = LABEL_HEIGHT / 2 - 1;
            const box: Box = {
              left: Math.min(near, far),
              right: Math.max(near, far),
              top: at.y - half,
              bottom: at.y + half,
            };
            return { at, anchor: side === 1 ? "start" as const : "end" as const, box };
          })
        ),
    ).flat();
    const isFree = ({ box }: typeof candidates[number]) =>
      box.left >= frame.left && box.right <= frame.right && box.top >= frame.top &&
      box.bottom <= frame.bottom && !taken.some((other) => covers(box, other));
    const { at, anchor, box } = candidates.find(isFree) ?? candidates[0];
    taken.push(box);
    return { ...dot, at, anchor };
  });
}

function spoken({ name, x, y }: Dot, horizontal: Scale, vertical: Scale): string {
  return `${name} ${written(x, horizontal)}, ${written(y, vertical)}`;
}

/** A value between ticks takes more digits than these: shares with one decimal of a percentage. */
function written(value: number, { format }: Scale): string {
  return format(0.5).endsWith("%") ? `${(100 * value).toFixed(1)}%` : String(Number(value.toPrecision(4)));
}
