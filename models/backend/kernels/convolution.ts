/**
 * Convolution and its two gradients on the backend's memory, as products of matrices.
 *
 * Blocks of windows are written out as rows of a matrix that stays in the cache until it is multiplied. A filter of a
 * single pixel needs no such matrix, and filters that see one channel each have kernels of their own.
 *
 * @module
 */

import { gemm, type GemmActivation } from "./gemm.ts";
import type { KernelCall } from "./register/kernel.ts";
import type { TensorInfo } from "./wasm_backend.ts";
import type { ColumnArguments, DepthwiseArguments, WindowArguments } from "./window_exports.ts";

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

/** Bytes of a matrix of windows that stay in the second-level cache beside the filter. */
const BLOCK_BYTES = 1 << 20;
/** Fewer windows at once would not repay packing the filter for each block. */
const BLOCK_WINDOWS = 512;

/** What a convolution needs of the call of a kernel. */
export type ConvolutionCall = Pick<KernelCall, "kernels" | "backend" | "run">;

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
  const { groups, output: [, , , out] } = convolution;
  const [depth, groupOut] = [groupDepth(convolution), out / groups];
  const { bias, ...rest } = epilogue;
  forEachBlock(call, convolution, x, (first, rows, group, columns, step) => {
    gemm(kernels, {
      batch: [],
      rows,
      columns: groupOut,
      depth,
      a: { address: columns, row: step, column: 1, batch: [] },
      b: { address: filter + 4 * group * groupOut, row: out, column: 1, batch: [] },
      c: { address: y + 4 * (first * out + group * groupOut), row: out, column: 1, batch: [] },
      bias: bias === undefined ? undefined : bias + 4 * group * groupOut,
      ...rest,
    });
  });
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
  const { groups, input, strides, output: [, , , out] } = convolution;
  const [channels, groupOut] = [input[3], out / groups];
  const weight = kernels.addressOf(filter);
  if (isDepthwise(convolution)) {
    const list = pairList(call, convolution);
    kernels.exports.depthwiseInputGradient(dy, weight, dx, list, ...depthwiseArguments(convolution));
    return;
  }
  if (strides[0] === 1 && strides[1] === 1 && !isPointwise(convolution)) {
    // The gradient is the convolution of dy with the filter read in reverse, its channels and outputs swapped.
    const [height, width, depth] = convolution.filter;
    const swapped = call.run("Transpose", {
      x: { dataId: filter.dataId, shape: [height * width, depth, groups, groupOut], dtype: filter.dtype },
    }, { perm: [2, 0, 3, 1] });
    const reverse = {
      ...convolution,
      input: convolution.output,
      output: input,
      pads: [-convolution.pads[0], -convolution.pads[1]],
      dilations: [-convolution.dilations[0], -convolution.dilations[1]],
    } as const;
    const address = kernels.addressOf(swapped);
    const reverseDepth = height * width * groupOut;
    try {
      forEachBlock(call, reverse, dy, (first, rows, group, columns, step) => {
        gemm(kernels, {
          batch: [],
          rows,
          columns: depth,
          depth: reverseDepth,
          a: { address: columns, row: step, column: 1, batch: [] },
          b: { address: address + 4 * group * reverseDepth * depth, row: depth, column: 1, batch: [] },
          c: { address: dx + 4 * (first * channels + group * depth), row: channels, column: 1, batch: [] },
        });
      });
    } finally {
      backend.disposeData(swapped.dataId);
    }
    return;
  }
  const depth = groupDepth(convolution);
  const multiply = (first: number, rows: number, group: number, to: number, step: number) =>
    gemm(kernels, {
      batch: [],
      rows,
      columns: depth,
      depth: groupOut,
      a: { address: dy + 4 * (first * out + group * groupOut), row: out, column: 1, batch: [] },
      b: { address: weight + 4 * group * groupOut, row: 1, column: out, batch: [] },
      c: { address: to, row: step, column: 1, batch: [] },
    });
  const windows = windowCount(convolution);
  if (isPointwise(convolution)) {
    for (let group = 0; group < groups; group++) {
      multiply(0, windows, group, dx + 4 * group * convolution.filter[2], channels);
    }
    return;
  }
  kernels.exports.clear(dx, 4 * sizeOf(input));
  const block = blockWindows(depth, windows);
  withScratch(call, block * depth, (columns) => {
    for (let first = 0; first < windows; first += block) {
      const rows = Math.min(block, windows - first);
      for (let group = 0; group < groups; group++) {
        multiply(first, rows, group, columns, depth);
        const to = dx + 4 * group * convolution.filter[2];
        kernels.exports.scatterColumns(columns, to, first, rows, ...columnArguments(convolution));
      }
    }
  });
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
  const { groups, filter: [, , , out] } = convolution;
  const shape = [...convolution.filter];
  if (isDepthwise(convolution)) {
    const df = kernels.output(shape, "float32");
    const address = kernels.addressOf(df);
    kernels.exports.clear(address, 4 * sizeOf(shape));
    kernels.exports.depthwiseFilterGradient(x, dy, address, ...depthwiseArguments(convolution));
    return df;
  }
  const [depth, groupOut] = [groupDepth(convolution), out / groups];
  const size = groupOut * depth;
  const sums = kernels.output(groups === 1 ? shape : [groups, depth, groupOut], "float32");
  const address = kernels.addressOf(sums);
  if (windowCount(convolution) === 0) kernels.exports.clear(address, 4 * groups * size);
  withScratch(call, size, (part) => {
    forEachBlock(call, convolution, x, (first, rows, group, columns, step) => {
      const sum = address + 4 * group * size;
      gemm(kernels, {
        batch: [],
        rows: depth,
        columns: groupOut,
        depth: rows,
        a: { address: columns, row: 1, column: step, batch: [] },
        b: { address: dy + 4 * (first * out + group * groupOut), row: out, column: 1, batch: [] },
        c: { address: first === 0 ? sum : part, row: groupOut, column: 1, batch: [] },
      });
      if (first > 0) kernels.exports.addFloats(part, sum, 4 * size);
    });
  });
  if (groups === 1) return sums;
  // The filter has the groups inside.
  const df = call.run("Transpose", { x: sums }, { perm: [1, 0, 2] });
  backend.disposeData(sums.dataId);
  return { ...df, shape };
}

