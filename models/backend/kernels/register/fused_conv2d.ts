/**
 * `tf.fused.conv2d`: a convolution with bias and activation, which is what layers models predict with.
 *
 * @module
 */

import { convolve } from "../convolution.ts";
import type { GemmActivation } from "../gemm.ts";
import { convolutionGeometry, isChannelsLast } from "./convolution_geometry.ts";
import type { KernelDefinition } from "./kernel.ts";

const ACTIVATIONS: readonly unknown[] = ["linear", "relu", "relu6", "leakyrelu"] satisfies GemmActivation[];

/** As `Conv2D`, then the bias `[out]` and the activation. Other activations go to TensorFlow.js. */
export const fusedConv2d: KernelDefinition = {
  name: "FusedConv2D",
  run(call) {
    const { inputs, attrs, kernels } = call;
    const { bias } = inputs;
    const [x, filter] = [inputs.x!, inputs.filter!];
    const { activation = "linear" } = attrs;
    const isOurs = [x, filter, bias ?? x].every(({ dtype }) => dtype === "float32") &&
      isChannelsLast(attrs) &&
      ACTIVATIONS.includes(activation) &&
      (bias == null || bias.shape.length === 1 && bias.shape[0] === filter.shape[3]);
    if (!isOurs) return call.vanilla();
    const geometry = convolutionGeometry("conv2d", x.shape, filter.shape, attrs);
    const y = kernels.output(geometry.output, "float32");
    convolve(call, geometry, kernels.addressOf(x), kernels.addressOf(filter), kernels.addressOf(y), {
      bias: bias == null ? undefined : kernels.addressOf(bias),
      activation: activation as GemmActivation,
      slope: Number(attrs.leakyreluAlpha ?? 0),
    });
    return y;
  },
};
