/**
 * TrivialAugment: one random operation of random strength on each image, and nothing to tune.
 *
 * S. G. Müller, F. Hutter, "TrivialAugment: tuning-free yet state-of-the-art data augmentation", ICCV 2021.
 *
 * @module
 */

import type { Augmentation } from "../augment.ts";
import { applyOperations } from "./image_ops.ts";
import { drawOperations, wideRanges } from "./operation_ranges.ts";
import { checkFill, checkPer, checkWhole, type DrawPer, type Fill } from "./options.ts";

/** How TrivialAugment draws. */
export interface TrivialAugmentOptions {
  /** Magnitudes of each operation to choose from. Default 31. */
  readonly magnitudeBins?: number;
  /**
   * Whether each image has a draw of its own, or all of a batch share one, which is what torchvision makes of a batch
   * in one tensor. Default `image`.
   */
  readonly per?: DrawPer;
  /** What comes in at the border where an operation moves pixels: a byte, or one for each channel. Default 0. */
  readonly fill?: Fill;
}

/**
 * TrivialAugment with its wide ranges, as torchvision's `TrivialAugmentWide` with nearest-pixel sampling: one operation
 * drawn of fourteen, with a magnitude drawn of `magnitudeBins`, both ways where there are two. For images of 1 or 3
 * channels; what an operation does is equal to torchvision's to the byte.
 *
 * @throws {PolyphaseError} if an option is out of range; when applied, if the images have neither 1 nor 3 channels
 */
export function trivialAugmentWide(
  { magnitudeBins = 31, per = "image", fill = 0 }: TrivialAugmentOptions = {},
): Augmentation {
  const name = "trivial-augment-wide";
  checkWhole(name, "magnitudeBins", magnitudeBins, 2);
  checkPer(name, per);
  checkFill(name, fill);
  const ranges = wideRanges(magnitudeBins);
  return {
    name,
    config: { name, magnitudeBins, per, fill },
    copies: 1,
    apply: (images, key) =>
      applyOperations(images, drawOperations(key, per === "batch" ? 1 : images.count, ranges), fill),
  };
}
