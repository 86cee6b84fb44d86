/**
 * The convolution and the gradient of maximum pooling that the operations in `models/backend/ops/` run: any strides,
 * padding, dilation and groups. `fused_kernels.ts` there says what each takes and gives.
 *
 * @module
 */

import type { ConvAttributes, PoolAttributes } from "../../ops/fused_kernels.ts";
import {
  type Convolution,
  convolve,
  convolveFilterGradient,
  convolveInputGradient,
  isDepthwise,
} from "../convolution.ts";
import type { TensorInfo } from "../wasm_backend.ts";
import type { KernelCall, KernelDefinition } from "./kernel.ts";

/** x `[batch, height, width, channels]` to `[batch, out height, out width, out]`, with bias and activation. */
export const polyphaseConv2d: KernelDefinition = {
  name: "PolyphaseConv2d",
  run(call) {
    const { inputs, attrs, kernels } = call;
    const geometry = geometryOf(attrs);
    const y = kernels.output(geometry.output, "float32");
    const [x, filter] = [kernels.addressOf(inputs.x!), kernels.addressOf(inputs.filter!)];
    const isRelu = attrs.activation === "relu";
    if (isDepthwise(geometry)) {
      convolve(call, geometry, x, filter, kernels.addressOf(y));
      const biased = inputs.bias == null ? y : replace(call, y, "Add", { a: y, b: inputs.bias });
      return [isRelu ? replace(call, biased, "Relu", { x: biased }) : biased];
    }
    convolve(call, geometry, x, filter, kernels.addressOf(y), {
      bias: inputs.bias == null ? undefined : kernels.addressOf(inputs.bias),
      activation: isRelu ? "relu" : "linear",
    });
    return [y];
  },
};

/** What another kernel makes of `old`, which is not needed any more. */
function replace(
  { backend, run }: KernelCall,
  old: TensorInfo,
  kernel: string,
  inputs: Readonly<Record<string, TensorInfo>>,
): TensorInfo {
  const made = run(kernel, inputs);
  backend.disposeData(old.dataId);
  return made;
}

/** dy to the shape of x. */
export const polyphaseConv2dInputGrad: KernelDefinition = {
  name: "PolyphaseConv2dInputGrad",
  run(call) {
    const { inputs, kernels } = call;
    const geometry = geometryOf(call.attrs);
    const dx = kernels.output(geometry.input, "float32");
    convolveInputGradient(
      call,
      geometry,
      kernels.addressOf(inputs.dy!),
      inputs.filter!,
      kernels.addressOf(dx),
    );
    return [dx];
  },
};

/** x and dy to the shape of the filter. */
export const polyphaseConv2dFilterGrad: KernelDefinition = {
  name: "PolyphaseConv2dFilterGrad",
  run(call) {
    const { inputs, kernels } = call;
    const [x, dy] = [kernels.addressOf(inputs.x!), kernels.addressOf(inputs.dy!)];
    return [convolveFilterGradient(call, geometryOf(call.attrs), x, dy)];
  },
};

/** dy and x to the shape of x. */
export const polyphaseMaxPoolGrad: KernelDefinition = {
  name: "PolyphaseMaxPoolGrad",
  run({ inputs, attrs, kernels }) {
    const { inputShape, outputShape, size, strides, pads } = attrs as unknown as PoolAttributes;
    const [batch, height, width, channels] = inputShape;
    const dx = kernels.output(inputShape, "float32");
    const to = kernels.addressOf(dx);
    kernels.exports.clear(to, 4 * batch * height * width * channels);
    kernels.exports.maxPoolGradient(
      kernels.addressOf(inputs.x!),
      kernels.addressOf(inputs.dy!),
      to,
      kernels.scratch(8 * size[0] * size[1] + 8),
      batch,
      height,
      width,
      channels,
      ...size,
      outputShape[1],
      outputShape[2],
      ...strides,
      pads[0],
      pads[2],
      1,
      1,
    );
    return [dx];
  },
};

function geometryOf(attrs: Readonly<Record<string, unknown>>): Convolution {
  const { inputShape, filterShape, outputShape, strides, pads, dilations, groups } =
    attrs as unknown as ConvAttributes;
  return {
    input: inputShape,
    filter: filterShape,
    output: outputShape,
    strides,
    pads: [pads[0], pads[2]],
    dilations,
    groups,
  };
}
