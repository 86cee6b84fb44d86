/**
 * How the state of training lies in shared memory: all parameters one behind the other, then each of the optimizer's
 * slots in the same way.
 *
 * @module
 */

import type { Model } from "../../models/model.ts";
import { trainedLeaves } from "../gradient.ts";
import type { StepState } from "../train_step.ts";
import { readFlat, writeFlat } from "./flat.ts";

/** What the numbers of a state are, in the order in which they lie. */
export interface StateLayout {
  /** Dotted name of each parameter, buffers among them. */
  readonly names: readonly string[];
  /** Shape of each parameter. */
  readonly shapes: readonly (readonly number[])[];
  /** Names of the optimizer's slots. */
  readonly slots: readonly string[];
}

/** The layout of a state. */
export function layoutOf({ names, leaves, optimizer }: StepState): StateLayout {
  return { names, shapes: leaves.map(({ shape }) => shape), slots: Object.keys(optimizer.slots) };
}

/** Writes a state to `out`, `[1 + slots][parameters]`. */
export async function writeState(
  { leaves, optimizer }: StepState,
  out: readonly Float32Array[],
): Promise<void> {
  const lists = [leaves, ...Object.values(optimizer.slots)];
  await Promise.all(lists.map((tensors, place) => writeFlat(tensors, out[place])));
}

/**
 * The state of `model` whose numbers are `flat`, `[1 + slots][parameters]`, after so many steps of the optimizer. The
 * caller disposes of it.
 */
export function readState(
  flat: readonly Float32Array[],
  { names, shapes, slots }: StateLayout,
  model: Pick<Model, "isBuffer">,
  optimizerStep: number,
): StepState {
  const isTrained = trainedLeaves(model, names);
  const slotShapes = shapes.filter((_, at) => isTrained[at]);
  return {
    names,
    leaves: readFlat(flat[0], shapes),
    optimizer: {
      step: optimizerStep,
      slots: Object.fromEntries(slots.map((slot, place) => [slot, readFlat(flat[1 + place], slotShapes)])),
    },
  };
}
