/**
 * mixup: training on weighted means of two images and of their targets.
 *
 * H. Zhang, M. Cisse, Y. N. Dauphin, D. Lopez-Paz, "mixup: beyond empirical risk minimization", ICLR 2018.
 *
 * @module
 */

import type { Augmentation } from "../augment.ts";
import { mixing } from "./mixing.ts";
import { checkAlpha, checkPer, checkProbability, type DrawPer } from "./options.ts";

/** How images are mixed. */
export interface MixupOptions {
  /** Shape of the beta distribution of the share, above 0: the smaller, the more one of the two prevails. Default 1. */
  readonly alpha?: number;
  /** Chance of a draw to mix at all, in [0, 1]. Default 1. */
  readonly probability?: number;
  /** Whether all of a batch share one draw, or each image has its own. Default `batch`. */
  readonly per?: DrawPer;
}

/**
 * Mixes each image with that at the mirrored place of its batch, `λ·x + (1 - λ)·partner` with λ of
 * Beta(`alpha`, `alpha`), and their targets likewise, as timm's `Mixup` with `mixup_alpha`. Any number of channels.
 *
 * Pixels are rounded to the nearest byte, so an image is off by 1/510 of the full range at most; targets are exact.
 * Only training mixes: images without targets stay as they are.
 *
 * @throws {PolyphaseError} if an option is out of range
 */
export function mixup({ alpha = 1, probability = 1, per = "batch" }: MixupOptions = {}): Augmentation {
  const name = "mixup";
  checkAlpha(name, "alpha", alpha);
  checkProbability(name, probability);
  checkPer(name, per);
  return mixing({ name, alpha, probability, per }, {
    mixupAlpha: alpha,
    cutmixAlpha: 0,
    switchProbability: 0,
    probability,
    per,
  });
}
