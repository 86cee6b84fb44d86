/**
 * `tf.matMul`, and with it `tf.dot`, `tf.outerProduct`, dense layers and all their gradients.
 *
 * The kernel of TensorFlow.js keeps packed right operands by data id and forgets their shape: after a reshape it
 * answers with wrong numbers and writes where it must not. This one keeps nothing.
 *
 * @module
 */

import { gemm } from "../gemm.ts";
import type { KernelDefinition } from "./kernel.ts";
import { productLayout } from "./operands.ts";

/** `[..., rows, depth]` times `[..., depth, columns]`, either operand stored transposed. */
export const batchMatMul: KernelDefinition = {
  name: "BatchMatMul",
  run({ inputs, attrs, kernels, vanilla }) {
    const { a, b } = inputs;
    if (a?.dtype !== "float32" || b?.dtype !== "float32") return vanilla();
    const layout = productLayout(a.shape, b.shape, attrs.transposeA === true, attrs.transposeB === true);
    const result = kernels.output([...layout.batch, layout.rows, layout.columns], "float32");
    gemm(kernels, {
      ...layout,
      a: { ...layout.a, address: kernels.addressOf(a) },
      b: { ...layout.b, address: kernels.addressOf(b) },
      c: { ...layout.c, address: kernels.addressOf(result) },
    });
    return result;
  },
};
