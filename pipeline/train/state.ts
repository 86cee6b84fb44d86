/**
 * The tensors that training changes, as a list and as a tree.
 *
 * @module
 */

import { tf } from "../../models/backend/tf.ts";
import type { Params } from "../../models/model.ts";
import type { OptimizerState } from "../../models/optimizers/optimizer.ts";
import { flatten, unflatten } from "../../models/params.ts";
import type { StepState } from "../train_step.ts";

/** The parameters of a state as a tree. The tensors are those of the state. */
export function paramsOf({ names, leaves }: Pick<StepState, "names" | "leaves">): Params {
  return unflatten(names.map((name, at) => [name, leaves[at]]));
}

/** The state with these parameters and this memory: undoes {@linkcode paramsOf}. */
export function stateOf(params: Params, optimizer: OptimizerState): StepState {
  const entries = flatten(params);
  return { names: entries.map(([name]) => name), leaves: entries.map(([, leaf]) => leaf), optimizer };
}

/** Frees all tensors of a state. */
export function disposeState({ leaves, optimizer }: StepState): void {
  tf.dispose([...leaves, ...Object.values(optimizer.slots).flat()]);
}
