/**
 * A convolution without bias and the batch norm after it: the unit that ResNets are made of.
 *
 * @module
 */

import type { Key } from "../../pipeline/random.ts";
import type { Tensor } from "../backend/tf.ts";
import type { ApplyOptions, Params, TorchEntry } from "../model.ts";
import {
  batchNorm,
  batchNormEntries,
  type BatchNormLayerOptions,
  type BatchNormParams,
  initBatchNorm,
} from "./batch_norm.ts";
import type { PaddingMode } from "./blur_pool.ts";
import { circularPad } from "./circular_pad.ts";
import { conv2d, conv2dEntry, type Conv2dShape, slideSize } from "./conv2d.ts";
import { initNormal } from "./initial_values.ts";
import { usedTaps } from "./used_taps.ts";
import { branch, within } from "./within.ts";

/** A convolution, padded by half its filter, and the batch norm after it. */
export interface ConvNorm extends Conv2dShape {
  /** Name of the convolution, for example `conv1`. */
  readonly conv: string;
  /** Name of the batch norm, for example `bn1`. */
  readonly norm: string;
  /** Pixels from window to window. */
  readonly stride: number;
  /** What surrounds the image. Default `zero`. */
  readonly padding?: PaddingMode;
}

/** How {@linkcode convNorm} is applied. */
export type ConvNormOptions = ApplyOptions & Pick<BatchNormLayerOptions, "residual" | "activation">;

/** Parameters of a convolution without bias. */
type FilterParams = {
  /** `[kernel height, kernel width, in, out]`. */
  readonly weight: Tensor;
};

/**
 * Fresh parameters by dotted name: the filter from a normal distribution of variance 2 / (out · kernel²), which keeps the
 * variance of gradients through ReLU, and a batch norm of ones and zeros.
 *
 * K. He et al., "Delving Deep into Rectifiers", arXiv 1502.01852.
 */
export function initConvNorm(key: Key, unit: ConvNorm): [name: string, tensor: Tensor][] {
  const { kernelSize, inputs, outputs } = unit;
  const deviation = Math.sqrt(2 / (outputs * kernelSize ** 2));
  const weight = initNormal(key, [kernelSize, kernelSize, inputs, outputs], deviation);
  return [
    [`${unit.conv}.weight`, weight],
    ...Object.entries(initBatchNorm(outputs)).map(([name, tensor]): [string, Tensor] => [
      `${unit.norm}.${name}`,
      tensor,
    ]),
  ];
}

/**
 * `[batch, height, width, in]` → `[batch, ⌈height / stride⌉, ⌈width / stride⌉, out]`, for odd kernel sizes.
 *
 * @param params those of {@linkcode initConvNorm} as a tree, alone or among others
 */
export function convNorm(
  params: Params,
  unit: ConvNorm,
  x: Tensor,
  { residual, activation, ...options }: ConvNormOptions,
): Tensor {
  const [filter, norm] = [branch(params, unit.conv) as FilterParams, branch(params, unit.norm)];
  const { training, update } = within(options, unit.norm);
  const product = unit.padding === "circular"
    ? circularConvolution(filter, unit, x)
    : zeroPaddedConvolution(filter, unit, x);
  return batchNorm(norm as BatchNormParams, product, { training, update, residual, activation });
}

function zeroPaddedConvolution(
  { weight }: FilterParams,
  { kernelSize, stride }: ConvNorm,
  x: Tensor,
): Tensor {
  const { filter, padding } = usedTaps([x.shape[1]!, x.shape[2]!], weight, stride, halfOf(kernelSize));
  return conv2d({ weight: filter }, x, { strides: stride, padding });
}

function circularConvolution({ weight }: FilterParams, { kernelSize, stride }: ConvNorm, x: Tensor): Tensor {
  const half = halfOf(kernelSize);
  return conv2d({ weight }, circularPad(x, [half, half, half, half]), { strides: stride });
}

/** Pixels along one side of what the convolution makes of `size` pixels. */
export function convNormSize(size: number, { kernelSize, stride }: ConvNorm): number {
  return slideSize(size, kernelSize, stride, halfOf(kernelSize));
}

/** Multiply-adds of the convolution for an output of so many pixels. */
export function convNormMultiplyAdds({ kernelSize, inputs, outputs }: ConvNorm, pixels: number): number {
  return pixels * kernelSize ** 2 * inputs * outputs;
}

/** How PyTorch stores it; the prefixes are put before the names here and there. */
export function convNormEntries(unit: ConvNorm, prefix: string, torchPrefix: string): TorchEntry[] {
  return [
    conv2dEntry(prefix + unit.conv, torchPrefix + unit.conv, unit),
    ...batchNormEntries(prefix + unit.norm, torchPrefix + unit.norm, unit.outputs),
  ];
}

/** The padding that keeps the size of an image at stride 1. */
function halfOf(kernelSize: number): number {
  return (kernelSize - 1) / 2;
}
