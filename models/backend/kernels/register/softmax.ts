/**
 * `tf.softmax`, and the fused kernels of softmax and its logarithm with their gradients: rows `[rows, classes]`.
 *
 * @module
 */

import type { TensorInfo } from "../wasm_backend.ts";
import type { KernelCall, KernelDefinition } from "./kernel.ts";
import { sizeOf } from "./shape.ts";

/** TensorFlow.js's own softmax, which is always over the last axis. */
export const plainSoftmax: KernelDefinition = {
  name: "Softmax",
  run: (call) => {
    const logits = call.inputs.logits!;
    return logits.dtype === "float32" ? forward(call, logits, "softmax") : call.vanilla();
  },
};

/** Softmax of rows. */
export const softmax: KernelDefinition = {
  name: "PolyphaseSoftmax",
  run: (call) => [forward(call, call.inputs.x!, "softmax")],
};

/** Gradient of {@linkcode softmax}. */
export const softmaxGrad: KernelDefinition = {
  name: "PolyphaseSoftmaxGrad",
  run: (call) => [backward(call, "softmaxGrad")],
};

/** Logarithm of the softmax of rows. */
export const logSoftmax: KernelDefinition = {
  name: "PolyphaseLogSoftmax",
  run: (call) => [forward(call, call.inputs.x!, "logSoftmax")],
};

/** Gradient of {@linkcode logSoftmax}. */
export const logSoftmaxGrad: KernelDefinition = {
  name: "PolyphaseLogSoftmaxGrad",
  run: (call) => [backward(call, "logSoftmaxGrad")],
};

function forward({ kernels }: KernelCall, x: TensorInfo, exported: "softmax" | "logSoftmax"): TensorInfo {
  const y = kernels.output(x.shape, "float32");
  const [rows, classes] = rowsOf(x.shape);
  kernels.exports[exported](rows, classes, kernels.addressOf(x), kernels.addressOf(y));
  return y;
}

function backward({ inputs, kernels }: KernelCall, exported: "softmaxGrad" | "logSoftmaxGrad"): TensorInfo {
  const y = inputs.y!;
  const dx = kernels.output(y.shape, "float32");
  const [rows, classes] = rowsOf(y.shape);
  const [dyAddress, yAddress, dxAddress] = [inputs.dy!, y, dx].map((each) => kernels.addressOf(each));
  kernels.exports[exported](rows, classes, dyAddress, yAddress, dxAddress);
  return dx;
}

function rowsOf(shape: readonly number[]): [rows: number, classes: number] {
  return [sizeOf(shape.slice(0, -1)), shape.at(-1) ?? 1];
}
