/**
 * The fused kernels `PolyphaseGelu` and `PolyphaseGeluGrad`.
 *
 * @module
 */

import type { KernelDefinition } from "./kernel.ts";
import { sizeOf } from "./shape.ts";

/** GELU of every element. */
export const gelu: KernelDefinition = {
  name: "PolyphaseGelu",
  run({ inputs, attrs, kernels }) {
    const x = inputs.x!;
    const y = kernels.output(x.shape, "float32");
    const approximate = attrs.approximate === "tanh" ? 1 : 0;
    kernels.exports.gelu(sizeOf(x.shape), kernels.addressOf(x), kernels.addressOf(y), approximate);
    return [y];
  },
};

/** Its gradient. */
export const geluGrad: KernelDefinition = {
  name: "PolyphaseGeluGrad",
  run({ inputs, attrs, kernels }) {
    const x = inputs.x!;
    const dx = kernels.output(x.shape, "float32");
    kernels.exports.geluGrad(
      sizeOf(x.shape),
      kernels.addressOf(inputs.dy!),
      kernels.addressOf(x),
      kernels.addressOf(dx),
      attrs.approximate === "tanh" ? 1 : 0,
    );
    return [dx];
  },
};
