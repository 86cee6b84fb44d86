/**
 * One optimizer step, as a function from state to state.
 *
 * @module
 */

import { type Tensor, tf } from "../models/backend/tf.ts";
import type { Loss } from "../models/losses.ts";
import type { Model } from "../models/model.ts";
import { clipGradients, type ClipRule } from "../models/optimizers/clip_gradients.ts";
import type { Optimizer, OptimizerState } from "../models/optimizers/optimizer.ts";
import { flatten } from "../models/params.ts";
import { gradientOf, trainedLeaves } from "./gradient.ts";
import type { Key } from "./random.ts";

/** What a step changes. */
export interface StepState {
  /** Dotted names of the parameters, buffers among them. */
  readonly names: readonly string[];
  /** The parameters, in the order of their names. The optimizer knows of those that are no buffers. */
  readonly leaves: readonly Tensor[];
  /** The optimizer's memory. */
  readonly optimizer: OptimizerState;
}

/** A batch that is ready for the model. */
export interface StepBatch {
  /** `[batch, tokens, patch]`, values in [0, 1] or normalized. */
  readonly tokens: Tensor;
  /** Share of each class, `[batch, classes]`: one-hot unless an augmentation mixes images. */
  readonly labels: Tensor;
}

/** What stays the same from step to step. */
export interface StepRule {
  /** The model. */
  readonly model: Model;
  /** The loss of its logits. */
  readonly loss: Loss;
  /** How gradients change parameters. */
  readonly optimizer: Optimizer;
  /** How gradients are clipped first. Default: not at all. */
  readonly clip?: ClipRule;
}

/** The state before the first step. The caller disposes of it. */
export function initialState(
  { model, optimizer }: Pick<StepRule, "model" | "optimizer">,
  key: Key,
): StepState {
  const leaves = flatten(model.init(key));
  const names = leaves.map(([name]) => name);
  const isTrained = trainedLeaves(model, names);
  const tensors = leaves.map(([, leaf]) => leaf);
  return { names, leaves: tensors, optimizer: optimizer.init(tensors.filter((_, at) => isTrained[at])) };
}

/**
 * Takes one step and frees the tensors of the state that it replaces, but not those of the batch. Gives back the new
 * state and the loss before the step. `rate` is a factor of the optimizer's learning rate.
 */
export async function trainStep(
  rule: StepRule,
  state: StepState,
  batch: StepBatch,
  key: Key,
  rate = 1,
): Promise<{ state: StepState; loss: number }> {
  const { loss, changes } = gradientOf(rule, state.names, state.leaves, batch, key);
  let next: StepState;
  try {
    next = applyChanges(rule, state, changes, rate);
  } catch (cause) {
    tf.dispose([loss, ...changes]);
    throw cause;
  }
  const [number] = await loss.data();
  loss.dispose();
  return { state: next, loss: number };
}

/**
 * The state after gradients, and new values of buffers, have been applied: `changes` has one of either for each leaf.
 * Frees the tensors of the state that it replaces, and the changes.
 */
export function applyChanges(
  { model, optimizer, clip }: Omit<StepRule, "loss">,
  { names, leaves, optimizer: memory }: StepState,
  changes: readonly Tensor[],
  rate: number,
): StepState {
  const isTrained = trainedLeaves(model, names);
  const trained = <T>(list: readonly T[]) => list.filter((_, at) => isTrained[at]);
  let step = 0;
  let slotNames: string[] = [];
  const [params, ...slots] = tf.tidy(() => {
    const gradients = trained(changes);
    const clipped = clip ? clipGradients(gradients, clip) : gradients;
    const { params, state } = optimizer.update(trained(leaves), clipped, memory, rate);
    step = state.step;
    slotNames = Object.keys(state.slots);
    return [params, ...Object.values(state.slots).map((list) => [...list])];
  });
  let next = 0;
  const fresh = names.map((_, at) => isTrained[at] ? params[next++] : changes[at]);
  tf.dispose([...leaves, ...trained(changes), ...Object.values(memory.slots).flat()]);
  const kept = Object.fromEntries(slotNames.map((name, at) => [name, slots[at]]));
  return { names, leaves: fresh, optimizer: { step, slots: kept } };
}
