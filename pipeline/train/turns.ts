/**
 * What each step trains on. It follows from the number of the step alone, so training can begin with any.
 *
 * @module
 */

import type { Turn } from "../parallel/job.ts";
import { foldIn, permutation } from "../random.ts";
import type { Setup } from "./setup.ts";

/** A batch, by where it stands in its epoch. */
export interface TrainTurn extends Turn {
  /** The order of the images in the epoch, `[imagesPerEpoch]`: one and the same array from its first step to its last. */
  readonly order: Uint32Array;
}

/** Tells what a step trains on by its number. */
export function turnsOf({ plan, keys, schedule }: Setup): (step: number) => TrainTurn {
  const { batchSize, imagesPerEpoch, stepsPerEpoch, steps } = plan;
  // One epoch is remembered: to shuffle anew for each step would cost more than the step.
  let shuffled: { readonly epoch: number; readonly order: Uint32Array } | undefined;
  return (step) => {
    const epoch = Math.floor(step / stepsPerEpoch);
    if (shuffled?.epoch !== epoch) {
      shuffled = { epoch, order: permutation(foldIn(keys.order, epoch), imagesPerEpoch) };
    }
    const place = (step % stepsPerEpoch) * batchSize;
    return {
      step,
      order: shuffled.order,
      place,
      count: Math.min(batchSize, imagesPerEpoch - place),
      rate: schedule?.factor(step, steps) ?? 1,
    };
  };
}
