/**
 * The gradients of `tf.conv2d` and `tf.depthwiseConv2d` for filters with holes (dilation above 1), which TensorFlow.js
 * refuses.
 *
 * On the WASM backend our kernels compute them; everything else is left to the gradients of TensorFlow.js.
 *
 * @module
 */

import type { ConvAttributes } from "../../ops/fused_kernels.ts";
import { hasFused, runFused } from "../../ops/fused_kernels.ts";
import { type Tensor, tf } from "../../tf.ts";
import type { Convolution } from "../convolution.ts";
import { convolutionGeometry, isChannelsLast } from "./convolution_geometry.ts";

type GradConfig = Parameters<typeof tf.registerGradient>[0];

/** Gradient of the kernel `Conv2D`. */
export const conv2dGradient: GradConfig = dilatedGradient("Conv2D", false);

/** Gradient of the kernel `DepthwiseConv2dNative`. */
export const depthwiseConv2dGradient: GradConfig = dilatedGradient("DepthwiseConv2dNative", true);

function dilatedGradient(kernelName: string, depthwise: boolean): GradConfig {
  const vanilla = tf.getGradient(kernelName);
  return {
    kernelName,
    inputsToSave: ["x", "filter"],
    gradFunc(given, saved, attrs) {
      const dy = given as Tensor;
      const [x, filter] = saved;
      const all = attrs as unknown as Record<string, unknown>;
      const isOurs = !isOnes(all.dilations) && isChannelsLast(all) &&
        hasFused("PolyphaseConv2dInputGrad", "PolyphaseConv2dFilterGrad");
      if (!isOurs) return vanilla.gradFunc(given, saved, attrs);
      const geometry = convolutionGeometry("conv2d", x.shape, filter.shape, all, depthwise);
      const convolution = attributesOf(geometry);
      return {
        x: () => runFused("PolyphaseConv2dInputGrad", { dy, filter }, convolution)[0],
        filter: () =>
          tf.reshape(runFused("PolyphaseConv2dFilterGrad", { dy, x }, convolution)[0], filter.shape),
      };
    },
  };
}

function isOnes(dilations: unknown): boolean {
  return [dilations ?? 1].flat().every((dilation) => dilation === 1);
}

function attributesOf(geometry: Convolution): ConvAttributes {
  const { input, filter, output, strides, pads, dilations, groups } = geometry;
  type Shape = ConvAttributes["inputShape"];
  return {
    inputShape: input as Shape,
    filterShape: filter as Shape,
    outputShape: output as Shape,
    strides,
    // What lies below and to the right follows from the sizes.
    pads: [pads[0], pads[0], pads[1], pads[1]],
    dilations,
    groups,
  };
}