/**
 * Goes through blocks of windows and groups of channels.
 *
 * @param visit gets the number of the first window, of windows, and of the group; the address of a matrix of windows by
 * taps and channels, and the elements from one of its rows to the next
 */
function forEachBlock(
  call: ConvolutionCall,
  convolution: Convolution,
  x: number,
  visit: (first: number, rows: number, group: number, columns: number, step: number) => void,
): void {
  const { groups, input: [, , , channels] } = convolution;
  const windows = windowCount(convolution);
  const groupChannels = channels / groups;
  if (isPointwise(convolution)) {
    for (let group = 0; group < groups; group++) {
      visit(0, windows, group, x + 4 * group * groupChannels, channels);
    }
    return;
  }
  const rest = columnArguments(convolution);
  const depth = rest[3] * rest[4] * rest[5];
  const block = blockWindows(depth, windows);
  withScratch(call, block * depth, (columns) => {
    for (let first = 0; first < windows; first += block) {
      const rows = Math.min(block, windows - first);
      for (let group = 0; group < groups; group++) {
        call.kernels.exports.gatherColumns(x + 4 * group * groupChannels, columns, first, rows, ...rest);
        visit(first, rows, group, columns, depth);
      }
    }
  });
}

/** Hands out memory for `count` floats that no product uses for itself. */
function withScratch(call: ConvolutionCall, count: number, body: (address: number) => void): void {
  const { kernels, backend } = call;
  const held = kernels.output([count], "float32");
  try {
    body(kernels.addressOf(held));
  } finally {
    backend.disposeData(held.dataId);
  }
}

function blockWindows(depth: number, windows: number): number {
  const wanted = Math.max(BLOCK_WINDOWS, Math.floor(BLOCK_BYTES / (4 * Math.max(depth, 1))));
  // Blocks of equal size, so that the last is not a sliver.
  const blocks = Math.max(1, Math.ceil(windows / wanted));
  return Math.ceil(windows / blocks);
}

/** Whether the windows are the pixels, one by one. */
function isPointwise({ input, filter, output, strides, pads }: Convolution): boolean {
  return filter[0] === 1 && filter[1] === 1 && strides[0] === 1 && strides[1] === 1 && pads[0] === 0 &&
    pads[1] === 0 && input[1] === output[1] && input[2] === output[2];
}

function windowCount({ output: [batch, height, width] }: Convolution): number {
  return batch * height * width;
}

function groupDepth({ filter: [height, width, channels] }: Convolution): number {
  return height * width * channels;
}

function windowArguments({ filter, output, strides, pads, dilations }: Convolution): WindowArguments {
  return [filter[0], filter[1], output[1], output[2], ...strides, ...pads, ...dilations];
}

function columnArguments(convolution: Convolution): ColumnArguments {
  const { input: [, height, width, channels], groups } = convolution;
  return [height, width, channels, channels / groups, ...windowArguments(convolution)];
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
