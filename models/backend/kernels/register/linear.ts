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
  run(call) {
    const { inputs, attrs, kernels } = call;
    const [dy, saved] = [inputs.dy!, inputs.saved!];
    const [rows, columns] = dy.shape;
    const dz = isGelu(attrs) ? kernels.output([rows, columns], "float32") : reluGrad(call);
    if (isGelu(attrs)) {
      const addresses = [dy, saved, dz].map((each) => kernels.addressOf(each)) as [number, number, number];
      kernels.exports.geluGrad(rows * columns, ...addresses, approximation(attrs));
    }
    const dbias = kernels.output([columns], "float32");
    const scratch = kernels.scratch(kernels.exports.sumScratch(rows, columns));
    kernels.exports.sumAxis(1, rows, columns, kernels.addressOf(dz), kernels.addressOf(dbias), 1, scratch);
    return [dz, dbias];
  },
};

function reluGrad({ inputs, backend, run }: KernelCall): ReturnType<KernelCall["run"]> {
  const step = run("Step", { x: inputs.saved! }, { alpha: 0 });
  const dz = run("Multiply", { a: inputs.dy!, b: step });
  backend.disposeData(step.dataId);
  return dz;
}

function isGelu(attrs: KernelCall["attrs"]): boolean {
  return attrs.activation === "gelu" || attrs.activation === "gelu-tanh";
}

/** Number of the approximation in `assembly/gelu.ts`. */
function approximation(attrs: KernelCall["attrs"]): number {
  return attrs.activation === "gelu-tanh" ? 1 : 0;
}
