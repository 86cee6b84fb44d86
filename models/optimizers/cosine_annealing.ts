/**
 * Cosine annealing, as PyTorch's `CosineAnnealingLR` in closed form: half a wave of the cosine from the learning rate
 * down to its least.
 *
 * I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", arXiv 1608.03983; as in PyTorch,
 * without the restarts.
 *
 * @module
 */

import type { Schedule } from "./schedule.ts";
import { expectSettings } from "./settings.ts";

/** Settings of {@linkcode cosineAnnealing}. */
export interface CosineAnnealingOptions {
  /** Factor at the bottom: PyTorch's `eta_min` as a share of the learning rate. Default 0. */
  readonly minFactor?: number;
  /** Steps down to the bottom: PyTorch's `T_max`. Default: those of the whole run. */
  readonly steps?: number;
  /** Whether the factor stays at the bottom once it is there. Default false: it rises again, as in PyTorch. */
  readonly clamp?: boolean;
}

/**
 * `min + (1 − min) · (1 + cos(π t / T)) / 2` in step t of T.
 *
 * @throws {PolyphaseError} if `minFactor` is negative or `steps` is not a whole number from 1
 */
export function cosineAnnealing(
  { minFactor = 0, steps: own, clamp = false }: CosineAnnealingOptions = {},
): Schedule {
  expectSettings("cosine-annealing", { minFactor }, { from: 0 });
  expectSettings("cosine-annealing", { steps: own }, { from: 1, whole: true });
  return {
    name: "cosine-annealing",
    config: { name: "cosine-annealing", minFactor, steps: own ?? null, clamp },
    factor(step, steps) {
      const progress = step / Math.max(1, own ?? steps);
      const wave = (1 + Math.cos(Math.PI * (clamp ? Math.min(1, progress) : progress))) / 2;
      return minFactor + (1 - minFactor) * wave;
    },
  };
}
