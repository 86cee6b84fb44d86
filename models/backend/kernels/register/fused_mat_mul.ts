/**
 * `tf.fused.matMul`: a product with bias and activation, one pass where both are simple.
 *
 * @module
 */

import { PolyphaseError } from "../../../../pipeline/errors.ts";
import { gemm, type GemmActivation } from "../gemm.ts";
import type { TensorInfo } from "../wasm_backend.ts";
import type { KernelCall, KernelDefinition } from "./kernel.ts";
import { type ProductLayout, productLayout } from "./operands.ts";

const IN_PRODUCT: readonly string[] = ["linear", "relu", "relu6", "leakyrelu"] satisfies GemmActivation[];

/** Activations that cost more than the product gains by applying them itself, and the kernels that they are. */
const AFTER_PRODUCT: Readonly<Record<string, string>> = { elu: "Elu", sigmoid: "Sigmoid", prelu: "Prelu" };

/** `activation(a b + bias)` for `[batch, rows, depth]` and `[batch, depth, columns]`, either one stored transposed. */
export const fusedMatMul: KernelDefinition = {
  name: "_FusedMatMul",
  run(call) {
    const { a, b, bias } = call.inputs;
    if (a?.dtype !== "float32" || b?.dtype !== "float32") return call.vanilla();
    const activation = String(call.attrs.activation ?? "linear");
    const inProduct = IN_PRODUCT.includes(activation);
    if (!inProduct && !(activation in AFTER_PRODUCT)) {
      throw new PolyphaseError(
        `Unknown activation "${activation}" of a fused matMul: use one of ${
          [...IN_PRODUCT, ...Object.keys(AFTER_PRODUCT)].join(", ")
        }`,
      );
    }
    const layout = productLayout(a.shape, b.shape, isOn(call, "transposeA"), isOn(call, "transposeB"));
    // A bias of another shape is broadcast by an addition of its own, and then nothing may come before that.
    const isRow = bias == null || bias.shape.length === 1 && bias.shape[0] === layout.columns;
    const fused = inProduct && isRow ? activation as GemmActivation : "linear";
    let result = multiply(call, layout, a, b, isRow ? bias : undefined, fused);
    if (bias != null && !isRow) result = replace(call, result, "Add", { a: result, b: bias });
    if (activation === fused) return result;
    return activate(call, result, activation);
  },
};

function multiply(
  call: KernelCall,
  layout: ProductLayout,
  a: TensorInfo,
  b: TensorInfo,
  bias: TensorInfo | null | undefined,
  activation: GemmActivation,
): TensorInfo {
  const { kernels, attrs } = call;
  const result = kernels.output([...layout.batch, layout.rows, layout.columns], "float32");
  gemm(kernels, {
    ...layout,
    a: { ...layout.a, address: kernels.addressOf(a) },
    b: { ...layout.b, address: kernels.addressOf(b) },
    c: { ...layout.c, address: kernels.addressOf(result) },
    bias: bias == null ? undefined : kernels.addressOf(bias),
    activation,
    slope: Number(attrs.leakyreluAlpha ?? 0),
  });
  return result;
}

function activate(call: KernelCall, x: TensorInfo, activation: string): TensorInfo {
  switch (activation) {
    case "relu":
      return replace(call, x, "Relu", { x });
    case "relu6":
      return replace(call, x, "Relu6", { x });
    case "leakyrelu":
      return replace(call, x, "LeakyRelu", { x }, { alpha: Number(call.attrs.leakyreluAlpha ?? 0) });
    case "prelu": {
      const alpha = call.inputs.preluActivationWeights;
      if (alpha == null) {
        throw new PolyphaseError(
          "A fused matMul with prelu has no weights for it: give preluActivationWeights",
        );
      }
      return replace(call, x, "Prelu", { x, alpha });
    }
    default:
      return replace(call, x, AFTER_PRODUCT[activation], { x });
  }
}

/** What another kernel makes of `old`, which is not needed any more. */
function replace(
  call: KernelCall,
  old: TensorInfo,
  kernel: string,
  inputs: Readonly<Record<string, TensorInfo>>,
  attrs: Record<string, unknown> = {},
): TensorInfo {
  const made = call.run(kernel, inputs, attrs);
  call.backend.disposeData(old.dataId);
  return made;
}

function isOn(call: KernelCall, name: string): boolean {
  return call.attrs[name] === true;
}
