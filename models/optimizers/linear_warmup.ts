/**
 * Warm-up: the first steps of a run raise the learning rate in a straight line to where another schedule begins, as
 * PyTorch's `LinearLR` followed by that schedule in a `SequentialLR`.
 *
 * P. Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", arXiv 1706.02677.
 *
 * @module
 */

import { constant } from "./constant.ts";
import type { Schedule } from "./schedule.ts";
import { expectSettings } from "./settings.ts";

/** Settings of {@linkcode linearWarmup}. */
export interface LinearWarmupOptions {
  /** Share of the full factor in the first step, in [0, 1]: PyTorch's `start_factor`. Default 0. */
  readonly start?: number;
}

/**
 * A warm-up of so many steps before `schedule`, which then has the rest of the run to itself: its step 0 comes right
 * after. In step t of a warm-up of W the factor is `start + (1 − start) · t / W` times its first.
 *
 * @param steps steps of the warm-up
 * @param schedule what follows. Default: the full learning rate
 * @throws {PolyphaseError} if `steps` is not a whole number from 1 or `start` is not in [0, 1]
 */
export function linearWarmup(
  steps: number,
  schedule: Schedule = constant(),
  { start = 0 }: LinearWarmupOptions = {},
): Schedule {
  expectSettings("linear-warmup", { steps }, { from: 1, whole: true });
  expectSettings("linear-warmup", { start }, { from: 0, to: 1 });
  return {
    name: "linear-warmup",
    config: { name: "linear-warmup", steps, start, schedule: schedule.config },
    factor(step, all) {
      const rest = Math.max(1, all - steps);
      if (step >= steps) return schedule.factor(step - steps, rest);
      return (start + (1 - start) * step / steps) * schedule.factor(0, rest);
    },
  };
}
