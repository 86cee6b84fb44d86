/**
 * Convolution and its two gradients on the backend's memory, as products of matrices.
 *
 * Blocks of windows are written out as rows of a matrix that stays in the cache until it is multiplied; what they see of
 * the zeros around the image is left out. A filter of a single pixel needs no such matrix, and filters that see one
 * channel each have kernels of their own.
 *
 * @module
 */

import {
  blocksOf,
  columnArguments,
  type ConvolutionCall,
  forEachBlock,
  windowArguments,
  withRectangle,
  withScratch,
} from "./convolution_blocks.ts";
import { partsOf, runsOf } from "./convolution_parts.ts";
import { multiplyWindows, type Operand } from "./convolution_product.ts";
import { gemm, type GemmActivation } from "./gemm.ts";
import type { TensorInfo } from "./wasm_backend.ts";
import type { DepthwiseArguments } from "./window_exports.ts";

/** Geometry of a convolution. */
export interface Convolution {
  /** `[batch, height, width, channels]`. */
  readonly input: readonly number[];
  /** `[filter height, filter width, channels / groups, out]`. */
  readonly filter: readonly number[];
  /** `[batch, out height, out width, out]`. */
  readonly output: readonly number[];
  /** Steps `[vertical, horizontal]`. */
  readonly strides: readonly [number, number];
  /** Zeros `[above, left of]` the image. */
  readonly pads: readonly [number, number];
  /** Distances of the taps `[vertical, horizontal]`. */
  readonly dilations: readonly [number, number];
  /** Groups of channels that do not see each other. */
  readonly groups: number;
}

/** What happens to the result before it is stored. */
export interface ConvolutionEpilogue {
  /** Address of `[out]` numbers to add. Default none. */
  readonly bias?: number;
  /** Default `linear`. */
  readonly activation?: GemmActivation;
  /** Slope of leaky ReLU. Default 0. */
  readonly slope?: number;
}

/** With so many outputs of a group a product of one tap at a time is nearly as good as one of all. */
const TAP_DEPTH = 128;
/** With so few windows that costs less than turning the filter around. */
const TAP_WINDOWS = 2048;

/** Whether each filter sees one channel of several. */
export function isDepthwise({ groups, filter }: Convolution): boolean {
  return groups > 1 && filter[2] === 1;
}

/**
 * Writes the cross-correlation of x with the filter to y; all are addresses.
 *
 * A depthwise convolution has no epilogue: give none.
 */
export function convolve(
  call: ConvolutionCall,
  convolution: Convolution,
  x: number,
  filter: number,
  y: number,
  epilogue: ConvolutionEpilogue = {},
): void {
  const { kernels } = call;
  if (isDepthwise(convolution)) {
    kernels.exports.depthwise(x, filter, y, pairList(call, convolution), ...depthwiseArguments(convolution));
    return;
  }
  const { groups, filter: [, , channels, out] } = convolution;
  const operand: Operand = {
    depth: channels,
    columns: out / groups,
    merges: true,
    at: (tap, group) => ({
      address: filter + 4 * (tap * channels * out + group * out / groups),
      row: out,
      column: 1,
      batch: [],
    }),
  };
  multiplyWindows(call, convolution, x, operand, y, epilogue);
}

/**
 * Writes the gradient with respect to x to dx.
 *
 * @param dy address of the gradient of the result
 * @param filter the filter's tensor
 * @param dx address of what is written
 */
export function convolveInputGradient(
  call: ConvolutionCall,
  convolution: Convolution,
  dy: number,
  filter: TensorInfo,
  dx: number,
): void {
  const { kernels, backend } = call;
  const { groups, input, strides, output: [, , , out], filter: [height, width, depth] } = convolution;
  const groupOut = out / groups;
  const weight = kernels.addressOf(filter);
  if (isDepthwise(convolution)) {
    const list = pairList(call, convolution);
    kernels.exports.depthwiseInputGradient(dy, weight, dx, list, ...depthwiseArguments(convolution));
    return;
  }
  if (strides[0] !== 1 || strides[1] !== 1) {
    addWindows(call, convolution, dy, weight, dx);
    return;
  }
  // The gradient is the convolution of dy with the filter read in reverse, its channels and outputs swapped.
  const reverse = {
    ...convolution,
    input: convolution.output,
    output: convolution.input,
    pads: [-convolution.pads[0], -convolution.pads[1]],
    dilations: [-convolution.dilations[0], -convolution.dilations[1]],
  } as const;
  const shared = { depth: groupOut, columns: depth };
  const windows = input[0] * input[1] * input[2];
  if (groupOut >= TAP_DEPTH && windows <= TAP_WINDOWS || height * width === 1) {
    multiplyWindows(call, reverse, dy, {
      ...shared,
      merges: false,
      at: (tap, group) => ({
        address: weight + 4 * (tap * depth * out + group * groupOut),
        row: 1,
        column: out,
        batch: [],
      }),
    }, dx);
    return;
  }
  const swapped = call.run("Transpose", {
    x: { dataId: filter.dataId, shape: [height * width, depth, groups, groupOut], dtype: filter.dtype },
  }, { perm: [2, 0, 3, 1] });
  const address = kernels.addressOf(swapped);
  try {
    multiplyWindows(call, reverse, dy, {
      ...shared,
      merges: true,
      at: (tap, group) => ({
        address: address + 4 * (group * height * width + tap) * groupOut * depth,
        row: depth,
        column: 1,
        batch: [],
      }),
    }, dx);
  } finally {
    backend.disposeData(swapped.dataId);
  }
}

