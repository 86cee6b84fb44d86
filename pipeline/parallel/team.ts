/**
 * A team of workers that train one model together.
 *
 * @module
 */

import type { OptimizerState } from "../../models/optimizers/optimizer.ts";
import type { Model, Params } from "../../models/model.ts";
import type { ClipRule } from "../../models/optimizers/clip_gradients.ts";
import { PolyphaseError, StageError } from "../errors.ts";
import type { Run } from "../pipe.ts";
import type { Key } from "../random.ts";
import type { Tokenized } from "../records.ts";
import { stateOf } from "../train/state.ts";
import type { StepState } from "../train_step.ts";
import { workerFault } from "./ability.ts";
import type { Turn } from "./job.ts";
import { checkTravel, configOf, loadRegistry, type Parts } from "./parts.ts";
import { shardOf } from "./shard.ts";
import { createMemory, shareBytes } from "./shared_memory.ts";
import { layoutOf, readState, writeState } from "./shared_state.ts";
import { startThreads } from "./threads.ts";

/** What a team is made for. */
export interface TeamOptions {
  /** How many workers, at least 2. */
  readonly workers: number;
  /** Model, optimizer and loss. Tokenizer and augmentations are those of the data. */
  readonly parts: Pick<Parts, "model" | "optimizer" | "loss">;
  /** How gradients are clipped. */
  readonly clip?: ClipRule;
  /** Address of a module that exports a `registry` with the builders of all parts. */
  readonly registryModule?: string;
  /** The model as it was built for the data. */
  readonly model: Model;
  /** What to train on. */
  readonly data: Tokenized;
  /** Training images with all their copies. */
  readonly imagesPerEpoch: number;
  /** Keys that a step's number is folded into. */
  readonly keys: { readonly batch: Key; readonly model: Key };
  /** What the tensors live on. */
  readonly backend: Run["backend"];
  /** Parameters and optimizer memory to begin with. They stay the caller's. */
  readonly begin: { readonly params: Params; readonly optimizer: OptimizerState };
}

/** Workers that train one model together. */
export interface Team {
  /** How many. */
  readonly workers: number;
  /** Hands over the order of the images of an epoch, `[imagesPerEpoch]`. */
  setOrder(order: Uint32Array): void;
  /** Takes an optimizer step; gives back the mean loss over the batch before it. */
  step(turn: Turn): Promise<number>;
  /** The state after the last step. The caller disposes of its tensors. */
  read(): Promise<StepState>;
  /** Ends the workers, whatever they are doing. */
  close(): void;
}

/**
 * Starts workers and waits until they are ready.
 *
 * Each has a backend, a replica of the model and a share of the rows of each batch. The gradients of the shares meet in
 * shared memory and are averaged, weighted by the number of rows, in the order of the workers, so the same number of
 * workers gives the same bits however they are scheduled. Batches hold what they hold with one worker; only rounding
 * differs, and what is taken over a batch inside the model, statistics of a batch norm for one, is taken over a share.
 *
 * @throws {StageError} if workers cannot run here, a part cannot be sent to them, or one does not start
 */
export async function startTeam(options: TeamOptions): Promise<Team> {
  const { workers, data, begin, registryModule } = options;
  const parts: Parts = { ...options.parts, tokenizer: data.tokenizer, augmentations: data.augmentations };
  const fault = workerFault();
  if (fault !== undefined) throw refusal(workers, fault.reason, fault.mend);
  try {
    checkTravel(parts, await loadRegistry(registryModule));
  } catch (cause) {
    if (!(cause instanceof PolyphaseError)) throw cause;
    throw refusal(
      workers,
      `parts that workers cannot make: ${cause.message}`,
      "give registryModule the address of a module that exports such a registry, or set workers: 1",
    );
  }

  const state = stateOf(begin.params, begin.optimizer);
  const layout = layoutOf(state);
  const memory = createMemory({
    workers,
    parameters: state.leaves.reduce((sum, { size }) => sum + size, 0),
    slots: layout.slots.length,
    imagesPerEpoch: options.imagesPerEpoch,
  });
  await writeState(state, memory.state);
  const threads = await startThreads({
    ...layout,
    workers,
    backend: options.backend.name,
    parts: configOf(parts),
    registryModule,
    image: data.image,
    classes: data.classes,
    pixels: shareBytes(data.train.images.pixels),
    labels: shareBytes(data.train.labels),
    normalization: data.normalization,
    clip: options.clip,
    keys: options.keys,
    optimizerStep: begin.optimizer.step,
    memory,
  });

  return {
    workers,
    setOrder: (order) => memory.order.set(order),
    async step(turn) {
      await threads.tell({ kind: "step", turn }, `finish step ${turn.step + 1}`);
      const { count } = turn;
      let sum = 0;
      for (let index = 0; index < workers; index++) {
        const { start, end } = shardOf(count, workers, index);
        if (end > start) sum += (end - start) * memory.losses[index];
      }
      return sum / count;
    },
    async read() {
      const optimizerStep = await threads.tell({ kind: "publish" }, "hand over parameters");
      if (memory.checksums.some((each) => each !== memory.checksums[0])) {
        threads.close();
        throw new StageError({
          stage: "train",
          seen: `different parameters in the ${workers} workers`,
          expected: "the same in all",
          mend: "let the optimizer be a pure function, without clock or Math.random",
        });
      }
      return readState(memory.state, layout, options.model, optimizerStep);
    },
    close: threads.close,
  };
}

function refusal(workers: number, reason: string, mend: string): StageError {
  return new StageError({ stage: "train", seen: reason, expected: `what ${workers} workers need`, mend });
}
