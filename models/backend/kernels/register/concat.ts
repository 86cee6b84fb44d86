/**
 * `tf.concat` and `tf.stack`: tensors side by side.
 *
 * @module
 */

import { tf } from "../../tf.ts";
import { bytesOf, copyAxes } from "../strided_copy.ts";
import type { TensorInfo } from "../wasm_backend.ts";
import type { KernelCall, KernelDefinition } from "./kernel.ts";
import { sizeOf } from "./shape.ts";

/** Tensors one after the other along an axis; the type is that of the first. */
export const concat: KernelDefinition = {
  name: "Concat",
  run(call) {
    const inputs = tensorsOf(call);
    if (inputs[0].dtype === "string") return call.vanilla();
    const shapes = inputs.map(({ shape }) => shape);
    const axis = tf.util.parseAxisParam(call.attrs.axis as number, shapes[0])[0];
    tf.backend_util.assertParamsConsistent(shapes, axis);
    return joined(call, inputs, axis, tf.backend_util.computeOutShape(shapes, axis));
  },
};

/** Tensors of one shape one after the other along a new axis. */
export const pack: KernelDefinition = {
  name: "Pack",
  run(call) {
    const inputs = tensorsOf(call);
    const { shape, dtype } = inputs[0];
    if (dtype === "string") return call.vanilla();
    for (const each of inputs) {
      tf.util.assertShapesMatch(shape, each.shape, "All tensors passed to stack must have matching shapes");
    }
    const axis = call.attrs.axis as number;
    const place = axis < 0 ? axis + shape.length + 1 : axis;
    return joined(call, inputs, place, shape.toSpliced(place, 0, inputs.length));
  },
};

function tensorsOf({ inputs }: KernelCall): TensorInfo[] {
  return Object.values(inputs).map((each) => each!);
}

/** The inputs `[...outer, any, ...inner]` in a tensor of `shape`, `axis` being the first axis that is not outer. */
function joined(
  { backend, kernels, run }: KernelCall,
  inputs: readonly TensorInfo[],
  axis: number,
  shape: readonly number[],
): TensorInfo {
  const { dtype } = inputs[0];
  const filled = inputs.filter((each) => sizeOf(each.shape) > 0);
  if (filled.length === 1 && filled[0].dtype === dtype) {
    backend.incRef(filled[0].dataId);
    return { dataId: filled[0].dataId, shape: [...shape], dtype };
  }
  const result = kernels.output(shape, dtype);
  const outer = sizeOf(shape.slice(0, axis));
  const width = sizeOf(shape.slice(axis));
  let start = 0;
  for (const each of filled) {
    const x = each.dtype === dtype ? each : run("Cast", { x: each }, { dtype });
    const own = sizeOf(x.shape) / outer;
    copyAxes(
      kernels,
      dtype,
      kernels.addressOf(x),
      kernels.addressOf(result) + bytesOf(dtype) * start,
      [{ size: outer, from: own, to: width }, { size: own, from: 1, to: 1 }],
    );
    start += own;
    if (x !== each) backend.disposeData(x.dataId);
  }
  return result;
}
