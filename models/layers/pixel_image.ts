/**
 * Images again from tokens that are pixels: what convolutional networks begin with.
 *
 * @module
 */

import { PolyphaseError } from "../../pipeline/errors.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import type { TokenGrid } from "../tokenizers/tokenizer.ts";

/** Height, width and channels of an image. */
export type PixelShape = readonly [height: number, width: number, channels: number];

/**
 * The shape of the images whose pixels are the tokens.
 *
 * @param model name of the model, for the error
 * @throws {PolyphaseError} if a token is not a pixel of a grid of rows and columns
 */
export function pixelShape(model: string, { shape, patchShape }: TokenGrid): PixelShape {
  const [patchHeight, patchWidth, channels] = patchShape;
  if (shape.length !== 2 || patchHeight !== 1 || patchWidth !== 1) {
    throw new PolyphaseError(
      `${model} got a token grid [${shape}] of patches [${patchShape}], expected rows and columns of pixels ` +
        `[1,1,channels]: tokenize with pixels()`,
    );
  }
  return [shape[0], shape[1], channels];
}

/** Tokens `[batch, height · width, channels]` as images `[batch, height, width, channels]`, the same data. */
export function pixelImage(tokens: Tensor, shape: PixelShape): Tensor {
  return tf.reshape(tokens, [-1, ...shape]);
}
