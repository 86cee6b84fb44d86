/**
 * The block of ResNet-50 and deeper ones: a 3×3 convolution between two of one pixel, which narrow and widen.
 *
 * @module
 */

import { type ResidualBlock, residualBlock, type ResidualBlockShape } from "./residual_block.ts";

/** How many times as many channels go out of a bottleneck as its 3×3 convolution has. */
const EXPANSION = 4;

/**
 * A 1×1, a 3×3 and a 1×1 convolution of `width`, `width` and `4 · width` channels. As in torchvision the 3×3 convolution
 * strides, and not the first, which would drop three pixels of four unseen.
 */
export function bottleneck(shape: ResidualBlockShape): ResidualBlock {
  const { width, stride } = shape;
  return residualBlock(shape, [
    { kernelSize: 1, outputs: width, stride: 1 },
    { kernelSize: 3, outputs: width, stride },
    { kernelSize: 1, outputs: EXPANSION * width, stride: 1 },
  ]);
}
