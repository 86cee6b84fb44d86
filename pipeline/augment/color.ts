/**
 * How colourful an image is: mixing it with its own grey.
 *
 * @module
 */

import type { ImageShape } from "../../datasets/dataset.ts";
import { blend, blendWeights } from "./blend.ts";
import { greyOf } from "./grey.ts";

/**
 * Writes the image `[height, width, channels]` with `factor` of its colour to `out`: 0 is grey, 1 as it was. An image
 * that has not three channels has no colour and is copied.
 */
export function adjustColor(image: Uint8Array, shape: ImageShape, factor: number, out: Uint8Array): void {
  if (shape.channels !== 3) {
    out.set(image);
    return;
  }
  const weights = blendWeights(factor);
  for (let at = 0; at < image.length; at += 3) {
    const red = image[at];
    const green = image[at + 1];
    const blue = image[at + 2];
    const grey = greyOf(red, green, blue);
    out[at] = blend(red, grey, weights);
    out[at + 1] = blend(green, grey, weights);
    out[at + 2] = blend(blue, grey, weights);
  }
}
