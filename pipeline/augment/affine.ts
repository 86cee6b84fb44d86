/**
 * Moving the pixels of one image by an affine map, to the nearest pixel: shear, translation and rotation with the
 * sampling of torchvision's `affine` and `rotate`, to the pixel.
 *
 * @module
 */

import type { ImageShape } from "../../datasets/dataset.ts";
import { roundHalfEven } from "./rounding.ts";

/**
 * Where an output pixel comes from, both as offsets from the image's centre:
 * `[xx, xy, x0, yx, yy, y0]` stands for `x' = xx·x + xy·y + x0`, `y' = yx·x + yy·y + y0`.
 */
export type AffineMap = readonly [xx: number, xy: number, x0: number, yx: number, yy: number, y0: number];

/** Moves pixels by `pixels` to the right. */
export function translationX(pixels: number): AffineMap {
  return [1, 0, -pixels, 0, 1, 0];
}

/** Moves pixels by `pixels` down. */
export function translationY(pixels: number): AffineMap {
  return [1, 0, 0, 0, 1, -pixels];
}

/** Shears rows by `slope` pixels a row, to the left if it is positive; the top edge of the image stays. */
export function shearX(slope: number, { height }: ImageShape): AffineMap {
  return [1, slope, (slope * height) / 2, 0, 1, 0];
}

/** Shears columns by `slope` pixels a column, upwards if it is positive; the left edge of the image stays. */
export function shearY(slope: number, { width }: ImageShape): AffineMap {
  return [1, 0, 0, slope, 1, (slope * width) / 2];
}

/** Turns by `degrees` about the centre, counter-clockwise if they are positive. */
export function rotation(degrees: number): AffineMap {
  const angle = (degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return [cos, -sin, 0, sin, cos, 0];
}

/**
 * Writes the image `[height, width, channels]`, moved, to `out`. What comes from outside of the image is `fill`,
 * `[channels]`.
 */
export function moveImage(
  image: Uint8Array,
  { height, width, channels }: ImageShape,
  [xx, xy, x0, yx, yy, y0]: AffineMap,
  fill: Uint8Array,
  out: Uint8Array,
): void {
  let target = 0;
  for (let y = 0; y < height; y++) {
    const offsetY = y - height / 2 + 0.5;
    for (let x = 0; x < width; x++) {
      const offsetX = x - width / 2 + 0.5;
      // Float32 before rounding: there, what is half-way between two pixels but for noise is half-way.
      const fromX = roundHalfEven(Math.fround(xx * offsetX + xy * offsetY + x0 + width / 2 - 0.5));
      const fromY = roundHalfEven(Math.fround(yx * offsetX + yy * offsetY + y0 + height / 2 - 0.5));
      if (fromX >= 0 && fromX < width && fromY >= 0 && fromY < height) {
        const source = (fromY * width + fromX) * channels;
        for (let channel = 0; channel < channels; channel++) out[target++] = image[source + channel];
      } else {
        for (let channel = 0; channel < channels; channel++) out[target++] = fill[channel];
      }
    }
  }
}
