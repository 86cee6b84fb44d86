/**
 * mixup or CutMix, whichever chance picks: how the recipes of DeiT and its descendants train.
 *
 * H. Touvron, M. Cord, M. Douze, F. Massa, A. Sablayrolles, H. Jégou, "Training data-efficient image transformers &
 * distillation through attention", ICML 2021.
 *
 * @module
 */

import type { Augmentation } from "../augment.ts";
import { mixing } from "./mixing.ts";
import { checkAlpha, checkPer, checkProbability, type DrawPer } from "./options.ts";

/** How images are mixed. The defaults are those of DeiT. */
export interface MixupCutmixOptions {
  /** Shape of the beta distribution of mixup's share, above 0. Default 0.8. */
  readonly mixupAlpha?: number;
  /** Shape of the beta distribution of the area that CutMix leaves, above 0. Default 1. */
  readonly cutmixAlpha?: number;
  /** Chance of CutMix where images are mixed; the rest is mixup. Default 0.5. */
  readonly switchProbability?: number;
  /** Chance of a draw to mix at all, in [0, 1]. Default 1. */
  readonly probability?: number;
  /** Whether all of a batch share one draw, or each image has its own. Default `batch`. */
  readonly per?: DrawPer;
}

/**
 * Mixes as `mixup` or as `cutmix`, as timm's `Mixup` with both `mixup_alpha` and `cutmix_alpha`
 * picks between the two. Any number of channels.
 *
 * Where it is mixup, pixels are rounded to the nearest byte. Only training mixes: images without targets stay as they
 * are.
 *
 * @throws {PolyphaseError} if an option is out of range
 */
export function mixupCutmix(
  { mixupAlpha = 0.8, cutmixAlpha = 1, switchProbability = 0.5, probability = 1, per = "batch" }:
    MixupCutmixOptions = {},
): Augmentation {
  const name = "mixup-cutmix";
  checkAlpha(name, "mixupAlpha", mixupAlpha);
  checkAlpha(name, "cutmixAlpha", cutmixAlpha);
  checkProbability(name, switchProbability, "switchProbability");
  checkProbability(name, probability);
  checkPer(name, per);
  const rule = { mixupAlpha, cutmixAlpha, switchProbability, probability, per };
  return mixing({ name, ...rule }, rule);
}
