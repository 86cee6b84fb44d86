/**
 * `tf.depthwiseConv2d` and its gradients, of which TensorFlow.js has none on its WASM backend.
 *
 * @module
 */

import { convolve, convolveFilterGradient, convolveInputGradient } from "../convolution.ts";
import { convolutionGeometry } from "./convolution_geometry.ts";
import type { KernelDefinition } from "./kernel.ts";

const NAME = "depthwiseConv2d";

/** x `[batch, height, width, channels]`, filter `[filter height, filter width, channels, multiplier]`. */
export const depthwiseConv2d: KernelDefinition = {
  name: "DepthwiseConv2dNative",
  run(call) {
    const { inputs, attrs, kernels } = call;
    const [x, filter] = [inputs.x!, inputs.filter!];
    if (x.dtype !== "float32" || filter.dtype !== "float32") return call.vanilla();
    const geometry = convolutionGeometry(NAME, x.shape, filter.shape, attrs, true);
    const y = kernels.output(geometry.output, "float32");
    convolve(call, geometry, kernels.addressOf(x), kernels.addressOf(filter), kernels.addressOf(y));
    return y;
  },
};

/** dy `[batch, out height, out width, channels · multiplier]` to the shape `inputShape`. */
export const depthwiseConv2dBackpropInput: KernelDefinition = {
  name: "DepthwiseConv2dNativeBackpropInput",
  run(call) {
    const { inputs, attrs, kernels } = call;
    const [dy, filter] = [inputs.dy!, inputs.filter!];
    if (dy.dtype !== "float32" || filter.dtype !== "float32") return call.vanilla();
    // Of an image without its batch axis, TensorFlow.js names the shape as it is.
    const named = attrs.inputShape as number[];
    const shape = named.length === 3 ? [1, ...named] : named;
    const geometry = convolutionGeometry(NAME, shape, filter.shape, attrs, true);
    const dx = kernels.output(shape, "float32");
    convolveInputGradient(call, geometry, kernels.addressOf(dy), filter, kernels.addressOf(dx));
    return dx;
  },
};

/** x and dy to the shape `filterShape`. */
export const depthwiseConv2dBackpropFilter: KernelDefinition = {
  name: "DepthwiseConv2dNativeBackpropFilter",
  run(call) {
    const { inputs, attrs, kernels } = call;
    const [x, dy] = [inputs.x!, inputs.dy!];
    if (x.dtype !== "float32" || dy.dtype !== "float32") return call.vanilla();
    const shape = attrs.filterShape as number[];
    const geometry = convolutionGeometry(NAME, x.shape, shape, attrs, true);
    const df = convolveFilterGradient(call, geometry, kernels.addressOf(x), kernels.addressOf(dy));
    return { ...df, shape };
  },
};
