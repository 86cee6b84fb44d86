/**
 * Making the batch of a step: images taken, augmented, laid on tokens and turned into tensors.
 *
 * @module
 */

import { takeImages } from "../datasets/dataset.ts";
import { tf } from "../models/backend/tf.ts";
import type { Model, Params } from "../models/model.ts";
import { applyAugmentations } from "./augment.ts";
import { oneHot } from "./evaluate.ts";
import { readEmbedding, tokenTensor } from "./predict.ts";
import { foldIn, type Key } from "./random.ts";
import type { Tokenized } from "./records.ts";
import type { StepBatch } from "./train_step.ts";

/** A batch that is ready for the model, and how many images it holds. */
export interface TrainBatch extends StepBatch {
  /** How many images. */
  readonly count: number;
}

/**
 * The batch of the training images at `picks`, each in [0, images × copies): a pick counts through the images, then
 * through the copies that augmentations make of them. Augmentations and tokenizer draw from `key`; an adaptive tokenizer
 * takes the embedding of the model as it is now, and only such a one needs the model. The caller disposes of the tensors.
 */
export async function makeBatch(
  data: Tokenized,
  picks: Uint32Array,
  key: Key,
  fitted?: { readonly model: Model; readonly params: Params },
): Promise<TrainBatch> {
  const { tokenizer, grid } = data;
  const { images, labels } = data.train;
  const indices = picks.map((pick) => pick % images.count);
  const versions = picks.map((pick) => Math.floor(pick / images.count));
  const augmented = applyAugmentations(
    data.augmentations,
    takeImages(images, indices),
    foldIn(key, "augment"),
    versions,
  );
  const embedding = tokenizer.adaptive && fitted
    ? await readEmbedding(fitted.model, fitted.params)
    : undefined;
  const { values } = tokenizer.tokenize(augmented, { embedding, key: foldIn(key, "tokenize") });
  const count = indices.length;
  const classes = data.classes.length;
  return {
    tokens: tokenTensor(values, count, grid),
    labels: tf.tensor2d(oneHot(Uint8Array.from(indices, (index) => labels[index]), classes), [
      count,
      classes,
    ]),
    count,
  };
}
