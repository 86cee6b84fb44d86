/**
 * The gradient of a batch: what every training step begins with, on one thread or on many.
 *
 * @module
 */

import { type Tensor, tf } from "../models/backend/tf.ts";
import type { Loss } from "../models/losses.ts";
import type { Model } from "../models/model.ts";
import { unflatten } from "../models/params.ts";
import type { Key } from "./random.ts";
import type { StepBatch } from "./train_step.ts";

/** A loss, and how everything in the tree of parameters is to follow it. */
export type BatchGradient = {
  /** The mean loss of the batch, a scalar. */
  readonly loss: Tensor;
  /**
   * For each leaf of the tree, in order: the gradient of a trained parameter, the new value of a buffer. The caller
   * disposes of them.
   */
  readonly changes: Tensor[];
};

/** Which leaves are trained, in order of their dotted names: buffers are not. */
export function trainedLeaves(model: Pick<Model, "isBuffer">, names: readonly string[]): boolean[] {
  return names.map((name) => !model.isBuffer?.(name));
}

/** The gradient of the mean loss of a batch with respect to the trained leaves, and the new values of the others. */
export function gradientOf(
  { model, loss }: { readonly model: Model; readonly loss: Loss },
  names: readonly string[],
  leaves: readonly Tensor[],
  { tokens, labels }: StepBatch,
  key: Key,
): BatchGradient {
  const isTrained = trainedLeaves(model, names);
  const buffers = new Map<string, Tensor>();
  const lossOf = (...trained: Tensor[]) => {
    let next = 0;
    const tree = unflatten(names.map((name, at) => [name, isTrained[at] ? trained[next++] : leaves[at]]));
    const logits = model.apply(tree, tokens, {
      training: true,
      key,
      // Kept, since whatever is made while gradients are taken is freed with them.
      update: (name, value) => buffers.set(name, tf.keep(tf.clone(value))),
    });
    return loss.apply(logits, labels).asScalar();
  };
  try {
    return tf.tidy(() => {
      const { value, grads } = tf.valueAndGrads(lossOf)(leaves.filter((_, at) => isTrained[at]));
      let next = 0;
      const changes = names.map((name, at) =>
        isTrained[at] ? grads[next++] : buffers.get(name) ?? tf.clone(leaves[at])
      );
      return { loss: value, changes };
    });
  } catch (cause) {
    tf.dispose([...buffers.values()]);
    throw cause;
  }
}
