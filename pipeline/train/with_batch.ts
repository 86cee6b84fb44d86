/**
 * The batch of a turn, made before it is used and freed after.
 *
 * @module
 */

import { tf } from "../../models/backend/tf.ts";
import type { Model } from "../../models/model.ts";
import { type BatchSource, makeBatch, type Rows } from "../batch.ts";
import { foldIn, type Key } from "../random.ts";
import type { StepBatch, StepState } from "../train_step.ts";
import { paramsOf } from "./state.ts";
import type { TrainTurn } from "./turns.ts";

/** What batches are made of. */
export interface BatchMaker {
  /** Images, and what is done to them. */
  readonly data: BatchSource;
  /** The model that they are for. */
  readonly model: Model;
  /** Where chance comes from. */
  readonly keys: { readonly batch: Key };
}

/**
 * What `use` makes of the batch of a turn, or of some rows of it. Adaptive tokenizers take the embedding of `state`. The
 * batch is freed when `use` has ended, well or not.
 */
export async function withBatch<T>(
  { data, model, keys }: BatchMaker,
  state: StepState,
  { step, order, place, count }: Omit<TrainTurn, "rate">,
  use: (batch: StepBatch) => Promise<T>,
  rows?: Rows,
): Promise<T> {
  const picks = order.subarray(place, place + count);
  const fitted = { model, params: paramsOf(state) };
  const batch = await makeBatch(data, picks, foldIn(keys.batch, step), fitted, rows);
  try {
    return await use(batch);
  } finally {
    tf.dispose([batch.tokens, batch.labels]);
  }
}
