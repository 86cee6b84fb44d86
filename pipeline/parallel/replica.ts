/**
 * One worker's copy of the model: it takes the gradient of its share of each batch, and the same optimizer step as all
 * other copies.
 *
 * @module
 */

import type { Images } from "../../datasets/dataset.ts";
import { tf } from "../../models/backend/tf.ts";
import { PolyphaseError } from "../errors.ts";
import { gradientOf } from "../gradient.ts";
import { foldIn } from "../random.ts";
import type { Registry } from "../rebuild.ts";
import { withBatch } from "../train/with_batch.ts";
import { applyChanges } from "../train_step.ts";
import { weightedMean } from "./average.ts";
import { arriveAndWait } from "./barrier.ts";
import { checksum, readFlat, writeFlat } from "./flat.ts";
import type { Job, Turn } from "./job.ts";
import { partsOf } from "./parts.ts";
import { shardOf } from "./shard.ts";
import { readState, writeState } from "./shared_state.ts";

/** A worker's copy of the model. */
export interface Replica {
  /** Takes a step together with all other replicas, waiting for them; writes the loss to shared memory. */
  step(turn: Turn): Promise<void>;
  /** Writes the checksum of the state to shared memory, and replica 0 the state itself. */
  publish(): Promise<void>;
  /** Steps that the optimizer has taken. */
  optimizerStep(): number;
}

/**
 * The replica of a job, with the parameters and the optimizer's memory that lie in shared memory.
 *
 * All replicas apply the optimizer to parameters of their own, rather than one for all: an optimizer step only touches
 * each number once or twice, so to share its result costs as much as to compute it, and all cores but one would wait.
 *
 * @throws {PolyphaseError} if a part is not in the registry
 */
export function createReplica(job: Job, registry: Registry): Replica {
  const { index, workers, memory, names, shapes, normalization, clip, keys } = job;
  const { model: architecture, optimizer, loss, tokenizer, augmentations } = partsOf(job.parts, registry);
  const grid = tokenizer.grid(job.image);
  const model = architecture.build({ grid, classes: job.classes.length });
  const images = { ...job.image, count: job.labels.length, pixels: job.pixels } as unknown as Images;
  const labels = job.labels as unknown as Uint8Array<ArrayBuffer>;
  const data = {
    train: { images, labels },
    augmentations,
    tokenizer,
    grid,
    classes: job.classes,
    normalization,
  };
  const chunk = shardOf(memory.mean.length, workers, index);
  let state = readState(memory.state, job, model, job.optimizerStep);

  /** Writes loss, gradient and new buffers of this replica's rows to shared memory. */
  const takeGradient = async (turn: Turn): Promise<void> => {
    const rows = shardOf(turn.count, workers, index);
    if (rows.start === rows.end) return;
    // Each replica has chance of its own inside the model, or every share would drop out the same units.
    const key = foldIn(foldIn(keys.model, turn.step), index);
    await withBatch({ data, model, keys }, state, { ...turn, order: memory.order }, async (batch) => {
      const { loss: mean, changes } = gradientOf({ model, loss }, names, state.leaves, batch, key);
      [memory.losses[index]] = await mean.data();
      await writeFlat(changes, memory.gradients[index]);
      tf.dispose([mean, ...changes]);
    }, rows);
  };

  return {
    async step(turn) {
      await takeGradient(turn);
      arriveAndWait(memory.barrier, workers);
      const weights = memory.gradients.map((_, place) => {
        const { start, end } = shardOf(turn.count, workers, place);
        return (end - start) / turn.count;
      });
      // Each worker averages a part of the gradient for all: the work is done once, side by side.
      weightedMean(memory.mean, memory.gradients, weights, chunk.start, chunk.end);
      arriveAndWait(memory.barrier, workers);
      state = applyChanges({ model, optimizer, clip }, state, readFlat(memory.mean, shapes), turn.rate);
    },
    async publish() {
      const slots = Object.keys(state.optimizer.slots);
      if (slots.join() !== job.slots.join()) {
        throw new PolyphaseError(
          `optimizer "${optimizer.name}" remembers ${slots.join(", ") || "nothing"} after a step, at first ` +
            `${job.slots.join(", ") || "nothing"}: let its init make all that its update keeps`,
        );
      }
      // One state for all is enough, but each worker vouches for its own.
      const out = index === 0 ? memory.state : memory.state.map(({ length }) => new Float32Array(length));
      await writeState(state, out);
      memory.checksums[index] = checksum(out);
    },
    optimizerStep: () => state.optimizer.step,
  };
}
