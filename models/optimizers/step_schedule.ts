/**
 * A learning rate that falls in steps, as PyTorch's `StepLR` and `MultiStepLR`.
 *
 * @module
 */

import { PolyphaseError } from "../../pipeline/errors.ts";
import type { Schedule } from "./schedule.ts";
import { expectSettings } from "./settings.ts";

/** A fall after every so many optimizer steps, as `StepLR`. */
export interface EveryOptions {
  /** Optimizer steps from fall to fall. */
  readonly every: number;
  /** What the factor is multiplied by in each fall. Default 0.1. */
  readonly gamma?: number;
}

/** A fall at each of some optimizer steps, as `MultiStepLR`. */
export interface MilestonesOptions {
  /** Numbers of the optimizer steps, from 0, that are the first with a lower rate; one that stands twice counts twice. */
  readonly milestones: readonly number[];
  /** What the factor is multiplied by in each fall. Default 0.1. */
  readonly gamma?: number;
}

/**
 * `gamma` to the power of the falls so far, this step's among them.
 *
 * @throws {PolyphaseError} if `gamma` is negative, or steps are not whole numbers or go by both rules
 */
export function stepSchedule(options: EveryOptions | MilestonesOptions): Schedule {
  const { every, milestones, gamma = 0.1 }: Partial<EveryOptions & MilestonesOptions> = options;
  expectSettings("step", { gamma }, { from: 0 });
  if (every !== undefined && milestones === undefined) {
    expectSettings("step", { every }, { from: 1, whole: true });
    return {
      name: "step",
      config: { name: "step", every, gamma },
      factor: (step) => gamma ** Math.floor(step / every),
    };
  }
  if (milestones !== undefined && every === undefined) {
    for (const milestone of milestones) expectSettings("step", { milestone }, { from: 0, whole: true });
    return {
      name: "step",
      config: { name: "step", milestones, gamma },
      factor: (step) => gamma ** milestones.filter((milestone) => milestone <= step).length,
    };
  }
  throw new PolyphaseError(
    `step: every is ${every} and milestones are ${milestones}, expected one of the two: give every or milestones`,
  );
}
