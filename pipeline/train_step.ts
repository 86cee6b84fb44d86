/**
 * One optimizer step, as a function from state to state.
 *
 * @module
 */

import { type Tensor, tf } from "../models/backend/tf.ts";
import type { Loss } from "../models/losses.ts";
import type { Model } from "../models/model.ts";
import type { Optimizer, OptimizerState } from "../models/optimizers/optimizer.ts";
import { unflatten } from "../models/params.ts";
import type { Key } from "./random.ts";

/** What a step changes. */
export interface StepState {
  /** Dotted names of the parameters. */
  readonly names: readonly string[];
  /** The parameters, in the order of their names. */
  readonly leaves: readonly Tensor[];
  /** The optimizer's memory. */
  readonly optimizer: OptimizerState;
}

/** A batch that is ready for the model. */
export interface StepBatch {
  /** `[batch, tokens, patch]`, values in [0, 1]. */
  readonly tokens: Tensor;
  /** One-hot classes, `[batch, classes]`. */
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
}

/**
 * Takes one step and frees the tensors of the state that it replaces, but not those of the batch. Gives back the new
 * state and the loss before the step.
 */
export async function trainStep(
  { model, loss, optimizer }: StepRule,
  { names, leaves, optimizer: memory }: StepState,
  { tokens, labels }: StepBatch,
  key: Key,
): Promise<{ state: StepState; loss: number }> {
  const { value, updated } = tf.tidy(() => {
    const lossOf = (...params: Tensor[]) => {
      const tree = unflatten(params.map((param, index) => [names[index], param]));
      return loss.apply(model.apply(tree, tokens, { training: true, key }), labels).asScalar();
    };
    const { value, grads } = tf.valueAndGrads(lossOf)([...leaves]);
    const { params, state } = optimizer.update(leaves, grads, memory);
    return { value, updated: { params, slots: state.slots, step: state.step } } as unknown as {
      value: Tensor;
      updated: { params: Tensor[]; slots: OptimizerState["slots"]; step: number };
    } & Tensor;
  });
  const [number] = await value.data();
  value.dispose();
  tf.dispose([...leaves]);
  tf.dispose(Object.values(memory.slots).flat());
  const { params, slots, step } = updated;
  return { state: { names, leaves: params, optimizer: { step, slots } }, loss: number };
}
