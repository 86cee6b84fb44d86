/**
 * `tf.maxPool`, `tf.avgPool` and their gradients.
 *
 * In TensorFlow.js the gradient of its WASM backend's maximum forgets every window whose maximum is not positive, and that
 * of the mean divides by the whole window even where the mean itself counted only the pixels on the image.
 *
 * @module
 */

import { tf } from "../../tf.ts";
import type { TensorInfo } from "../wasm_backend.ts";
import type { PoolArguments } from "../window_exports.ts";
import type { KernelCall, KernelDefinition } from "./kernel.ts";

type PoolInfo = ReturnType<typeof tf.backend_util.computePool2DInfo>;
type PoolParameters = Parameters<typeof tf.backend_util.computePool2DInfo>;

/** Greatest value of each window of x `[batch, height, width, channels]`. */
export const maxPool: KernelDefinition = pooling("MaxPool", "maxPool");

/** Mean of each window of x `[batch, height, width, channels]`, over the pixels that lie on the image. */
export const avgPool: KernelDefinition = pooling("AvgPool", "averagePool");

/** Gives dy of each window to the first of its greatest values. */
export const maxPoolGrad: KernelDefinition = {
  name: "MaxPoolGrad",
  run(call) {
    const { inputs, kernels } = call;
    const [dy, x] = [inputs.dy!, inputs.input!];
    if (x.dtype !== "float32" || dy.dtype !== "float32") return call.vanilla();
    const info = poolInfo(x.shape, call.attrs);
    const dx = cleared(call, x.shape);
    kernels.exports.maxPoolGradient(
      kernels.addressOf(x),
      kernels.addressOf(dy),
      kernels.addressOf(dx),
      pairList(call, info),
      ...poolArguments(info),
    );
    return dx;
  },
};

/** Gives each pixel of a window an equal share of its dy. */
export const avgPoolGrad: KernelDefinition = {
  name: "AvgPoolGrad",
  run(call) {
    const { inputs, kernels } = call;
    const [dy, x] = [inputs.dy!, inputs.input!];
    if (dy.dtype !== "float32") return call.vanilla();
    const info = poolInfo(x.shape, call.attrs);
    const dx = cleared(call, x.shape);
    kernels.exports.averagePoolGradient(
      kernels.addressOf(dy),
      kernels.addressOf(dx),
      pairList(call, info),
      ...poolArguments(info),
    );
    return dx;
  },
};

function pooling(name: string, kernel: "maxPool" | "averagePool"): KernelDefinition {
  return {
    name,
    run(call) {
      const { inputs, kernels } = call;
      const x = inputs.x!;
      if (x.dtype !== "float32") return call.vanilla();
      const info = poolInfo(x.shape, call.attrs);
      const y = kernels.output(info.outShape, "float32");
      kernels.exports[kernel](
        kernels.addressOf(x),
        kernels.addressOf(y),
        pairList(call, info),
        ...poolArguments(info),
      );
      return y;
    },
  };
}

function poolInfo(shape: readonly number[], attrs: Readonly<Record<string, unknown>>): PoolInfo {
  return tf.backend_util.computePool2DInfo(
    [...shape] as PoolParameters[0],
    attrs.filterSize as PoolParameters[1],
    attrs.strides as PoolParameters[2],
    1,
    attrs.pad as PoolParameters[4],
    attrs.dimRoundingMode as PoolParameters[5],
  );
}

function poolArguments(info: PoolInfo): PoolArguments {
  return [
    info.batchSize,
    info.inHeight,
    info.inWidth,
    info.inChannels,
    info.filterHeight,
    info.filterWidth,
    info.outHeight,
    info.outWidth,
    info.strideHeight,
    info.strideWidth,
    info.padInfo.top,
    info.padInfo.left,
    info.dilationHeight,
    info.dilationWidth,
  ];
}

function cleared({ kernels }: KernelCall, shape: readonly number[]): TensorInfo {
  const result = kernels.output(shape, "float32");
  kernels.exports.clear(kernels.addressOf(result), 4 * shape.reduce((product, size) => product * size, 1));
  return result;
}

/** Room for the list of a window's pixels. */
function pairList({ kernels }: KernelCall, info: PoolInfo): number {
  return kernels.scratch(8 * info.filterHeight * info.filterWidth + 8);
}
