/**
 * Whole training steps of a model as subjects of the benchmark, the making of the batch included: in this thread, or by
 * a team of workers.
 *
 * @module
 */

import { selectBackend } from "../../models/backend/select.ts";
import { tf } from "../../models/backend/tf.ts";
import { crossEntropy } from "../../models/losses.ts";
import { countParams, disposeParams, unflatten } from "../../models/params.ts";
import { makeBatch } from "../../pipeline/batch.ts";
import { startTeam } from "../../pipeline/parallel/team.ts";
import { foldIn, keyOf, permutation } from "../../pipeline/random.ts";
import type { Tokenized } from "../../pipeline/records.ts";
import { initialState, type StepState, trainStep } from "../../pipeline/train_step.ts";
import type { ModelCase } from "./model_cases.ts";
import { randomImages } from "./random_images.ts";
import type { Subject, Work } from "./side.ts";

/** Batches that there are images for. */
const BATCHES = 4;

const KEY = keyOf(0);

/** The images of a case and their tokens. */
async function dataOf({ image, tokenizer, batchSize }: ModelCase): Promise<Tokenized> {
  const dataset = randomImages(image, BATCHES * batchSize);
  // No stages: to run them would choose the backend, kernels and all, and vanilla TensorFlow.js has none.
  return {
    kind: "tokenized",
    dataset: dataset.name,
    ...await dataset.load(),
    image,
    augmentations: [],
    tokenizer,
    grid: tokenizer.grid(image),
  };
}

/** The model for those tokens, and its loss. */
function ruleOf({ model, optimizer }: ModelCase, { grid, classes }: Tokenized) {
  return { model: model.build({ grid, classes: classes.length }), optimizer, loss: crossEntropy() };
}

/** Steps in this thread. The first is taken when they are made: a backend that lacks a kernel fails there. */
export function stepsHere(given: ModelCase): Subject {
  return {
    name: given.name,
    async make(): Promise<Work> {
      const data = await dataOf(given);
      const rule = ruleOf(given, data);
      let state: StepState = initialState(rule, KEY);
      const order = permutation(KEY, BATCHES * given.batchSize);
      let step = 0;
      const take = async () => {
        const at = foldIn(KEY, step);
        const place = (step++ % BATCHES) * given.batchSize;
        const params = unflatten(state.leaves.map((leaf, index) => [state.names[index], leaf]));
        const picks = order.subarray(place, place + given.batchSize);
        const batch = await makeBatch(data, picks, at, { model: rule.model, params });
        try {
          state = (await trainStep(rule, state, batch, at)).state;
        } finally {
          tf.dispose([batch.tokens, batch.labels]);
        }
      };
      const dispose = () => tf.dispose([...state.leaves, ...Object.values(state.optimizer.slots).flat()]);
      await take().catch((cause) => {
        dispose();
        throw cause;
      });
      return { run: take, dispose };
    },
  };
}

/** Steps by so many workers, which share each batch as they do in training. */
export function stepsByTeam(given: ModelCase, workers: number): Subject {
  return {
    name: given.name,
    async make(): Promise<Work> {
      const data = await dataOf(given);
      const { model, optimizer, loss } = ruleOf(given, data);
      const { names, leaves, optimizer: memory } = initialState({ model, optimizer }, KEY);
      const params = unflatten(names.map((name, at) => [name, leaves[at]]));
      try {
        const team = await startTeam({
          workers,
          parts: { model: given.model, optimizer, loss },
          model,
          data,
          imagesPerEpoch: data.train.images.count,
          keys: { batch: KEY, model: KEY },
          backend: await selectBackend("wasm"),
          begin: { params, optimizer: memory },
        });
        team.setOrder(permutation(KEY, data.train.images.count));
        let step = 0;
        return {
          async run() {
            const place = (step % BATCHES) * given.batchSize;
            await team.step({ step: step++, place, count: given.batchSize, rate: 1 });
          },
          dispose: () => team.close(),
        };
      } finally {
        disposeParams(params);
        tf.dispose(Object.values(memory.slots).flat());
      }
    },
  };
}

/** How many numbers the model of a case learns. */
export async function parametersOf(given: ModelCase): Promise<number> {
  const { model } = ruleOf(given, await dataOf(given));
  const params = model.init(KEY);
  const count = countParams(params, model);
  disposeParams(params);
  return count;
}
