/**
 * Bar charts of the equivariance error of each layer, at initialisation and trained, on a logarithmic axis: what is exact
 * but for rounding lies far to the left of what is not.
 *
 * @module
 */

import { PolyphaseError } from "../errors.ts";
import { escapeHtml } from "./html.ts";
import { colors } from "./palette.ts";
import { type PlotTools, renderPlot } from "./plot_library.ts";
import { shorten } from "./line_labels.ts";

/** The error of one layer. A row of `equivarianceError` is one. */
export interface LayerBar {
  /** Name of the layer. */
  readonly layer: string;
  /** Which bar of the layer it is, for example `init`; each gets a colour. */
  readonly moment: string;
  /** Length of the bar, 0 or more. */
  readonly meanError: number;
  /** End of the thin line that goes on from the bar, no less than the mean. */
  readonly maxError: number;
}

/** What a chart of layer errors shows. */
export interface LayerErrorChart {
  /** The bars: layers stand in order of first appearance, from above. */
  readonly layers: readonly LayerBar[];
  /** Heading inside the picture. */
  readonly title?: string;
  /** Label of the axis. Default `Relative equivariance error`. */
  readonly label?: string;
  /** Least value shown; what is smaller, 0 too, ends there. Default 1e-8. */
  readonly floor?: number;
  /** Width in pixels. Default 760. */
  readonly width?: number;
  /** What a screen reader says. Default: made of the title and the greatest error for each colour. */
  readonly ariaLabel?: string;
}

const FONT_SIZE = 13;
const CHARACTER = 7.2;
const BAR = 11;
const GAP = 9;

/**
 * The chart as SVG text. The same data give the same text.
 *
 * @throws {PolyphaseError} if a layer has two bars of one name, or the floor is not above 0
 */
export function layerErrorChart(chart: LayerErrorChart): Promise<string> {
  const { layers, floor = 1e-8, width = 760 } = chart;
  if (!(floor > 0 && floor < 1)) {
    throw new PolyphaseError(
      `Cannot draw errors from ${floor} on, expected above 0 and below 1: set floor: 1e-8`,
    );
  }
  const names = [...new Set(layers.map(({ layer }) => layer))];
  const moments = colors(layers.map(({ moment }) => moment));
  const order = [...moments.keys()];
  if (new Set(layers.map(({ layer, moment }) => `${moment} ${layer}`)).size !== layers.length) {
    throw new PolyphaseError("Cannot draw two bars of one layer and moment: give one");
  }
  const room = Math.min(width * 0.35, Math.max(40, ...names.map((name) => CHARACTER * name.length)));
  const step = order.length * BAR + GAP;
  const marginTop = (chart.title === undefined ? 0 : 32) + (order.length > 1 ? 24 : 6);
  const marginBottom = 48;
  const high = Math.max(1, ...layers.map(({ maxError }) => (Number.isFinite(maxError) ? maxError : 1)));
  const domain: [number, number] = [floor, 10 ** Math.ceil(Math.log10(high) - 1e-9)];
  const size = {
    width,
    height: marginTop + Math.max(1, names.length) * step + marginBottom,
    marginTop,
    marginBottom,
    marginLeft: room + 14,
    marginRight: 24,
  };
  const shown = (value: number) => Math.min(domain[1], Math.max(floor, value));
  const bars = layers.map((each) => {
    const top = names.indexOf(each.layer) * step + GAP / 2 + order.indexOf(each.moment) * BAR;
    return { ...each, top, mean: shown(each.meanError), most: shown(each.maxError) };
  });
  const decades = decadesOf(domain, width - room);
  return renderPlot((tools) => ({
    ...size,
    style: { fontSize: `${FONT_SIZE}px`, overflow: "visible" },
    x: { type: "log", domain, axis: null },
    y: { type: "linear", domain: [0, Math.max(1, names.length) * step], reverse: true, axis: null },
    marks: [
      tools.plot.gridX(decades, { strokeOpacity: 0.12 }),
      tools.plot.axisX(decades, {
        label: null,
        tickSize: 5,
        tickPadding: 5,
        tickFormat: power,
        fillOpacity: 0.75,
        strokeOpacity: 0.45,
      }),
      ...order.map((moment) => {
        const some = bars.filter((each) => each.moment === moment);
        return tools.plot.rect(some, {
          x1: floor,
          x2: "mean",
          y1: (each: typeof bars[number]) => each.top + 0.5,
          y2: (each: typeof bars[number]) => each.top + BAR - 0.5,
          fill: moments.get(moment),
          title: (each: typeof bars[number]) =>
            `${each.layer}, ${moment}: mean ${scientific(each.meanError)}, greatest ${
              scientific(each.maxError)
            }`,
        });
      }),
      ...order.map((moment) =>
        tools.plot.ruleY(bars.filter((each) => each.moment === moment), {
          x1: "mean",
          x2: "most",
          y: (each: typeof bars[number]) => each.top + BAR / 2,
          stroke: moments.get(moment),
          strokeWidth: 1.5,
        })
      ),
      // A bar that would have no length is said in words.
      tools.plot.text(bars.filter(({ maxError }) => maxError <= floor), {
        x: floor,
        y: (each: typeof bars[number]) => each.top + BAR / 2,
        text: ({ maxError }: typeof bars[number]) => (maxError === 0 ? "0" : `< ${power(floor)}`),
        fill: ({ moment }: typeof bars[number]) => moments.get(moment),
        textAnchor: "start",
        dx: 6,
        fontSize: 11,
      }),
      tools.plot.ruleX([floor], { strokeOpacity: 0.45 }),
      (_: unknown, scales: { readonly y: (value: number) => number }) =>
        texts(tools, chart, size, moments, names, (nth) => scales.y((nth + 0.5) * step), room),
    ],
  }), chart.ariaLabel ?? describe(chart, order));
}

