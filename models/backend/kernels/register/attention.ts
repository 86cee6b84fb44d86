/**
 * The fused kernels `PolyphaseAttention` and `PolyphaseAttentionGrad`.
 *
 * @module
 */

import type { HeadSizes, ScoreOperand } from "../attention_exports.ts";
import type { TensorInfo } from "../wasm_backend.ts";
import type { KernelCall, KernelDefinition } from "./kernel.ts";
import { sizeOf } from "./shape.ts";

/** Values of every query, and logSumExp of its scores. */
export const attention: KernelDefinition = {
  name: "PolyphaseAttention",
  run(call) {
    const { inputs, kernels } = call;
    const [batch, heads, queries] = inputs.q!.shape;
    const sizes = sizesOf(call);
    const y = kernels.output([batch, heads, queries, sizes[3]], "float32");
    const logSumExp = kernels.output([batch, heads, queries], "float32");
    const scratch = kernels.scratch(kernels.exports.attentionScratch(...sizes));
    kernels.exports.attention(
      batch,
      heads,
      ...sizes,
      kernels.addressOf(inputs.q!),
      kernels.addressOf(inputs.k!),
      kernels.addressOf(inputs.v!),
      scaleOf(call),
      ...operand(call, inputs.bias),
      ...operand(call, inputs.mask),
      kernels.addressOf(y),
      kernels.addressOf(logSumExp),
      scratch,
    );
    return [y, logSumExp];
  },
};

/** Its gradients with respect to q, k, v, and the bias if there is one. */
export const attentionGrad: KernelDefinition = {
  name: "PolyphaseAttentionGrad",
  run(call) {
    const { inputs, kernels } = call;
    const [batch, heads] = inputs.q!.shape;
    const sizes = sizesOf(call);
    const output = ({ shape }: TensorInfo) => kernels.output(shape, "float32");
    const [dq, dk, dv] = [output(inputs.q!), output(inputs.k!), output(inputs.v!)];
    const dbias = inputs.bias == null ? undefined : output(inputs.bias);
    const scratch = kernels.scratch(kernels.exports.attentionGradScratch(...sizes));
    if (dbias !== undefined) kernels.exports.clear(kernels.addressOf(dbias), 4 * sizeOf(dbias.shape));
    kernels.exports.attentionGrad(
      batch,
      heads,
      ...sizes,
      kernels.addressOf(inputs.dy!),
      kernels.addressOf(inputs.q!),
      kernels.addressOf(inputs.k!),
      kernels.addressOf(inputs.v!),
      kernels.addressOf(inputs.y!),
      kernels.addressOf(inputs.logSumExp!),
      scaleOf(call),
      ...operand(call, inputs.bias),
      ...operand(call, inputs.mask),
      kernels.addressOf(dq),
      kernels.addressOf(dk),
      kernels.addressOf(dv),
      dbias === undefined ? 0 : kernels.addressOf(dbias),
      scratch,
    );
    return dbias === undefined ? [dq, dk, dv] : [dq, dk, dv, dbias];
  },
};

function sizesOf({ inputs }: KernelCall): HeadSizes {
  const [, , queries, dim] = inputs.q!.shape;
  return [queries, inputs.k!.shape[2], dim, inputs.v!.shape[3]];
}

/** Products of no depth are 0 whatever the scale, which 1/√dim makes infinite. */
function scaleOf({ inputs, attrs }: KernelCall): number {
  return inputs.q!.shape[3] === 0 ? 0 : attrs.scale as number;
}

/** Bias or mask, with a step of 0 along an axis of length 1. */
function operand({ kernels }: KernelCall, tensor: TensorInfo | null | undefined): ScoreOperand {
  if (tensor == null) return [0, 0, 0, 0, 0];
  const { shape } = tensor;
  const step = (axis: number) => shape[axis] === 1 ? 0 : sizeOf(shape.slice(axis + 1));
  return [kernels.addressOf(tensor), step(0), step(1), step(2), step(3)];
}
