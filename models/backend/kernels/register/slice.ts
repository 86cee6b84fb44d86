/**
 * `tf.slice`, `tf.stridedSlice`, `tf.split`, `tf.unstack` and `tf.reverse`: parts of a tensor, copied and nothing else.
 *
 * The slice of TensorFlow.js first copies the whole tensor, and takes five axes element by element.
 *
 * @module
 */

import { tf } from "../../tf.ts";
import type { Kernels } from "../instantiate.ts";
import { bytesOf, copyAxes, stridesOf } from "../strided_copy.ts";
import type { TensorInfo } from "../wasm_backend.ts";
import type { KernelDefinition } from "./kernel.ts";

/** The part of x that begins at `begin` and has the sizes `size`, −1 standing for what is left. */
export const slice: KernelDefinition = {
  name: "Slice",
  run({ inputs, attrs, kernels, vanilla }) {
    const x = inputs.x!;
    if (x.dtype === "string") return vanilla();
    const given = x as Parameters<typeof tf.slice_util.parseSliceParams>[0];
    const [begin, size] = tf.slice_util.parseSliceParams(
      given,
      attrs.begin as number[],
      attrs.size as number[],
    );
    tf.slice_util.assertParamsValid(given, begin, size);
    return part(kernels, x, begin, size);
  },
};

/** Every `strides`-th element along each axis, from `begin` to before `end`; the masks are those of NumPy's `x[a:b:c]`. */
export const stridedSlice: KernelDefinition = {
  name: "StridedSlice",
  run({ inputs, attrs, backend, kernels, vanilla }) {
    const x = inputs.x!;
    if (x.dtype === "string") return vanilla();
    const { begin, end, strides } = attrs as Record<"begin" | "end" | "strides", number[]>;
    const masks = ["beginMask", "endMask", "ellipsisMask", "newAxisMask", "shrinkAxisMask"] as const;
    const [beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask] = masks.map((mask) =>
      attrs[mask] as number
    );
    const found = tf.slice_util.sliceInfo(
      x.shape,
      ...[begin, end, strides] as const,
      ...[beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask] as const,
    );
    const shape = found.finalShape;
    if (found.isIdentity) {
      backend.incRef(x.dataId);
      return { dataId: x.dataId, shape, dtype: x.dtype };
    }
    const sizes = tf.slice_util.computeOutShape(found.begin, found.end, found.strides)
      .map((size) => Math.max(0, size));
    return { ...part(kernels, x, found.begin, sizes, found.strides), shape };
  },
};

/** x cut along an axis into parts of the given sizes, or into so many equal ones. */
export const splitV: KernelDefinition = {
  name: "SplitV",
  run({ inputs, attrs, kernels, vanilla }) {
    const x = inputs.x!;
    if (x.dtype === "string") return vanilla();
    const axis = tf.util.parseAxisParam(attrs.axis as number, x.shape)[0];
    const sizes = tf.backend_util.prepareSplitSize(
      x as Parameters<typeof tf.backend_util.prepareSplitSize>[0],
      attrs.numOrSizeSplits as number[],
      axis,
    );
    let start = 0;
    return sizes.map((size) => {
      const cut = part(
        kernels,
        x,
        x.shape.map((_, each) => each === axis ? start : 0),
        x.shape.with(axis, size),
      );
      start += size;
      return cut;
    });
  },
};

/** x taken apart along an axis, which is gone. */
export const unpack: KernelDefinition = {
  name: "Unpack",
  run({ inputs, attrs, kernels, vanilla }) {
    const value = inputs.value!;
    if (value.dtype === "string") return vanilla();
    const axis = tf.util.parseAxisParam(attrs.axis as number, value.shape)[0];
    return Array.from({ length: value.shape[axis] }, (_, index) => ({
      ...part(
        kernels,
        value,
        value.shape.map((_, each) => each === axis ? index : 0),
        value.shape.with(axis, 1),
      ),
      shape: value.shape.toSpliced(axis, 1),
    }));
  },
};

/** x with the order of its elements turned around along the axes `dims`. */
export const reverse: KernelDefinition = {
  name: "Reverse",
  run({ inputs, attrs, kernels, vanilla }) {
    const x = inputs.x!;
    if (x.dtype === "string") return vanilla();
    const axes = new Set(tf.util.parseAxisParam(attrs.dims as number[], x.shape));
    const isTurned = x.shape.map((_, axis) => axes.has(axis));
    return part(
      kernels,
      x,
      x.shape.map((size, axis) => isTurned[axis] ? size - 1 : 0),
      x.shape,
      isTurned.map((turned) => turned ? -1 : 1),
    );
  },
};

/** The elements of x at `begin + step · i` for all i below `size`, axis by axis. */
function part(
  kernels: Kernels,
  x: TensorInfo,
  begin: readonly number[],
  size: readonly number[],
  step?: readonly number[],
): TensorInfo {
  const result = kernels.output(size, x.dtype);
  const [from, to] = [stridesOf(x.shape), stridesOf(size)];
  const first = begin.reduce((offset, index, axis) => offset + index * from[axis], 0);
  copyAxes(
    kernels,
    x.dtype,
    kernels.addressOf(x) + bytesOf(x.dtype) * first,
    kernels.addressOf(result),
    size.map((length, axis) => ({ size: length, from: from[axis] * (step?.[axis] ?? 1), to: to[axis] })),
  );
  return result;
}
