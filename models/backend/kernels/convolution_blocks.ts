/**
 * Blocks of windows of a convolution as matrices: what they see, and what belongs to them in a result.
 *
 * @module
 */

import type { Convolution } from "./convolution.ts";
import type { Part, Run } from "./convolution_parts.ts";
import type { KernelCall } from "./register/kernel.ts";
import type { ColumnArguments, WindowArguments } from "./window_exports.ts";

/** What a convolution needs of the call of a kernel. */
export type ConvolutionCall = Pick<KernelCall, "kernels" | "backend" | "run">;

/** Windows of a part one after the other, counted over `[batch, rows, columns]` of its output. */
export interface Block {
  /** Number of the first. */
  readonly first: number;
  /** How many. */
  readonly count: number;
}

/** What a block of windows sees of one group of channels, as a matrix of windows by taps and channels. */
export interface Windows extends Block {
  /** The group. */
  readonly group: number;
  /** Address of the matrix. */
  readonly address: number;
  /** Elements from one of its rows to the next. */
  readonly step: number;
  /** Whether taps side by side in the filter are so in its rows. */
  readonly merges: boolean;
  /** Elements from where a row begins to a run of taps. */
  offsetOf(run: Run): number;
}

/** Some of the columns of a tensor `[batch, height, width, channels]`. */
export interface Rectangle {
  /** Address of the tensor. */
  readonly tensor: number;
  /** Its shape. */
  readonly shape: readonly number[];
  /** The first of the columns. */
  readonly column: number;
  /** How many. */
  readonly columns: number;
}

/** Bytes of a matrix of windows that stay in the second-level cache beside the filter. */
const BLOCK_BYTES = 1 << 20;
/** Fewer windows at once would not repay packing the filter for each block. */
const BLOCK_WINDOWS = 512;

/** The windows of a part in blocks of equal size, so that the last is not a sliver. */
export function blocksOf({ geometry, isWhole }: Part): Block[] {
  const { groups, input, filter, output: [batch, height, width] } = geometry;
  const depth = filter[0] * filter[1] * input[3] / groups;
  const windows = batch * height * width;
  const wanted = Math.max(BLOCK_WINDOWS, Math.floor(BLOCK_BYTES / (4 * Math.max(depth, 1))));
  const even = Math.ceil(windows / Math.max(1, Math.ceil(windows / wanted)));
  // What belongs to some of the windows of an image alone is copied image by image.
  const block = isWhole ? even : Math.ceil(even / (height * width)) * height * width;
  const blocks: Block[] = [];
  for (let first = 0; first < windows; first += block) {
    blocks.push({ first, count: Math.min(block, windows - first) });
  }
  return blocks;
}

/** Hands out what the windows of a part see of x, block by block and group by group. */
export function forEachBlock(
  call: ConvolutionCall,
  part: Part,
  x: number,
  visit: (windows: Windows) => void,
): void {
  const { geometry } = part;
  const { groups, input: [, height, width, channels], filter, pads, dilations } = geometry;
  const { output: [batch, rows, columns] } = geometry;
  const depth = channels / groups;
  const ofGroups = (make: (group: number) => Windows) => {
    for (let group = 0; group < groups; group++) visit(make(group));
  };
  if (isPointwise(geometry)) {
    const whole = {
      first: 0,
      count: batch * rows * columns,
      step: channels,
      merges: true,
      offsetOf: () => 0,
    };
    if (whole.count > 0) ofGroups((group) => ({ ...whole, group, address: x + 4 * group * depth }));
    return;
  }
  if (isSingle(geometry)) {
    // One window an image: its rows are read where they are.
    const offsetOf = ({ place: [row, column] }: Run) =>
      (row * dilations[0] * width + column * dilations[1]) * channels;
    // A run of taps in several rows of the filter needs all of these rows in the image.
    const merges = groups === 1 && dilations[1] === 1 &&
      (filter[0] === 1 || filter[1] === width && dilations[0] === 1);
    const whole = { first: 0, count: batch, step: height * width * channels, merges, offsetOf };
    const start = x - 4 * (pads[0] * width + pads[1]) * channels;
    if (batch > 0) ofGroups((group) => ({ ...whole, group, address: start + 4 * group * depth }));
    return;
  }
  const step = filter[0] * filter[1] * depth;
  const blocks = blocksOf(part);
  const offsetOf = ({ place: [row, column] }: Run) => (row * filter[1] + column) * depth;
  withScratch(call, (blocks.at(0)?.count ?? 0) * step, (address) => {
    for (const block of blocks) {
      for (let group = 0; group < groups; group++) {
        const rest = columnArguments(geometry);
        call.kernels.exports.gatherColumns(x + 4 * group * depth, address, block.first, block.count, ...rest);
        visit({ ...block, group, address, step, merges: true, offsetOf });
      }
    }
  });
}

