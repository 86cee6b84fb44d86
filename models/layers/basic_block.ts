/**
 * The block of ResNet-18 and ResNet-34: two convolutions of 3×3 pixels.
 *
 * @module
 */

import { type ResidualBlock, residualBlock, type ResidualBlockShape } from "./residual_block.ts";

/** Two 3×3 convolutions of `width` channels, the first of which strides; `width` channels go out. */
export function basicBlock(shape: ResidualBlockShape): ResidualBlock {
  const { width, stride } = shape;
  return residualBlock(shape, [
    { kernelSize: 3, outputs: width, stride },
    { kernelSize: 3, outputs: width, stride: 1 },
  ]);
}
