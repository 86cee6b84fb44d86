/**
 * Names of lines: beside their ends, pushed apart so that none covers another, or in a legend above the chart.
 *
 * @module
 */

import type { PlotTools, SvgElement } from "./plot_library.ts";

/** A line that has a name. */
export interface LegendEntry {
  /** The name. */
  readonly name: string;
  /** Colour of the line, any CSS colour. */
  readonly color: string;
  /** Dashes of the line as SVG takes them; none for a solid line. */
  readonly dash: string | undefined;
  /** Where the line ends; nothing for a line without points. */
  readonly end: { readonly x: number; readonly y: number } | undefined;
}

/**
 * The nearest positions to `wanted`, in the same order, that are at least `gap` apart and within `range`. Where the range
 * is too short for all, the gap shrinks evenly.
 */
export function spread(wanted: readonly number[], gap: number, range: readonly [number, number]): number[] {
  const [low, high] = range;
  const step = wanted.length < 2 ? 0 : Math.min(gap, (high - low) / (wanted.length - 1));
  const order = wanted.map((_, index) => index).sort((a, b) => wanted[a] - wanted[b] || a - b);
  // Neighbours that would touch join into a block, whose middle is the mean of what its members want.
  const blocks: { members: number[]; top: number }[] = [];
  for (const index of order) {
    let block = { members: [index], top: wanted[index] };
    for (;;) {
      const height = (block.members.length - 1) * step;
      block.top = Math.min(Math.max(block.top, low), high - height);
      const before = blocks.at(-1);
      if (!before || before.top + before.members.length * step <= block.top + 1e-9) break;
      blocks.pop();
      const members = [...before.members, ...block.members];
      const tops = members.map((member, place) => wanted[member] - place * step);
      block = { members, top: tops.reduce((sum, top) => sum + top, 0) / tops.length };
    }
    blocks.push(block);
  }
  const positions = new Array<number>(wanted.length);
  for (const { members, top } of blocks) {
    members.forEach((member, place) => positions[member] = top + place * step);
  }
  return positions;
}

/**
 * Names to the right of a chart whose frame ends at pixel `right`, each joined to the end of its line. Ends are in
 * pixels; entries without one come last, at the bottom. `range` is the top and bottom of the frame.
 */
export function lineLabels(
  element: PlotTools["element"],
  entries: readonly LegendEntry[],
  right: number,
  room: number,
  range: readonly [number, number],
  gap: number,
): SvgElement {
  const group = element("g", { "text-anchor": "start" });
  const clamp = (y: number) => Math.min(Math.max(y, range[0]), range[1]);
  const places = spread(entries.map(({ end }) => (end ? clamp(end.y) : range[1])), gap, range);
  entries.forEach(({ name, color, dash, end }, index) => {
    const y = places[index];
    if (end) {
      const turn = end.x < right - 1
        ? ""
        : `M${end.x + 4},${clamp(end.y)}L${right + 8},${clamp(end.y)}L${right + 16},${y}`;
      // Thinner than the line and apart from it, lest it be read as more data.
      if (turn) {
        group.append(element("path", { d: turn, fill: "none", stroke: color, "stroke-opacity": 0.7 }));
      }
      group.append(sample(element, color, dash, right + 16, y));
    }
    const fitting = Math.max(4, Math.floor((room - 44) / 7));
    const text = element(
      "text",
      { x: right + 41, y, dy: "0.32em", fill: "currentColor" },
      shorten(name, fitting),
    );
    if (name.length > fitting) text.append(element("title", {}, name));
    group.append(text);
  });
  return group;
}

/** Names above a chart, each behind a piece of its line, where the layout has put them. */
export function lineLegend(
  element: PlotTools["element"],
  lines: readonly (readonly (LegendEntry & { readonly x: number; readonly y: number })[])[],
): SvgElement {
  const group = element("g", { "text-anchor": "start" });
  for (const { name, color, dash, x, y } of lines.flat()) {
    group.append(sample(element, color, dash, x, y));
    group.append(element("text", { x: x + 26, y, dy: "0.32em", fill: "currentColor" }, name));
  }
  return group;
}

/** A piece of a line, 20 pixels long. */
function sample(
  element: PlotTools["element"],
  color: string,
  dash: string | undefined,
  x: number,
  y: number,
): SvgElement {
  const dashes: Record<string, string> = dash === undefined ? {} : { "stroke-dasharray": dash };
  return element("line", { x1: x, y1: y, x2: x + 20, y2: y, stroke: color, "stroke-width": 2.2, ...dashes });
}

/** `name`, cut to at most `length` characters. */
export function shorten(name: string, length: number): string {
  return name.length <= length ? name : `${name.slice(0, length - 1)}…`;
}
