/**
 * `tf.sum`, `tf.mean` and `tf.max` over any axes.
 *
 * Neighbouring axes that share their fate are one axis. What is left alternates between kept and reduced axes, and each
 * reduced one, from the last to the first, is one pass over `[outer, length, inner]`.
 *
 * @module
 */

import { tf } from "../../tf.ts";
import type { Kernels } from "../instantiate.ts";
import type { TensorInfo } from "../wasm_backend.ts";
import type { KernelCall, KernelDefinition } from "./kernel.ts";
import { sizeOf } from "./shape.ts";

/** Sums; 0 over nothing. */
export const sum: KernelDefinition = {
  name: "Sum",
  run: (call) => reduce(call, call.attrs.axis, (pass) => addUp(call.kernels, pass, 1)),
};

/** Means; NaN over nothing. */
export const mean: KernelDefinition = {
  name: "Mean",
  run: (call) => reduce(call, call.attrs.axis, (pass) => addUp(call.kernels, pass, pass.length)),
};

/** Maxima, NaN where there is one; -∞ over nothing. */
export const max: KernelDefinition = {
  name: "Max",
  run: (call) =>
    reduce(call, call.attrs.reductionIndices, ({ outer, length, inner, x, y }) => {
      call.kernels.exports.maxAxis(outer, length, inner, x, y);
    }),
};

/** One reduction of `[outer, length, inner]` at the address x to `[outer, inner]` at y. */
interface Pass {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
  readonly x: number;
  readonly y: number;
}

function addUp(kernels: Kernels, { outer, length, inner, x, y }: Pass, divisor: number): void {
  const { exports } = kernels;
  const scratch = kernels.scratch(exports.sumScratch(length, inner));
  exports.sumAxis(outer, length, inner, x, y, divisor, scratch);
}

/** Reduces `x` over `axis`, which is whatever TensorFlow.js takes: nothing for all axes, one axis or several. */
function reduce(call: KernelCall, axis: unknown, run: (pass: Pass) => void): TensorInfo {
  const { inputs, attrs, backend, kernels, vanilla } = call;
  const x = inputs.x!;
  if (x.dtype !== "float32") return vanilla();
  const axes = new Set(tf.util.parseAxisParam(axis as number[], x.shape));
  const shape = attrs.keepDims === true
    ? x.shape.map((size, index) => axes.has(index) ? 1 : size)
    : x.shape.filter((_, index) => !axes.has(index));
  const merged = mergeAxes(x.shape, axes);
  let from = x;
  for (let index = merged.length - 1; index >= 0; index--) {
    const { size: length, isReduced } = merged[index];
    if (!isReduced) continue;
    const outer = sizeOf(merged.slice(0, index).map(({ size }) => size));
    const inner = sizeOf(merged.slice(index + 1).map(({ size }) => size));
    const to = kernels.output([outer, inner], "float32");
    run({ outer, length, inner, x: kernels.addressOf(from), y: kernels.addressOf(to) });
    if (from !== x) backend.disposeData(from.dataId);
    from = to;
    merged.splice(index, 1);
  }
  // Nothing to add up: the numbers are those of x, and shared.
  if (from === x) backend.incRef(x.dataId);
  return { dataId: from.dataId, shape, dtype: "float32" };
}

/** The axes without those of size 1, and with neighbours merged that are both kept or both reduced. */
function mergeAxes(
  shape: readonly number[],
  axes: ReadonlySet<number>,
): { size: number; isReduced: boolean }[] {
  const merged: { size: number; isReduced: boolean }[] = [];
  for (const [index, size] of shape.entries()) {
    if (size === 1) continue;
    const isReduced = axes.has(index);
    const last = merged.at(-1);
    if (last?.isReduced === isReduced) last.size *= size;
    else merged.push({ size, isReduced });
  }
  return merged;
}
