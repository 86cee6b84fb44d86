/**
 * `tf.exp`, `tf.erf` and `tf.tanh`, to about one unit in the last place.
 *
 * @module
 */

import { sizeOf } from "./shape.ts";
import type { KernelDefinition } from "./kernel.ts";

/** `e^x` of every element. */
export const exp: KernelDefinition = unary("Exp", "exp");

/** The error function of every element. */
export const erf: KernelDefinition = unary("Erf", "erf");

/** The hyperbolic tangent of every element. */
export const tanh: KernelDefinition = unary("Tanh", "tanh");

function unary(name: string, exported: "exp" | "erf" | "tanh"): KernelDefinition {
  return {
    name,
    run({ inputs, kernels, vanilla }) {
      const x = inputs.x!;
      if (x.dtype !== "float32") return vanilla();
      const y = kernels.output(x.shape, "float32");
      kernels.exports[exported](sizeOf(x.shape), kernels.addressOf(x), kernels.addressOf(y));
      return y;
    },
  };
}