/**
 * The gradient with respect to the filter, a new tensor of its shape.
 *
 * @param x address of the image
 * @param dy address of the gradient of the result
 */
export function convolveFilterGradient(
  call: ConvolutionCall,
  convolution: Convolution,
  x: number,
  dy: number,
): TensorInfo {
  const { kernels, backend } = call;
  const { groups, filter: [height, width, channels, out] } = convolution;
  const shape = [...convolution.filter];
  if (isDepthwise(convolution)) {
    const df = kernels.output(shape, "float32");
    const address = kernels.addressOf(df);
    kernels.exports.clear(address, 4 * sizeOf(shape));
    kernels.exports.depthwiseFilterGradient(x, dy, address, ...depthwiseArguments(convolution));
    return df;
  }
  const [depth, groupOut] = [height * width * channels, out / groups];
  const sums = kernels.output(groups === 1 ? shape : [groups, depth, groupOut], "float32");
  const address = kernels.addressOf(sums);
  kernels.exports.clear(address, 4 * groups * depth * groupOut);
  for (const part of partsOf(convolution)) {
    forEachBlock(call, part, x, (windows) => {
      const { group } = windows;
      const slopes = { tensor: dy, shape: convolution.output, column: group * groupOut, columns: groupOut };
      withRectangle(call, part, windows, slopes, "read", (b, row) => {
        for (const run of runsOf(convolution, part, windows.merges)) {
          gemm(kernels, {
            batch: [],
            rows: run.count * channels,
            columns: groupOut,
            depth: windows.count,
            a: {
              address: windows.address + 4 * windows.offsetOf(run),
              row: 1,
              column: windows.step,
              batch: [],
            },
            b: { address: b, row, column: 1, batch: [] },
            c: {
              address: address + 4 * (group * depth + run.tap * channels) * groupOut,
              row: groupOut,
              column: 1,
              batch: [],
            },
            adds: true,
          });
        }
      });
    });
  }
  if (groups === 1) return sums;
  // The filter has the groups inside.
  const df = call.run("Transpose", { x: sums }, { perm: [1, 0, 2] });
  backend.disposeData(sums.dataId);
  return { ...df, shape };
}

/** Writes to dx the sum over windows of what each of their taps takes of dy: for strides above 1. */
function addWindows(
  call: ConvolutionCall,
  convolution: Convolution,
  dy: number,
  weight: number,
  dx: number,
): void {
  const { kernels } = call;
  const { groups, input, output, filter: [, , channels, out] } = convolution;
  const groupOut = out / groups;
  kernels.exports.clear(dx, 4 * sizeOf(input));
  for (const part of partsOf(convolution)) {
    const { geometry } = part;
    const [height, width] = geometry.filter;
    const step = height * width * channels;
    const blocks = blocksOf(part);
    withScratch(call, (blocks.at(0)?.count ?? 0) * step, (columns) => {
      for (const block of blocks) {
        for (let group = 0; group < groups; group++) {
          const slopes = { tensor: dy, shape: output, column: group * groupOut, columns: groupOut };
          withRectangle(call, part, block, slopes, "read", (a, row) => {
            for (const { tap, count, place } of runsOf(convolution, part, true)) {
              gemm(kernels, {
                batch: [],
                rows: block.count,
                columns: count * channels,
                depth: groupOut,
                a: { address: a, row, column: 1, batch: [] },
                b: {
                  address: weight + 4 * (tap * channels * out + group * groupOut),
                  row: 1,
                  column: out,
                  batch: [],
                },
                c: {
                  address: columns + 4 * (place[0] * width + place[1]) * channels,
                  row: step,
                  column: 1,
                  batch: [],
                },
              });
            }
          });
          const to = dx + 4 * group * channels;
          kernels.exports.scatterColumns(columns, to, block.first, block.count, ...columnArguments(geometry));
        }
      }
    });
  }
}

function depthwiseArguments(convolution: Convolution): DepthwiseArguments {
  const { input: [batch, height, width, channels], output } = convolution;
  return [batch, height, width, channels, output[3] / channels, ...windowArguments(convolution)];
}

/** Room for the list of a window's taps. */
function pairList({ kernels }: ConvolutionCall, { filter }: Convolution): number {
  return kernels.scratch(8 * filter[0] * filter[1] + 8);
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
