/**
 * A convolution in parts whose windows see the same taps of the filter on the image, so that nothing is multiplied by
 * the zeros around it. Of a 3×3 filter on an image of 2×2 pixels each window sees four taps of nine.
 *
 * @module
 */

import type { Convolution } from "./convolution.ts";

/** A rectangle of windows with the rectangle of taps that they see. */
export interface Part {
  /** The convolution of these windows with these taps, its filter and its output being so much smaller. */
  readonly geometry: Convolution;
  /** First tap `[row, column]`, as the whole filter counts them. */
  readonly tap: readonly [number, number];
  /** First window `[row, column]`, as the whole output counts them. */
  readonly window: readonly [number, number];
  /** Whether the windows are all there are. */
  readonly isWhole: boolean;
}

/** Taps side by side in the filter. */
export interface Run {
  /** Number of the first among all taps of the whole filter. */
  readonly tap: number;
  /** How many. */
  readonly count: number;
  /** Row and column of the first among the taps of the part. */
  readonly place: readonly [number, number];
}

/** Windows along one axis that see the same taps. */
interface Span {
  readonly window: number;
  readonly windows: number;
  readonly tap: number;
  readonly taps: number;
}

/** So much less to multiply repays the work of taking a convolution apart. */
const LEAST_GAIN = 0.15;

/** The parts of a convolution that have taps on the image, or the convolution as it is where that gains little. */
export function partsOf(convolution: Convolution): Part[] {
  const { filter, output } = convolution;
  const [rows, columns] = ([0, 1] as const).map((axis) => spansOf(convolution, axis));
  const [used, all] = [
    tapsSeen(rows) * tapsSeen(columns),
    filter[0] * filter[1] * output[1] * output[2],
  ];
  const isOne = rows.length === 1 && columns.length === 1 && used > 0;
  if (!isOne && used > (1 - LEAST_GAIN) * all || all === 0) {
    return [{ geometry: convolution, tap: [0, 0], window: [0, 0], isWhole: true }];
  }
  return rows.flatMap((row) => columns.map((column) => partOf(convolution, row, column)));
}

/** Taps of a part in runs; each tap is one of its own unless runs `merge`. */
export function runsOf({ filter }: Convolution, { geometry, tap }: Part, merge: boolean): Run[] {
  const [height, width] = geometry.filter;
  const isBlock = width === filter[1];
  const [rows, columns] = merge
    ? [isBlock ? Math.min(height, 1) : height, Math.min(width, 1)]
    : [height, width];
  const count = merge ? width * (isBlock ? height : 1) : 1;
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_, column) => ({
      tap: (tap[0] + row) * filter[1] + tap[1] + column,
      count,
      place: [row, column] as const,
    }))).flat();
}

function partOf(convolution: Convolution, row: Span, column: Span): Part {
  const { filter, output, strides, pads, dilations } = convolution;
  const place = ({ window, tap }: Span, axis: 0 | 1) =>
    pads[axis] - window * strides[axis] - tap * dilations[axis];
  return {
    geometry: {
      ...convolution,
      filter: [row.taps, column.taps, filter[2], filter[3]],
      output: [output[0], row.windows, column.windows, output[3]],
      pads: [place(row, 0), place(column, 1)],
    },
    tap: [row.tap, column.tap],
    window: [row.window, column.window],
    isWhole: row.windows === output[1] && column.windows === output[2],
  };
}

function tapsSeen(spans: readonly Span[]): number {
  return spans.reduce((sum, { windows, taps }) => sum + windows * taps, 0);
}

function spansOf({ input, filter, output, strides, pads, dilations }: Convolution, axis: 0 | 1): Span[] {
  const [length, taps, windows] = [input[axis + 1], filter[axis], output[axis + 1]];
  const spans: Span[] = [];
  for (let window = 0; window < windows; window++) {
    const seen = Array.from({ length: taps }, (_, tap) => {
      const pixel = window * strides[axis] - pads[axis] + tap * dilations[axis];
      return pixel >= 0 && pixel < length;
    });
    // Those on the image are side by side.
    const count = seen.filter(Boolean).length;
    const span = { window, windows: 1, tap: Math.max(0, seen.indexOf(true)), taps: count };
    const last = spans.at(-1);
    if (last?.tap === span.tap && last.taps === count) {
      spans[spans.length - 1] = { ...last, windows: last.windows + 1 };
    } else spans.push(span);
  }
  return spans;
}
