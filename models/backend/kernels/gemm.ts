/**
 * Matrix products on the backend's memory, with any strides and any broadcasting: what the kernels of TensorFlow.js
 * and the fused operations are made of.
 *
 * @module
 */

import type { Kernels } from "./instantiate.ts";

/** A batch of matrices in memory. Strides are in elements; a stride of 0 broadcasts. */
export interface Matrices {
  /** Address in bytes of the first element. */
  readonly address: number;
  /** From one row to the next. */
  readonly row: number;
  /** From one column to the next. */
  readonly column: number;
  /** From one matrix to the next along each axis of the batch. */
  readonly batch: readonly number[];
}

/** Activations that a product can end with; `slope` is that of the negative side of leaky ReLU. */
export type GemmActivation = "linear" | "relu" | "relu6" | "leakyrelu";

/** Numbers that `assembly/activation.ts` gives them. */
export const ACTIVATIONS: Readonly<Record<GemmActivation, number>> = {
  linear: 0,
  relu: 1,
  relu6: 2,
  leakyrelu: 3,
};

/** C = activation(A B + bias) for each matrix of a batch. */
export interface Product {
  /** Sizes of the axes of the batch; empty for a single product. */
  readonly batch: readonly number[];
  /** Rows of A and C. */
  readonly rows: number;
  /** Columns of B and C. */
  readonly columns: number;
  /** Columns of A, rows of B. */
  readonly depth: number;
  /** Left operand, `[...batch, rows, depth]`. */
  readonly a: Matrices;
  /** Right operand, `[...batch, depth, columns]`. */
  readonly b: Matrices;
  /** Result, `[...batch, rows, columns]`; its column stride must be 1, and it must not overlap the operands. */
  readonly c: Matrices;
  /** Address in bytes of `[columns]` values that are added to every row. Default none. */
  readonly bias?: number;
  /** Default `linear`. */
  readonly activation?: GemmActivation;
  /** Slope of leaky ReLU for negative values. Default 0. */
  readonly slope?: number;
  /** Whether the product is added to what C holds; there is no bias then. Default false. */
  readonly adds?: boolean;
}

/** An axis of the batch with its strides. */
interface Axis {
  size: number;
  a: number;
  b: number;
  c: number;
}

/** Computes a {@linkcode Product}. */
export function gemm(kernels: Kernels, product: Product): void {
  const { columns, depth, a, b, c, bias = 0, activation = "linear", slope = 0, adds = false } = product;
  let { rows } = product;
  if (product.batch.includes(0) || rows === 0 || columns === 0) return;
  const axes = mergeAxes(product);
  // Matrices that lie one below the other and meet the same B are one tall matrix.
  const last = axes.at(-1);
  if (last !== undefined && last.b === 0 && last.a === rows * a.row && last.c === rows * c.row) {
    rows *= last.size;
    axes.pop();
  }
  const inner = axes.pop() ?? { size: 1, a: 0, b: 0, c: 0 };
  const scratch = kernels.scratch(kernels.exports.gemmScratch(columns, depth));
  const multiply = (aOffset: number, bOffset: number, cOffset: number) =>
    kernels.exports.gemm(
      inner.size,
      rows,
      columns,
      depth,
      a.address + 4 * aOffset,
      inner.a,
      a.row,
      a.column,
      b.address + 4 * bOffset,
      inner.b,
      b.row,
      b.column,
      c.address + 4 * cOffset,
      inner.c,
      c.row,
      bias,
      ACTIVATIONS[activation],
      slope,
      adds ? 1 : 0,
      scratch,
    );
  const visit = (depthOfAxis: number, aOffset: number, bOffset: number, cOffset: number): void => {
    if (depthOfAxis === axes.length) return multiply(aOffset, bOffset, cOffset);
    const axis = axes[depthOfAxis];
    for (let i = 0; i < axis.size; i++) {
      visit(depthOfAxis + 1, aOffset + i * axis.a, bOffset + i * axis.b, cOffset + i * axis.c);
    }
  };
  visit(0, 0, 0, 0);
}

/** The axes of the batch, as few as describe it: without those of size 1, and neighbours merged where strides allow. */
function mergeAxes({ batch, a, b, c }: Product): Axis[] {
  const axes: Axis[] = [];
  for (const [i, size] of batch.entries()) {
    if (size === 1) continue;
    const axis = { size, a: a.batch[i], b: b.batch[i], c: c.batch[i] };
    const outer = axes.at(-1);
    if (
      outer !== undefined && outer.a === size * axis.a && outer.b === size * axis.b &&
      outer.c === size * axis.c
    ) {
      Object.assign(outer, axis, { size: outer.size * size });
    } else axes.push(axis);
  }
  return axes;
}
