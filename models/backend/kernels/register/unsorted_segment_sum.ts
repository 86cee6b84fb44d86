/**
 * `tf.unsortedSegmentSum`, and with it the gradient of `tf.gather`, which the WASM backend of TensorFlow.js lacks.
 *
 * @module
 */

import { PolyphaseError } from "../../../../pipeline/errors.ts";
import type { KernelDefinition } from "./kernel.ts";
import { sizeOf } from "./shape.ts";

/** Sums of x `[rows, ...]` over the rows with the same one of `segmentIds` `[rows]` → `[numSegments, ...]`. */
export const unsortedSegmentSum: KernelDefinition = {
  name: "UnsortedSegmentSum",
  run({ inputs, attrs, backend, kernels, run }) {
    const given = inputs.x!;
    const segmentIds = inputs.segmentIds!;
    const segments = attrs.numSegments as number;
    const [rows, ...inner] = given.shape;
    if (segmentIds.shape.length !== 1 || segmentIds.shape[0] !== rows || segmentIds.dtype !== "int32") {
      throw new PolyphaseError(
        `unsortedSegmentSum got x [${given.shape}] and ${segmentIds.dtype} segmentIds [${segmentIds.shape}], expected ` +
          `int32 [${rows}]: give one segment id for each row of x`,
      );
    }
    // Sums of integers are floats on the other backends, too.
    const x = given.dtype === "float32" ? given : run("Cast", { x: given }, { dtype: "float32" });
    const sums = kernels.output([segments, ...inner], "float32");
    kernels.exports.segmentSum(
      rows,
      sizeOf(inner),
      segments,
      kernels.addressOf(x),
      kernels.addressOf(segmentIds),
      kernels.addressOf(sums),
    );
    if (x !== given) backend.disposeData(x.dataId);
    return sums;
  },
};
