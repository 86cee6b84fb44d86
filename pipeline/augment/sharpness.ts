/**
 * How sharp an image is: mixing it with a smoothed one.
 *
 * @module
 */

import type { ImageShape } from "../../datasets/dataset.ts";
import { blend, blendWeights } from "./blend.ts";

/**
 * Writes the image `[height, width, channels]` with `factor` of its sharpness to `out`: 0 is smoothed, 1 as it was,
 * and above 1 sharper. The smoothing kernel is 3 × 3, `[1 1 1; 1 5 1; 1 1 1] / 13`; the border is not smoothed, and
 * an image with no inside is copied.
 */
export function adjustSharpness(image: Uint8Array, shape: ImageShape, factor: number, out: Uint8Array): void {
  const { height, width, channels } = shape;
  const row = width * channels;
  const weights = blendWeights(factor);
  // Mixed with itself a byte stays, but for what float32 makes of two weights that sum to 1.
  const border = new Uint8Array(256);
  for (let value = 0; value < 256; value++) border[value] = blend(value, value, weights);
  const hasInside = height > 2 && width > 2;
  for (let at = 0; at < image.length; at++) out[at] = hasInside ? border[image[at]] : image[at];
  for (let y = 1; y < height - 1; y++) {
    const end = (y + 1) * row - channels;
    for (let at = y * row + channels; at < end; at++) {
      const value = image[at];
      const up = at - row;
      const down = at + row;
      const sum = image[up - channels] + image[up] + image[up + channels] +
        image[at - channels] + 5 * value + image[at + channels] +
        image[down - channels] + image[down] + image[down + channels];
      // Rounded: 13 is odd, so no sum lies half-way between two bytes.
      out[at] = blend(value, Math.trunc((2 * sum + 13) / 26), weights);
    }
  }
}
