/**
 * Arrays for the reference kernels.
 *
 * @module
 */

/** Numbers in row-major order. */
export interface Array_ {
  /** Length along each axis. */
  readonly shape: readonly number[];
  /** The numbers. */
  readonly values: number[];
}

/** Inputs of a kernel; those that are optional may be absent, which the kernels ask. */
export type Inputs = Readonly<Record<string, Array_>>;

/** Attributes of a kernel. */
// deno-lint-ignore no-explicit-any -- each kernel has its own, and the contract has their types
export type Attrs = any;

/** Makes an array. */
export function array(shape: readonly number[], values: number[] = sized(shape)): Array_ {
  return { shape, values };
}

function sized(shape: readonly number[]): number[] {
  return new Array(shape.reduce((product, length) => product * length, 1)).fill(0);
}

/** The rows of a matrix. */
export function matrix({ shape: [rows, columns], values }: Array_): number[][] {
  return Array.from({ length: rows }, (_, row) => values.slice(row * columns, (row + 1) * columns));
}
