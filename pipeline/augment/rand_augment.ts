/**
 * RandAugment: some random operations on each image, one after the other, all of one strength.
 *
 * E. D. Cubuk, B. Zoph, J. Shlens, Q. V. Le, "RandAugment: practical automated data augmentation with a reduced search
 * space", NeurIPS 2020.
 *
 * @module
 */

import type { Augmentation } from "../augment.ts";
import { PolyphaseError } from "../errors.ts";
import { split } from "../random.ts";
import { applyOperations } from "./image_ops.ts";
import { drawOperations, randAugmentRanges } from "./operation_ranges.ts";
import { checkFill, checkPer, checkWhole, type DrawPer, type Fill } from "./options.ts";

/** How RandAugment draws. */
export interface RandAugmentOptions {
  /** Operations on each image, one after the other. Default 2. */
  readonly ops?: number;
  /** Which magnitude of the bins all operations have, from 0. Default 9. */
  readonly magnitude?: number;
  /** Magnitudes of each operation. Default 31. */
  readonly magnitudeBins?: number;
  /** Whether each image has draws of its own, or all of a batch share them. Default `image`. */
  readonly per?: DrawPer;
  /** What comes in at the border where an operation moves pixels: a byte, or one for each channel. Default 0. */
  readonly fill?: Fill;
}

/**
 * RandAugment as torchvision's `RandAugment` with nearest-pixel sampling: `ops` operations drawn of fourteen with
 * replacement, at one magnitude, both ways where there are two. For images of 1 or 3 channels.
 *
 * @throws {PolyphaseError} if an option is out of range; when applied, if the images have neither 1 nor 3 channels
 */
export function randAugment(
  { ops = 2, magnitude = 9, magnitudeBins = 31, per = "image", fill = 0 }: RandAugmentOptions = {},
): Augmentation {
  const name = "rand-augment";
  checkWhole(name, "ops", ops, 1);
  checkWhole(name, "magnitudeBins", magnitudeBins, 2);
  checkWhole(name, "magnitude", magnitude, 0);
  if (magnitude >= magnitudeBins) {
    throw new PolyphaseError(
      `${name}: magnitude is ${magnitude} of ${magnitudeBins} bins, expected 0 to ${magnitudeBins - 1}`,
    );
  }
  checkPer(name, per);
  checkFill(name, fill);
  return {
    name,
    config: { name, ops, magnitude, magnitudeBins, per, fill },
    copies: 1,
    apply(images, key) {
      const ranges = randAugmentRanges(magnitudeBins, images);
      const draws = per === "batch" ? 1 : images.count;
      return split(key, ops).reduce(
        (batch, each) => applyOperations(batch, drawOperations(each, draws, ranges, magnitude), fill),
        images,
      );
    },
  };
}
