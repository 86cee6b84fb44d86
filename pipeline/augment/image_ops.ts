/**
 * The fourteen operations on one image that TrivialAugment and RandAugment draw from, by torchvision's names and equal
 * to torchvision's on bytes, with nearest-pixel sampling.
 *
 * @module
 */

import type { Images, ImageShape } from "../../datasets/dataset.ts";
import { imageSize } from "../../datasets/dataset.ts";
import { PolyphaseError } from "../errors.ts";
import { moveImage, rotation, shearX, shearY, translationX, translationY } from "./affine.ts";
import { adjustColor } from "./color.ts";
import { type Fill, fillBytes } from "./options.ts";
import {
  adjustBrightness,
  adjustContrast,
  autoContrast,
  equalize,
  posterize,
  solarize,
} from "./pointwise.ts";
import { adjustSharpness } from "./sharpness.ts";

/** The operations, in torchvision's order. */
export const IMAGE_OPERATIONS = [
  "Identity",
  "ShearX",
  "ShearY",
  "TranslateX",
  "TranslateY",
  "Rotate",
  "Brightness",
  "Color",
  "Contrast",
  "Sharpness",
  "Posterize",
  "Solarize",
  "AutoContrast",
  "Equalize",
] as const;

/** Name of an operation. */
export type ImageOperation = typeof IMAGE_OPERATIONS[number];

/** An operation and how strongly it is done. */
export interface OperationDraw {
  /** Which operation. */
  readonly operation: ImageOperation;
  /**
   * Its strength, with a sign where there are two ways: slope of a shear, pixels of a translation (cut off to whole
   * ones), degrees of a rotation, change of the factor of brightness, colour, contrast and sharpness, bits to keep of
   * Posterize, threshold of Solarize. The others have none and take no notice.
   */
  readonly magnitude: number;
}

/** Does one operation: from `image`, of a shape and with a fill for each channel, to `out`. */
type Apply = (
  image: Uint8Array,
  shape: ImageShape,
  magnitude: number,
  fill: Uint8Array,
  out: Uint8Array,
) => void;

const APPLY: { readonly [name in ImageOperation]: Apply } = {
  Identity: (image, _shape, _magnitude, _fill, out) => out.set(image),
  ShearX: (image, shape, slope, fill, out) => moveImage(image, shape, shearX(slope, shape), fill, out),
  ShearY: (image, shape, slope, fill, out) => moveImage(image, shape, shearY(slope, shape), fill, out),
  TranslateX: (image, shape, pixels, fill, out) =>
    moveImage(image, shape, translationX(Math.trunc(pixels)), fill, out),
  TranslateY: (image, shape, pixels, fill, out) =>
    moveImage(image, shape, translationY(Math.trunc(pixels)), fill, out),
  Rotate: (image, shape, degrees, fill, out) => moveImage(image, shape, rotation(degrees), fill, out),
  Brightness: (image, _shape, change, _fill, out) => adjustBrightness(image, 1 + change, out),
  Color: (image, shape, change, _fill, out) => adjustColor(image, shape, 1 + change, out),
  Contrast: (image, shape, change, _fill, out) => adjustContrast(image, shape, 1 + change, out),
  Sharpness: (image, shape, change, _fill, out) => adjustSharpness(image, shape, 1 + change, out),
  Posterize: (image, _shape, bits, _fill, out) => posterize(image, Math.trunc(bits), out),
  Solarize: (image, _shape, threshold, _fill, out) => solarize(image, threshold, out),
  AutoContrast: (image, shape, _magnitude, _fill, out) => autoContrast(image, shape, out),
  Equalize: (image, shape, _magnitude, _fill, out) => equalize(image, shape, out),
};

/**
 * New images `[count, height, width, channels]`, each the outcome of one operation: `draws` holds one for each image,
 * or a single one for all.
 *
 * @param images The images, of 1 or 3 channels.
 * @param draws What to do.
 * @param fill What comes in at the border where an operation moves pixels. Default 0.
 * @throws {PolyphaseError} if the images have neither 1 nor 3 channels, or `fill` is not for as many as they have
 * @throws {RangeError} if there is neither one draw nor one an image
 */
export function applyOperations(images: Images, draws: readonly OperationDraw[], fill: Fill = 0): Images {
  if (images.channels !== 1 && images.channels !== 3) {
    throw new PolyphaseError(
      `image operations: images of ${images.channels} channels, expected 1 (grey) or 3 (RGB): choose other augmentations`,
    );
  }
  if (draws.length !== 1 && draws.length !== images.count) {
    throw new RangeError(`${draws.length} draws for ${images.count} images: give one, or one an image`);
  }
  const size = imageSize(images);
  const border = fillBytes("image operations", fill, images.channels);
  const pixels = new Uint8Array(images.pixels.length);
  for (let row = 0; row < images.count; row++) {
    const { operation, magnitude } = draws[draws.length === 1 ? 0 : row];
    const image = images.pixels.subarray(row * size, (row + 1) * size);
    APPLY[operation](image, images, magnitude, border, pixels.subarray(row * size, (row + 1) * size));
  }
  return { ...images, pixels };
}
