/**
 * Windows of images times a filter: what a convolution is, and the gradient of one with respect to its image.
 *
 * @module
 */

import type { Convolution, ConvolutionEpilogue } from "./convolution.ts";
import { columnArguments, type ConvolutionCall, forEachBlock, withRectangle } from "./convolution_blocks.ts";
import { type Part, partsOf, type Run, runsOf } from "./convolution_parts.ts";
import { ACTIVATIONS, gemm, type Matrices } from "./gemm.ts";

/** Windows of at most so many numbers are packed whole, so that five of them stay in the first-level cache. */
const PACKED_DEPTH = 1280;
/** With so many columns the product packs its rows; see `assembly/gemm.ts`. */
const PACKED_COLUMNS = 24;

/** What windows are multiplied by: a matrix for each tap and group. */
export interface Operand {
  /** Rows of the matrix: numbers that a tap sees of one group. */
  readonly depth: number;
  /** Columns of the matrix: results of one group. */
  readonly columns: number;
  /** Whether the matrices of taps side by side lie one below the other. */
  readonly merges: boolean;
  /** The matrix of a tap. */
  at(tap: number, group: number): Matrices;
}

/** Writes to y, `[batch, height, width, groups · columns]`, what the windows over x give. */
export function multiplyWindows(
  call: ConvolutionCall,
  convolution: Convolution,
  x: number,
  operand: Operand,
  y: number,
  epilogue: ConvolutionEpilogue = {},
): void {
  const { groups, output } = convolution;
  const { depth, columns, merges, at } = operand;
  const { bias, activation, slope } = epilogue;
  const whole = [...output.slice(0, 3), groups * columns];
  const none: Run = { tap: 0, count: 0, place: [0, 0] };
  for (const part of partsOf(convolution)) {
    const [run, ...more] = runsOf(convolution, part, true);
    if (merges && run !== undefined && more.length === 0 && isPacked(part, columns)) {
      multiplyPacked(call, convolution, part, run, x, operand, y, epilogue);
      continue;
    }
    forEachBlock(call, part, x, (windows) => {
      const runs = runsOf(convolution, part, merges && windows.merges);
      // Windows that see nothing have their bias still.
      if (runs.length === 0) runs.push(none);
      const column = windows.group * columns;
      withRectangle(call, part, windows, { tensor: y, shape: whole, column, columns }, "write", (c, row) => {
        runs.forEach((run, index) =>
          gemm(call.kernels, {
            batch: [],
            rows: windows.count,
            columns,
            depth: run.count * depth,
            a: {
              address: windows.address + 4 * windows.offsetOf(run),
              row: windows.step,
              column: 1,
              batch: [],
            },
            b: at(run.tap, windows.group),
            c: { address: c, row, column: 1, batch: [] },
            bias: bias === undefined || index > 0 ? undefined : bias + 4 * column,
            ...index === runs.length - 1 && { activation, slope },
            adds: index > 0,
          })
        );
      });
    });
  }
}

/** Whether windows are packed for the product straight from the image: that pays where the product packs them at all. */
function isPacked({ geometry, isWhole }: Part, columns: number): boolean {
  const { groups, input: [, height, width, channels], filter, output } = geometry;
  const depth = channels / groups;
  const isOnImage = filter[0] * filter[1] === 1 && isWhole && output[1] === height && output[2] === width;
  return !isOnImage && output[1] * output[2] > 1 && depth > 0 && depth % 4 === 0 &&
    filter[0] * filter[1] * depth <= PACKED_DEPTH && columns >= PACKED_COLUMNS;
}

/** As {@linkcode multiplyWindows}, for a part whose taps are one run. */
function multiplyPacked(
  call: ConvolutionCall,
  convolution: Convolution,
  part: Part,
  { tap }: Run,
  x: number,
  { depth, columns, at }: Operand,
  y: number,
  { bias, activation = "linear", slope = 0 }: ConvolutionEpilogue,
): void {
  const { kernels } = call;
  const { groups, output } = convolution;
  const { filter, output: [batch, rows, across] } = part.geometry;
  const whole = [...output.slice(0, 3), groups * columns];
  const block = { first: 0, count: batch * rows * across };
  for (let group = 0; group < groups; group++) {
    const b = at(tap, group);
    const column = group * columns;
    const to = { tensor: y, shape: whole, column, columns };
    withRectangle(call, part, block, to, "write", (c, row) => {
      const { exports } = kernels;
      const scratch = kernels.scratch(exports.windowProductScratch(depth, filter[0] * filter[1], columns));
      exports.windowProduct(
        x + 4 * group * depth,
        block.first,
        block.count,
        ...columnArguments(part.geometry),
        b.address,
        b.row,
        columns,
        c,
        row,
        bias === undefined ? 0 : bias + 4 * column,
        ACTIVATIONS[activation],
        slope,
        scratch,
      );
    });
  }
}
