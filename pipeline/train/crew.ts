/**
 * How many threads take the steps, and the change from one to several.
 *
 * @module
 */

import { countParams } from "../../models/params.ts";
import type { TrainProgress } from "../checkpoint.ts";
import { StageError } from "../errors.ts";
import { mostWorkers } from "../parallel/ability.ts";
import { worthwhileWorkers } from "../parallel/choose.ts";
import type { Setup } from "./setup.ts";
import { paramsOf } from "./state.ts";
import { stepByTeam, type Stepper } from "./stepper.ts";

/** The most threads that can share a batch here, without being asked for. */
function mostOf({ backend, plan }: Setup): number {
  // Workers on one GPU would only take turns.
  return backend.name === "webgpu" ? 1 : mostWorkers(Math.min(plan.batchSize, plan.imagesPerEpoch));
}

/**
 * How many threads take the steps, if it can be told before the first: what was asked for, what a checkpoint says, or no
 * choice.
 */
export function knownWorkers(setup: Setup, progress: TrainProgress): number | undefined {
  const known = setup.asked ?? progress.workers;
  if (known !== undefined) return known;
  // A checkpoint without a number is of a run that trained here.
  return progress.step > 0 || mostOf(setup) === 1 ? 1 : undefined;
}

/**
 * The stepper for all steps but the first, which took `stepMs` nominal milliseconds: a team in the place of `stepper` if
 * that is worth while and it can be had. `refused` is told why it cannot.
 */
export async function settleWorkers(
  setup: Setup,
  stepper: Stepper,
  { stepMs, steps }: { readonly stepMs: number; readonly steps: number },
  refused: (reason: string) => void,
): Promise<Stepper> {
  const state = await stepper.state();
  const parameters = countParams(paramsOf(state), setup.model);
  const workers = worthwhileWorkers({ stepMs, parameters, steps, most: mostOf(setup) });
  if (workers === 1) return stepper;
  try {
    return await stepByTeam(setup, workers, state);
  } catch (cause) {
    // Nobody asked for workers, so what cannot travel to them, a model of the user's own say, trains here.
    if (!(cause instanceof StageError)) throw cause;
    refused(cause.fault.seen);
    return stepper;
  }
}
