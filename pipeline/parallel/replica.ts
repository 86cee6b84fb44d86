/**
 * One worker's copy of the model: it takes the gradient of its share of each batch, and the same optimizer step as all
 * other copies.
 *
 * @module
 */

import type { Images } from "../../datasets/dataset.ts";
import { tf } from "../../models/backend/tf.ts";
import { unflatten } from "../../models/params.ts";
import { makeBatch } from "../batch.ts";
import { PolyphaseError } from "../errors.ts";
import { gradientOf, trainedLeaves } from "../gradient.ts";
import { foldIn } from "../random.ts";
import type { Registry } from "../rebuild.ts";
import { applyChanges, type StepState } from "../train_step.ts";
import { weightedMean } from "./average.ts";
import { arriveAndWait } from "./barrier.ts";
import { checksum, readFlat, writeFlat } from "./flat.ts";
import type { Job, Turn } from "./job.ts";
import { partsOf } from "./parts.ts";
import { shardOf } from "./shard.ts";

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
  const { index, workers, memory, names, shapes, normalization, clip } = job;
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
  const isTrained = trainedLeaves(model, names);
  const slotShapes = shapes.filter((_, at) => isTrained[at]);

  let state: StepState = {
    names,
    leaves: readFlat(memory.state[0], shapes),
    optimizer: {
      step: job.optimizerStep,
      slots: Object.fromEntries(
        job.slots.map((slot, place) => [slot, readFlat(memory.state[1 + place], slotShapes)]),
      ),
    },
  };

  /** Writes loss, gradient and new buffers of this replica's rows to shared memory. */
  const takeGradient = async ({ step, place, count }: Turn): Promise<void> => {
    const rows = shardOf(count, workers, index);
    if (rows.start === rows.end) return;
    const picks = memory.order.subarray(place, place + count);
    const params = unflatten(state.leaves.map((leaf, at) => [names[at], leaf]));
    const batch = await makeBatch(data, picks, foldIn(job.keys.batch, step), { model, params }, rows);
    // Each replica has chance of its own inside the model, or every share would drop out the same units.
    const key = foldIn(foldIn(job.keys.model, step), index);
    const made = gradientOf({ model, loss }, names, state.leaves, batch, key);
    [memory.losses[index]] = await made.loss.data();
    await writeFlat(made.changes, memory.gradients[index]);
    tf.dispose([made.loss, ...made.changes, batch.tokens, batch.labels]);
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
      const { leaves, optimizer: { slots: kept } } = state;
      const slots = Object.keys(kept);
      if (slots.join() !== job.slots.join()) {
        throw new PolyphaseError(
          `optimizer "${optimizer.name}" remembers ${slots.join(", ") || "nothing"} after a step, at first ` +
            `${job.slots.join(", ") || "nothing"}: let its init make all that its update keeps`,
        );
      }
      const flat = await Promise.all([leaves, ...Object.values(kept)].map(async (tensors, place) => {
        const out = index === 0 ? memory.state[place] : new Float32Array(memory.mean.length);
        await writeFlat(tensors, out);
        return out;
      }));
      memory.checksums[index] = checksum(flat);
    },
    optimizerStep: () => state.optimizer.step,
  };
}
