/**
 * `tf.gather`: slices of a tensor picked by number along an axis.
 *
 * @module
 */

import { PolyphaseError } from "../../../../pipeline/errors.ts";
import { tf } from "../../tf.ts";
import { bytesOf } from "../strided_copy.ts";
import type { KernelDefinition } from "./kernel.ts";
import { sizeOf } from "./shape.ts";

/** The slices `indices` of x along `axis`; the first `batchDims` axes of both go together. */
export const gather: KernelDefinition = {
  name: "GatherV2",
  run({ inputs, attrs, backend, kernels, vanilla }) {
    const [x, indices] = [inputs.x!, inputs.indices!];
    if (x.dtype === "string" || indices.dtype !== "int32") return vanilla();
    const axis = tf.util.parseAxisParam(attrs.axis as number, x.shape)[0];
    const info = tf.backend_util.segment_util.collectGatherOpShapeInfo(
      x as Parameters<typeof tf.backend_util.segment_util.collectGatherOpShapeInfo>[0],
      indices as Parameters<typeof tf.backend_util.segment_util.collectGatherOpShapeInfo>[1],
      axis,
      attrs.batchDims as number,
    );
    const result = kernels.output(info.outputShape, x.dtype);
    const wrong = kernels.exports.gather(
      info.batchSize,
      info.outerSize,
      sizeOf(indices.shape) / Math.max(1, info.batchSize),
      info.dimSize,
      bytesOf(x.dtype) * info.sliceSize,
      kernels.addressOf(x),
      kernels.addressOf(indices),
      kernels.addressOf(result),
    );
    if (wrong >= 0) {
      backend.disposeData(result.dataId);
      const index = new Int32Array(backend.wasm.asm.memory.buffer, kernels.addressOf(indices))[wrong];
      throw new PolyphaseError(
        `gather got the index ${index} for axis ${axis} of x [${x.shape}], expected one in [0, ${info.dimSize}): ` +
          `give places of that axis`,
      );
    }
    return result;
  },
};
