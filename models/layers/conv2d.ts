/**
 * The convolution layer: cross-correlation with a filter, bias and activation.
 *
 * @module
 */

import { type Key, split } from "../../pipeline/random.ts";
import { conv2d as conv2dOp, type Conv2dOptions } from "../backend/ops/conv2d.ts";
import type { Tensor } from "../backend/tf.ts";
import type { TorchEntry } from "../model.ts";
import { initUniform } from "./initial_values.ts";

export type { Conv2dOptions } from "../backend/ops/conv2d.ts";
export type { Padding, Pair } from "../backend/ops/window.ts";

/** Parameters of a convolution with bias. */
export type Conv2dParams = {
  /** `[kernel height, kernel width, in, out]`: PyTorch's transposed by `(2, 3, 1, 0)`. */
  readonly weight: Tensor;
  /** `[out]`. */
  readonly bias: Tensor;
};

/** Size of a convolution with a square filter. */
export interface Conv2dShape {
  /** Rows and columns of the filter. */
  readonly kernelSize: number;
  /** Channels that come in. */
  readonly inputs: number;
  /** Channels that go out. */
  readonly outputs: number;
}

/** How {@linkcode conv2d} is applied: the options of the op, less the bias, which is a parameter. */
export type Conv2dLayerOptions = Omit<Conv2dOptions, "bias">;

/** Fresh parameters, uniform in ±1/√(in · kernel²) as those of PyTorch's `nn.Conv2d`. */
export function initConv2d(key: Key, { kernelSize, inputs, outputs }: Conv2dShape): Conv2dParams {
  const bound = 1 / Math.sqrt(inputs * kernelSize ** 2);
  const [forWeight, forBias] = split(key);
  return {
    weight: initUniform(forWeight, [kernelSize, kernelSize, inputs, outputs], bound),
    bias: initUniform(forBias, [outputs], bound),
  };
}

/**
 * `[batch, height, width, in]` → `[batch, out height, out width, out]`; the options are those of the op, `activation` among
 * them.
 *
 * @param params the filter, and the bias if there is one
 * @throws {PolyphaseError} if the shapes do not fit
 */
export function conv2d(
  { weight, bias }: { readonly weight: Tensor; readonly bias?: Tensor },
  x: Tensor,
  options: Conv2dLayerOptions = {},
): Tensor {
  return conv2dOp(x, weight, { ...options, bias });
}

/** Pixels along one side of what a convolution or a pooling makes of `size` pixels. */
export function slideSize(size: number, kernelSize: number, stride = 1, padding = 0): number {
  return Math.floor((size + 2 * padding - kernelSize) / stride) + 1;
}

/** How PyTorch stores the filter `<name>.weight` of a convolution: `[out, in, height, width]`. */
export function conv2dEntry(
  name: string,
  torch: string,
  { kernelSize, inputs, outputs }: Conv2dShape,
): TorchEntry {
  return {
    name: `${name}.weight`,
    torch: `${torch}.weight`,
    shape: [outputs, inputs, kernelSize, kernelSize],
    axes: [2, 3, 1, 0],
  };
}
