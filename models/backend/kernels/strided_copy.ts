/**
 * Copies of arrays axis by axis: what slices, joins, repetitions and reversals are made of.
 *
 * @module
 */

import type { Kernels } from "./instantiate.ts";
import type { TensorInfo } from "./wasm_backend.ts";

/** An axis along which elements are copied. Steps are in elements; a source step may be 0 or negative. */
export interface CopiedAxis {
  /** Number of elements. */
  readonly size: number;
  /** From one element to the next in the source. */
  readonly from: number;
  /** From one element to the next in the target. */
  readonly to: number;
}

/** Axes that one call of the compiled kernel takes. */
const MOST_AXES = 6;

/** Bytes of a number of this type; a complex number is its real part and its imaginary part, side by side. */
export function bytesOf(dtype: TensorInfo["dtype"]): number {
  return dtype === "bool" ? 1 : dtype === "complex64" ? 8 : 4;
}

/** Steps, in elements, along the axes of a contiguous array. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides: number[] = new Array(shape.length);
  shape.reduceRight((stride, size, axis) => {
    strides[axis] = stride;
    return stride * size;
  }, 1);
  return strides;
}

/**
 * Copies elements of any type but strings, of any number of axes.
 *
 * @param from address in bytes of the first element of the source
 * @param to address in bytes of the first element of the target, which must not overlap the source
 * @param axes the outermost first; none for one element
 */
export function copyAxes(
  kernels: Kernels,
  dtype: TensorInfo["dtype"],
  from: number,
  to: number,
  axes: readonly CopiedAxis[],
): void {
  if (axes.some(({ size }) => size === 0)) return;
  const words = dtype === "complex64"
    ? [...axes.map(({ size, from, to }) => ({ size, from: 2 * from, to: 2 * to })), {
      size: 2,
      from: 1,
      to: 1,
    }]
    : axes;
  const bytes = dtype === "bool" ? 1 : 4;
  const permute = bytes === 1 ? kernels.exports.permute8 : kernels.exports.permute32;
  const placed = placeAxes(mergeAxes(words));
  const inner = placed.slice(-MOST_AXES);
  const [a, b, c, d, row, column] = [...Array(MOST_AXES - inner.length).fill(ONE), ...inner] as CopiedAxis[];
  const visit = (depth: number, from: number, to: number): void => {
    if (depth < placed.length - MOST_AXES) {
      const axis = placed[depth];
      for (let i = 0; i < axis.size; i++) {
        visit(depth + 1, from + bytes * i * axis.from, to + bytes * i * axis.to);
      }
      return;
    }
    permute(
      from,
      to,
      ...[a.size, b.size, c.size, d.size, row.size, column.size] as const,
      ...[a.from, b.from, c.from, d.from, row.from, column.from] as const,
      ...[a.to, b.to, c.to, d.to, row.to] as const,
    );
  };
  visit(0, from, to);
}

/** An axis of one element: steps of 1 make it a run. */
const ONE: CopiedAxis = { size: 1, from: 1, to: 1 };

/** The axes without those of size 1, and neighbours merged that follow each other on both sides. */
function mergeAxes(axes: readonly CopiedAxis[]): CopiedAxis[] {
  const merged: CopiedAxis[] = [];
  for (const axis of axes) {
    if (axis.size === 1) continue;
    const last = merged.at(-1);
    if (last !== undefined && last.from === axis.size * axis.from && last.to === axis.size * axis.to) {
      merged[merged.length - 1] = { ...axis, size: last.size * axis.size };
    } else merged.push(axis);
  }
  return merged;
}

/**
 * The compiled kernel's order of axes: outer ones, rows and columns. It wants columns that are runs of the target, and
 * where they are no runs of the source a single row.
 */
function placeAxes(axes: readonly CopiedAxis[]): CopiedAxis[] {
  const column = axes.at(-1);
  if (column === undefined || column.to !== 1) return [...axes, ONE];
  return column.from === 1 ? [...axes] : [...axes.slice(0, -1), ONE, column];
}
