/**
 * Geometry of a convolution as the kernels of TensorFlow.js are told it.
 *
 * @module
 */

import { PolyphaseError } from "../../../../pipeline/errors.ts";
import { tf } from "../../tf.ts";
import type { Convolution } from "../convolution.ts";

type ConvInfo = ReturnType<typeof tf.backend_util.computeConv2DInfo>;
type ConvParameters = Parameters<typeof tf.backend_util.computeConv2DInfo>;

/** Whether channels are the last axis, the only order that the kernels know. */
export function isChannelsLast(attrs: Readonly<Record<string, unknown>>): boolean {
  return attrs.dataFormat === undefined || attrs.dataFormat === "NHWC";
}

/**
 * The geometry that `attrs` describe.
 *
 * @param input `[batch, height, width, channels]`
 * @param filter `[filter height, filter width, channels, out]`, or `[..., channels, multiplier]` if `depthwise`
 * @throws {PolyphaseError} if channels are not the last axis
 */
export function convolutionGeometry(
  name: string,
  input: readonly number[],
  filter: readonly number[],
  attrs: Readonly<Record<string, unknown>>,
  depthwise = false,
): Convolution {
  if (!isChannelsLast(attrs)) {
    throw new PolyphaseError(
      `${name} got images in the order "${attrs.dataFormat}", but the WASM backend has channels last: ` +
        'transpose them and use the data format "NHWC"',
    );
  }
  const info: ConvInfo = tf.backend_util.computeConv2DInfo(
    [...input] as ConvParameters[0],
    [...filter] as ConvParameters[1],
    attrs.strides as ConvParameters[2],
    (attrs.dilations ?? 1) as ConvParameters[3],
    attrs.pad as ConvParameters[4],
    attrs.dimRoundingMode as ConvParameters[5],
    depthwise,
  );
  const [height, width, channels, last] = filter;
  return {
    input,
    filter: depthwise ? [height, width, 1, channels * last] : filter,
    output: info.outShape,
    strides: [info.strideHeight, info.strideWidth],
    pads: [info.padInfo.top, info.padInfo.left],
    dilations: [info.dilationHeight, info.dilationWidth],
    groups: depthwise ? channels : 1,
  };
}
