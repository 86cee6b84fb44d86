/**
 * `tf.transpose`: axes in any order.
 *
 * @module
 */

import type { KernelDefinition } from "./kernel.ts";

/** An axis of the result: its size and the distance of its elements in the source. */
interface Axis {
  readonly size: number;
  readonly from: number;
}

/** Axis `i` of the result is axis `perm[i]` of the source. Up to six axes after merging; more go to TensorFlow.js. */
export const transpose: KernelDefinition = {
  name: "Transpose",
  run({ inputs, attrs, backend, kernels, vanilla }) {
    const x = inputs.x!;
    if (x.dtype !== "float32" && x.dtype !== "int32" && x.dtype !== "bool") return vanilla();
    const perm = attrs.perm as number[];
    const shape = perm.map((axis) => x.shape[axis]);
    const axes = mergeAxes(x.shape, perm);
    if (axes.length < 2) {
      // The order in memory is as before: the numbers are shared, as in a reshape.
      backend.incRef(x.dataId);
      return { dataId: x.dataId, shape, dtype: x.dtype };
    }
    if (axes.length > 6) return vanilla();
    const result = kernels.output(shape, x.dtype);
    if (shape.includes(0)) return result;
    const { outer, row, column } = splitAxes(axes);
    const permute = x.dtype === "bool" ? kernels.exports.permute8 : kernels.exports.permute32;
    const [o0, o1, o2, o3] = outer;
    permute(
      kernels.addressOf(x),
      kernels.addressOf(result),
      o0.size,
      o1.size,
      o2.size,
      o3.size,
      row.size,
      column.size,
      o0.from,
      o1.from,
      o2.from,
      o3.from,
      row.from,
      column.from,
      o0.to,
      o1.to,
      o2.to,
      o3.to,
      row.to,
    );
    return result;
  },
};

/** The axes of the result, without those of size 1, and with those merged that follow each other in the source. */
function mergeAxes(shape: readonly number[], perm: readonly number[]): Axis[] {
  const strides: number[] = [];
  shape.reduceRight((stride, size, axis) => {
    strides[axis] = stride;
    return stride * size;
  }, 1);
  const axes: Axis[] = [];
  for (const axis of perm) {
    const next = { size: shape[axis], from: strides[axis] };
    if (next.size === 1) continue;
    const last = axes.at(-1);
    if (last !== undefined && last.from === next.size * next.from) {
      axes[axes.length - 1] = { size: last.size * next.size, from: next.from };
    } else axes.push(next);
  }
  return axes;
}

/**
 * Two inner axes and four outer ones. The column is the last axis of the result; the row is the axis that is contiguous
 * in the source, or, where that is the column, the one before.
 */
function splitAxes(axes: readonly Axis[]): Record<"row" | "column", Axis & { to: number }> & {
  outer: (Axis & { to: number })[];
} {
  const placed: (Axis & { to: number })[] = [];
  axes.reduceRight((to, axis) => {
    placed.unshift({ ...axis, to });
    return to * axis.size;
  }, 1);
  const column = placed.pop()!;
  const contiguous = placed.findIndex((axis) => axis.from === 1);
  const [row] = placed.splice(column.from === 1 ? placed.length - 1 : contiguous, 1);
  const outer = [...Array(4 - placed.length).fill({ size: 1, from: 0, to: 0 }), ...placed];
  return { outer, row, column };
}
