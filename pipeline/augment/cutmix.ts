/**
 * CutMix: training on images with a rectangle of another image in them, and on their targets by area.
 *
 * S. Yun, D. Han, S. J. Oh, S. Chun, J. Choe, Y. Yoo, "CutMix: regularization strategy to train strong classifiers with
 * localizable features", ICCV 2019.
 *
 * @module
 */

import type { Augmentation } from "../augment.ts";
import { mixing } from "./mixing.ts";
import { checkAlpha, checkPer, checkProbability, type DrawPer } from "./options.ts";

/** How images are mixed. */
export interface CutmixOptions {
  /** Shape of the beta distribution of the area that stays, above 0. Default 1. */
  readonly alpha?: number;
  /** Chance of a draw to mix at all, in [0, 1]. Default 1. */
  readonly probability?: number;
  /** Whether all of a batch share one rectangle, or each image has its own. Default `batch`. */
  readonly per?: DrawPer;
}

/**
 * Pastes a rectangle of the image at the mirrored place of the batch into each image, as timm's `Mixup` with
 * `cutmix_alpha`: its sides are √(1 - λ) of the image's with λ of Beta(`alpha`, `alpha`), its centre is anywhere in the
 * image, and what sticks out is cut off. Targets are mixed by the area that is really pasted. Any number of channels.
 *
 * Only training mixes: images without targets stay as they are.
 *
 * @throws {PolyphaseError} if an option is out of range
 */
export function cutmix({ alpha = 1, probability = 1, per = "batch" }: CutmixOptions = {}): Augmentation {
  const name = "cutmix";
  checkAlpha(name, "alpha", alpha);
  checkProbability(name, probability);
  checkPer(name, per);
  return mixing({ name, alpha, probability, per }, {
    mixupAlpha: 0,
    cutmixAlpha: alpha,
    switchProbability: 1,
    probability,
    per,
  });
}
