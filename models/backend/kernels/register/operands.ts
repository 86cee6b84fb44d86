/**
 * How the tensors of a batched matrix product lie in memory.
 *
 * @module
 */

import { PolyphaseError } from "../../../../pipeline/errors.ts";
import type { Matrices } from "../gemm.ts";

/** Sizes of a batched product, and the strides of its operands without their addresses. */
export interface ProductLayout {
  /** Broadcast batch axes. */
  readonly batch: number[];
  /** Rows of the result. */
  readonly rows: number;
  /** Columns of the result. */
  readonly columns: number;
  /** Length of the sums. */
  readonly depth: number;
  /** Left operand, transposed if asked. */
  readonly a: Omit<Matrices, "address">;
  /** Right operand, transposed if asked. */
  readonly b: Omit<Matrices, "address">;
  /** Result. */
  readonly c: Omit<Matrices, "address">;
}

/**
 * The layout of `op(a) op(b)` for contiguous operands of these shapes, `[...batch, rows, columns]` each; batch axes
 * broadcast as in NumPy.
 *
 * @throws {PolyphaseError} if the shapes do not fit
 */
export function productLayout(
  aShape: readonly number[],
  bShape: readonly number[],
  transposeA: boolean,
  transposeB: boolean,
): ProductLayout {
  const [aRows, aColumns] = aShape.slice(-2);
  const [bRows, bColumns] = bShape.slice(-2);
  const [rows, depth] = transposeA ? [aColumns, aRows] : [aRows, aColumns];
  const [bDepth, columns] = transposeB ? [bColumns, bRows] : [bRows, bColumns];
  const aBatch = aShape.slice(0, -2);
  const bBatch = bShape.slice(0, -2);
  const batch = broadcast(aBatch, bBatch);
  if (batch === undefined || depth !== bDepth) {
    const seen = `[${aShape}]${transposeA ? "ᵀ" : ""} times [${bShape}]${transposeB ? "ᵀ" : ""}`;
    const mend = batch === undefined
      ? "leading axes must be equal or 1"
      : `inner axes are ${depth} and ${bDepth} and must be equal`;
    throw new PolyphaseError(`Cannot multiply matrices ${seen}: ${mend}`);
  }
  return {
    batch,
    rows,
    columns,
    depth,
    a: {
      row: transposeA ? 1 : aColumns,
      column: transposeA ? aColumns : 1,
      batch: batchStrides(aBatch, aRows * aColumns, batch.length),
    },
    b: {
      row: transposeB ? 1 : bColumns,
      column: transposeB ? bColumns : 1,
      batch: batchStrides(bBatch, bRows * bColumns, batch.length),
    },
    c: { row: columns, column: 1, batch: batchStrides(batch, rows * columns, batch.length) },
  };
}

/** The shape that two shapes broadcast to, or nothing if they do not. */
function broadcast(a: readonly number[], b: readonly number[]): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const shape: number[] = [];
  for (let axis = -rank; axis < 0; axis++) {
    const [m, n] = [a.at(axis) ?? 1, b.at(axis) ?? 1];
    // `at` wraps only once, so an axis beyond the front is missing and counts as 1.
    if (m !== n && m !== 1 && n !== 1) return undefined;
    shape.push(m === 1 ? n : m);
  }
  return shape;
}

/** Strides of contiguous matrices of `size` elements along `rank` batch axes: 0 where an axis is 1 or missing. */
function batchStrides(shape: readonly number[], size: number, rank: number): number[] {
  const strides: number[] = Array(rank).fill(0);
  for (let axis = shape.length - 1, stride = size; axis >= 0; axis--) {
    if (shape[axis] !== 1) strides[rank - shape.length + axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}
