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
      0,
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
      0,
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

/** As {@linkcode attention}, reading q, k and v where a single projection left them. */
export const packedAttention: KernelDefinition = {
  name: "PolyphasePackedAttention",
  run(call) {
    const { inputs, kernels } = call;
    const { batch, heads, sizes, part } = packedSizes(call);
    const y = kernels.output([batch, sizes[0], heads * sizes[2]], "float32");
    const logSumExp = kernels.output([batch, heads, sizes[0]], "float32");
    const scratch = kernels.scratch(kernels.exports.attentionScratch(...sizes));
    const qkv = kernels.addressOf(inputs.qkv!);
    kernels.exports.attention(
      batch,
      heads,
      ...sizes,
      1,
      qkv,
      qkv + part,
      qkv + 2 * part,
      packedScaleOf(call),
      ...operand(call, inputs.bias),
      ...operand(call, inputs.mask),
      kernels.addressOf(y),
      kernels.addressOf(logSumExp),
      scratch,
    );
    return [y, logSumExp];
  },
};

/** Its gradients with respect to the projection, and the bias if there is one. */
export const packedAttentionGrad: KernelDefinition = {
  name: "PolyphasePackedAttentionGrad",
  run(call) {
    const { inputs, kernels } = call;
    const { batch, heads, sizes, part } = packedSizes(call);
    const dqkv = kernels.output(inputs.qkv!.shape, "float32");
    const dbias = inputs.bias == null ? undefined : kernels.output(inputs.bias.shape, "float32");
    const scratch = kernels.scratch(kernels.exports.attentionGradScratch(...sizes));
    if (dbias !== undefined) kernels.exports.clear(kernels.addressOf(dbias), 4 * sizeOf(dbias.shape));
    const [qkv, to] = [kernels.addressOf(inputs.qkv!), kernels.addressOf(dqkv)];
    // Tokens that ask nothing have queries of no consequence.
    if (sizes[0] < sizes[1]) kernels.exports.clear(to, 4 * sizeOf(dqkv.shape));
    kernels.exports.attentionGrad(
      batch,
      heads,
      ...sizes,
      1,
      kernels.addressOf(inputs.dy!),
      qkv,
      qkv + part,
      qkv + 2 * part,
      kernels.addressOf(inputs.y!),
      kernels.addressOf(inputs.logSumExp!),
      packedScaleOf(call),
      ...operand(call, inputs.bias),
      ...operand(call, inputs.mask),
      to,
      to + part,
      to + 2 * part,
      dbias === undefined ? 0 : kernels.addressOf(dbias),
      scratch,
    );
    return dbias === undefined ? [dqkv] : [dqkv, dbias];
  },
};

/** Sizes of packed attention, and the bytes from the queries of a token to its keys, and from those to its values. */
function packedSizes({ inputs, attrs }: KernelCall): {
  batch: number;
  heads: number;
  sizes: HeadSizes;
  part: number;
} {
  const [batch, tokens, width] = inputs.qkv!.shape;
  const [heads, queries] = [attrs.heads as number, attrs.queries as number];
  const dim = width / 3 / heads;
  return { batch, heads, sizes: [queries, tokens, dim, dim], part: 4 * width / 3 };
}

function packedScaleOf({ inputs, attrs }: KernelCall): number {
  return inputs.qkv!.shape[2] === 0 ? 0 : attrs.scale as number;
}

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
