/**
 * `tf.conv2d` and its gradients. TensorFlow.js has no gradient of the filter on its WASM backend.
 *
 * @module
 */

import { convolve, convolveFilterGradient, convolveInputGradient } from "../convolution.ts";
import { convolutionGeometry, isChannelsLast } from "./convolution_geometry.ts";
import type { KernelDefinition } from "./kernel.ts";

/** x `[batch, height, width, channels]`, filter `[filter height, filter width, channels, out]`. */
export const conv2d: KernelDefinition = {
  name: "Conv2D",
  run(call) {
    const { inputs, attrs, kernels } = call;
    const [x, filter] = [inputs.x!, inputs.filter!];
    if (x.dtype !== "float32" || filter.dtype !== "float32" || !isChannelsLast(attrs)) return call.vanilla();
    const geometry = convolutionGeometry("conv2d", x.shape, filter.shape, attrs);
    const y = kernels.output(geometry.output, "float32");
    convolve(call, geometry, kernels.addressOf(x), kernels.addressOf(filter), kernels.addressOf(y));
    return y;
  },
};

/** dy `[batch, out height, out width, out]` to the shape `inputShape`. */
export const conv2dBackpropInput: KernelDefinition = {
  name: "Conv2DBackpropInput",
  run(call) {
    const { inputs, attrs, kernels } = call;
    const [dy, filter] = [inputs.dy!, inputs.filter!];
    if (dy.dtype !== "float32" || filter.dtype !== "float32") return call.vanilla();
    const shape = attrs.inputShape as number[];
    const geometry = convolutionGeometry("The gradient of conv2d", shape, filter.shape, attrs);
    const dx = kernels.output(shape, "float32");
    // A transposed convolution may name a larger output than its windows reach.
    const reached = { ...geometry, output: dy.shape };
    convolveInputGradient(call, reached, kernels.addressOf(dy), filter, kernels.addressOf(dx));
    return dx;
  },
};

/** x and dy to the shape `filterShape`. */
export const conv2dBackpropFilter: KernelDefinition = {
  name: "Conv2DBackpropFilter",
  run(call) {
    const { inputs, attrs, kernels } = call;
    const [x, dy] = [inputs.x!, inputs.dy!];
    if (x.dtype !== "float32" || dy.dtype !== "float32") return call.vanilla();
    const shape = attrs.filterShape as number[];
    const geometry = convolutionGeometry("The gradient of conv2d", x.shape, shape, attrs);
    return convolveFilterGradient(
      call,
      { ...geometry, output: dy.shape },
      kernels.addressOf(x),
      kernels.addressOf(dy),
    );
  },
};
