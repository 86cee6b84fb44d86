/**
 * The fused kernels `PolyphaseLinear` and `PolyphaseLinearGrad`: product, bias and activation, and the way back through
 * the activation.
 *
 * @module
 */

import { gemm } from "../gemm.ts";
import type { KernelCall, KernelDefinition } from "./kernel.ts";
import { productLayout } from "./operands.ts";
import { sizeOf } from "./shape.ts";

/** `activation(x · weight + bias)`, followed by what the activation was applied to if that is asked for. */
export const fusedLinear: KernelDefinition = {
  name: "PolyphaseLinear",
  run({ inputs, attrs, backend, kernels, run }) {
    const [x, weight] = [inputs.x!, inputs.weight!];
    const layout = productLayout(x.shape, weight.shape, false, false);
    const shape = [layout.rows, layout.columns];
    const keep = attrs.keepPreActivation === true;
    const z = kernels.output(shape, "float32");
    gemm(kernels, {
      ...layout,
      a: { ...layout.a, address: kernels.addressOf(x) },
      b: { ...layout.b, address: kernels.addressOf(weight) },
      c: { ...layout.c, address: kernels.addressOf(z) },
      bias: inputs.bias == null ? undefined : kernels.addressOf(inputs.bias),
      activation: attrs.activation === "relu" && !keep ? "relu" : "linear",
    });
    if (isGelu(attrs)) {
      // In place unless the gradient wants what was there before.
      const y = keep ? kernels.output(shape, "float32") : z;
      kernels.exports.gelu(sizeOf(shape), kernels.addressOf(z), kernels.addressOf(y), approximation(attrs));
      return keep ? [y, z] : [y];
    }
    if (!keep) return [z];
    if (attrs.activation === "relu") return [run("Relu", { x: z }), z];
    backend.incRef(z.dataId);
    return [{ ...z }, z];
  },
};

/** The gradient of what the activation was applied to, and its sum over rows: the gradient of the bias. */
export const fusedLinearGrad: KernelDefinition = {
  name: "PolyphaseLinearGrad",
  run({ inputs, attrs, kernels }) {
    const [dy, saved] = [inputs.dy!, inputs.saved!];
    const [rows, columns] = dy.shape;
    const dz = kernels.output([rows, columns], "float32");
    const dbias = kernels.output([columns], "float32");
    const { exports } = kernels;
    const addresses = [dy, saved, dz].map((each) => kernels.addressOf(each)) as [number, number, number];
    const sums = kernels.addressOf(dbias);
    if (!isGelu(attrs)) {
      exports.reluGrad(rows, columns, ...addresses, sums, kernels.scratch(exports.reluGradScratch(columns)));
      return [dz, dbias];
    }
    exports.geluGrad(rows * columns, ...addresses, approximation(attrs));
    const scratch = kernels.scratch(exports.sumScratch(rows, columns));
    exports.sumAxis(1, rows, columns, addresses[2], sums, 1, scratch);
    return [dz, dbias];
  },
};

function isGelu(attrs: KernelCall["attrs"]): boolean {
  return attrs.activation === "gelu" || attrs.activation === "gelu-tanh";
}

/** Number of the approximation in `assembly/gelu.ts`. */
function approximation(attrs: KernelCall["attrs"]): number {
  return attrs.activation === "gelu-tanh" ? 1 : 0;
}