/**
 * Hands out what belongs to a block of windows in a tensor that has a pixel for each window of the whole convolution: the
 * address of a matrix of windows by columns, and the elements from one of its rows to the next. It is the tensor itself
 * where that has the windows in equal steps, and else a copy, which is filled before or copied back afterwards.
 */
export function withRectangle(
  call: ConvolutionCall,
  { geometry, window, isWhole }: Part,
  { first, count }: Block,
  { tensor, shape, column, columns }: Rectangle,
  direction: "read" | "write",
  body: (address: number, row: number) => void,
): void {
  const [, height, width, channels] = shape;
  const [, rows, rowWindows] = geometry.output;
  if (isWhole) return body(tensor + 4 * (first * channels + column), channels);
  const start = tensor + 4 * ((window[0] * width + window[1]) * channels + column);
  const image = height * width * channels;
  if (rows * rowWindows === 1) return body(start + 4 * first * image, image);
  const images = count / (rows * rowWindows);
  const at = start + 4 * first / (rows * rowWindows) * image;
  const sizes = [1, 1, images, rows, rowWindows, columns] as const;
  const there = [0, 0, image, width * channels, channels] as const;
  const here = [0, 0, rows * rowWindows * columns, rowWindows * columns, columns] as const;
  withScratch(call, count * columns, (copy) => {
    const { permute32 } = call.kernels.exports;
    if (direction === "read") permute32(at, copy, ...sizes, ...there, 1, ...here);
    body(copy, columns);
    if (direction === "write") permute32(copy, at, ...sizes, ...here, 1, ...there);
  });
}

/** Hands out memory for `count` floats that no product uses for itself. */
export function withScratch(call: ConvolutionCall, count: number, body: (address: number) => void): void {
  const { kernels, backend } = call;
  const held = kernels.output([count], "float32");
  try {
    body(kernels.addressOf(held));
  } finally {
    backend.disposeData(held.dataId);
  }
}

/** What the kernels that slide windows take, after the addresses. */
export function columnArguments(convolution: Convolution): ColumnArguments {
  const { input: [, height, width, channels], groups } = convolution;
  return [height, width, channels, channels / groups, ...windowArguments(convolution)];
}

/** The sizes and steps of the windows. */
export function windowArguments(
  { filter, output, strides, pads, dilations }: Convolution,
): WindowArguments {
  return [filter[0], filter[1], output[1], output[2], ...strides, ...pads, ...dilations];
}

/** Whether the windows are the pixels, one by one. */
function isPointwise({ input, filter, output, strides, pads }: Convolution): boolean {
  return filter[0] === 1 && filter[1] === 1 && strides[0] === 1 && strides[1] === 1 && pads[0] === 0 &&
    pads[1] === 0 && input[1] === output[1] && input[2] === output[2];
}

/** Whether each image has one window, all of which is on it. */
function isSingle({ input, filter, output, pads, dilations }: Convolution): boolean {
  return output[1] === 1 && output[2] === 1 && ([0, 1] as const).every((axis) => {
    const [first, last] = [-pads[axis], -pads[axis] + (filter[axis] - 1) * dilations[axis]];
    return filter[axis] > 0 && Math.min(first, last) >= 0 && Math.max(first, last) < input[axis + 1];
  });
}
