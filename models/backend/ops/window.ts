/**
 * Windows that slide over an image: how convolution and pooling are laid out, in the terms of PyTorch.
 *
 * @module
 */

import { PolyphaseError } from "../../../pipeline/errors.ts";

/** A length for both axes, or `[vertical, horizontal]`. */
export type Pair = number | readonly [number, number];

/**
 * What is put around the image: a length, `[vertical, horizontal]`, or `[[top, bottom], [left, right]]`; `valid` for
 * nothing; `same` for so much that the output has `⌈input / stride⌉` rows and columns, the odd one at the bottom and
 * right. With a stride above 1, `same` is TensorFlow's, which is not PyTorch's padding of half the kernel.
 */
export type Padding =
  | "same"
  | "valid"
  | number
  | readonly [number, number]
  | readonly [readonly [number, number], readonly [number, number]];

/** How a window slides along one axis, in pixels. */
export interface Slide {
  /** Length of the image. */
  readonly input: number;
  /** Number of taps. */
  readonly kernel: number;
  /** Step from window to window. */
  readonly stride: number;
  /** Distance between taps. */
  readonly dilation: number;
  /** Padding before the image. */
  readonly before: number;
  /** Padding after the image. */
  readonly after: number;
  /** Number of windows. */
  readonly output: number;
}

/** How a window slides over an image. */
export interface Window {
  /** From top to bottom. */
  readonly rows: Slide;
  /** From left to right. */
  readonly columns: Slide;
}

/** What a {@linkcode Window} is made of. */
export interface WindowOptions {
  /** Taps of the window. */
  readonly kernel: Pair;
  /** Step from window to window. */
  readonly strides: Pair;
  /** What is put around the image. */
  readonly padding: Padding;
  /** Distance between taps. Default 1. */
  readonly dilations?: Pair;
}

/**
 * The window over images `[batch, height, width, channels]`.
 *
 * @param op name of the op, for errors
 * @throws {PolyphaseError} if the shape is not of rank 4, a length is not a whole number, or no window fits
 */
export function windowOver(op: string, shape: readonly number[], options: WindowOptions): Window {
  if (shape.length !== 4) {
    throw new PolyphaseError(`${op} got x [${shape}], expected [batch, height, width, channels]: reshape it`);
  }
  const pads = paddingOf(options.padding);
  const [rows, columns] = ([0, 1] as const).map((axis) =>
    slide(op, shape[axis + 1], {
      kernel: at(options.kernel, axis),
      stride: at(options.strides, axis),
      dilation: at(options.dilations ?? 1, axis),
    }, pads === "same" ? pads : pads[axis])
  );
  return { rows, columns };
}

function slide(
  op: string,
  input: number,
  { kernel, stride, dilation }: Pick<Slide, "kernel" | "stride" | "dilation">,
  padding: "same" | readonly [number, number],
): Slide {
  for (const [name, length] of Object.entries({ kernel, stride, dilation })) expectWhole(op, name, length, 1);
  const extent = (kernel - 1) * dilation + 1;
  const missing = Math.max(0, (Math.ceil(input / stride) - 1) * stride + extent - input);
  const [before, after] = padding === "same" ? [Math.floor(missing / 2), Math.ceil(missing / 2)] : padding;
  for (const length of [before, after]) expectWhole(op, "padding", length, 0);
  const output = Math.floor((input + before + after - extent) / stride) + 1;
  if (output < 1) {
    throw new PolyphaseError(
      `${op} got ${input} pixels with padding ${before} + ${after}, expected ${extent} or more ` +
        `(kernel ${kernel}, dilation ${dilation}): pad more, or use a smaller kernel`,
    );
  }
  return { input, kernel, stride, dilation, before, after, output };
}

function paddingOf(padding: Padding): "same" | readonly (readonly [number, number])[] {
  if (padding === "same") return padding;
  if (padding === "valid") return [[0, 0], [0, 0]];
  if (typeof padding === "number") return [[padding, padding], [padding, padding]];
  return padding.map((length) => typeof length === "number" ? [length, length] : length);
}

function at(pair: Pair, axis: 0 | 1): number {
  return typeof pair === "number" ? pair : pair[axis];
}

function expectWhole(op: string, name: string, length: number, least: number): void {
  if (Number.isInteger(length) && length >= least) return;
  throw new PolyphaseError(
    `${op} got ${name} ${length}, expected a whole number of ${least} or more: give one, or [vertical, horizontal]`,
  );
}

/**
 * Checks that no window lies on padding alone.
 *
 * @throws {PolyphaseError} if one may
 */
export function expectShorterPadding(op: string, { rows, columns }: Window): void {
  for (const { kernel, before, after } of [rows, columns]) {
    if (Math.max(before, after) >= kernel) {
      throw new PolyphaseError(
        `${op} got padding ${before} + ${after} with windows of ${kernel}, expected less padding than window: ` +
          `pad at most half a window`,
      );
    }
  }
}

/** The padding as TensorFlow.js takes it. */
export function explicitPadding(
  { rows, columns }: Window,
): [[number, number], [number, number], [number, number], [number, number]] {
  return [[0, 0], [rows.before, rows.after], [columns.before, columns.after], [0, 0]];
}