/**
 * The chart as an HTML figure.
 *
 * @throws {PolyphaseError} as {@linkcode layerErrorChart}
 */
export async function layerErrorFigure(chart: LayerErrorChart, caption?: string): Promise<string> {
  const below = caption === undefined ? "" : `<figcaption>${escapeHtml(caption)}</figcaption>`;
  const [wide, narrow] = [
    await layerErrorChart({ ...chart, width: 760 }),
    await layerErrorChart({ ...chart, width: 380 }),
  ];
  return `<figure class="chart"><div class="wide">${wide}</div><div class="narrow">${narrow}</div>${below}</figure>`;
}

function texts(
  { element }: PlotTools,
  { title, label, layers }: LayerErrorChart,
  { width, height, marginLeft, marginRight }: { readonly [name: string]: number },
  moments: ReadonlyMap<string, string>,
  names: readonly string[],
  middleOf: (nth: number) => number,
  room: number,
): unknown {
  const group = element("g", { fill: "currentColor", stroke: "none" });
  const write = (text: string, x: number, y: number, more: Record<string, string | number> = {}) =>
    group.append(element("text", { x, y, ...more }, text));
  const head = title === undefined ? 0 : 32;
  if (title !== undefined) {
    write(title, 0, 18, { "text-anchor": "start", "font-weight": 600, "font-size": 15 });
  }
  const middle = (marginLeft + width - marginRight) / 2;
  write(label ?? "Relative equivariance error", middle, height - 8, {
    "text-anchor": "middle",
    "fill-opacity": 0.75,
  });
  for (const [nth, name] of names.entries()) {
    write(shorten(name, Math.floor(room / CHARACTER)), marginLeft - 10, middleOf(nth), {
      "text-anchor": "end",
      dy: "0.32em",
    });
  }
  let left = marginLeft;
  for (const [moment, color] of moments.size > 1 ? moments : []) {
    group.append(element("rect", { x: left, y: head + 2, width: 11, height: 11, fill: color }));
    write(moment, left + 17, head + 8, { "text-anchor": "start", dy: "0.32em" });
    left += 38 + CHARACTER * moment.length;
  }
  if (layers.length === 0) {
    write("No data", middle, middleOf(0), { "text-anchor": "middle", "font-size": 15 });
  }
  return group;
}

/** Powers of ten in the domain, as many as find room. */
function decadesOf([low, high]: readonly [number, number], room: number): number[] {
  const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
  const step = Math.max(1, Math.ceil(((last - first) * 46) / room));
  const exponents = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  return exponents.filter((each) => (last - each) % step === 0).map((each) => Number(`1e${each}`));
}

/** A power of ten as text, with the exponent raised: `10⁻⁶`. */
function power(value: number): string {
  const exponent = Math.log10(value);
  if (!Number.isInteger(exponent)) return String(value);
  if (exponent === 0) return "1";
  return `10${[...String(exponent)].map((digit) => RAISED[digit]).join("")}`;
}

const RAISED: Readonly<Record<string, string>> = {
  "-": "⁻",
  "0": "⁰",
  "1": "¹",
  "2": "²",
  "3": "³",
  "4": "⁴",
  "5": "⁵",
  "6": "⁶",
  "7": "⁷",
  "8": "⁸",
  "9": "⁹",
};

function scientific(value: number): string {
  return value === 0 ? "0" : value.toExponential(1);
}

function describe({ title, layers }: LayerErrorChart, moments: readonly string[]): string {
  const what = title ?? "Relative equivariance error of each layer";
  if (layers.length === 0) return `Bar chart, empty: ${what}.`;
  const most = moments.map((moment) => {
    const errors = layers.filter((each) => each.moment === moment).map(({ maxError }) => maxError);
    return `${moment} ${scientific(Math.max(...errors))}`;
  });
  return `Bar chart: ${what}. Greatest: ${most.join(", ")}.`;
}
