/**
 * Making the batch of a step: images taken, augmented, laid on tokens and turned into tensors.
 *
 * @module
 */

import { imageSize, takeImages } from "../datasets/dataset.ts";
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

/** What of a record batches are made of. */
export type BatchSource = Pick<
  Tokenized,
  "train" | "augmentations" | "tokenizer" | "grid" | "classes" | "normalization"
>;

/** Consecutive rows of a batch: those in [`start`, `end`). */
export interface Rows {
  /** The first. */
  readonly start: number;
  /** One past the last. */
  readonly end: number;
}

/**
 * The batch of the training images at `picks`, each in [0, images × copies): a pick counts through the images, then
 * through the copies that augmentations make of them. Augmentations and tokenizer draw from `key`; an adaptive tokenizer
 * takes the embedding of the model as it is now, and only such a one needs the model. The caller disposes of the tensors.
 *
 * With `rows` only these are made, with the very values that they have in the whole batch. What chance an image meets
 * depends on its place there, so whatever draws from the key is given the whole batch and the rows are taken from its
 * result; a tokenizer without chance lays each image by itself and is given the rows alone.
 */
export async function makeBatch(
  data: BatchSource,
  picks: Uint32Array,
  key: Key,
  fitted?: { readonly model: Model; readonly params: Params },
  rows: Rows = { start: 0, end: picks.length },
): Promise<TrainBatch> {
  const { tokenizer, grid, augmentations, normalization } = data;
  const { images, labels } = data.train;
  const classes = data.classes.length;
  const count = rows.end - rows.start;
  const cut = <T extends Uint8Array | Float32Array>(list: T, size: number) =>
    list.subarray(rows.start * size, rows.end * size) as T;

  const needsAll = augmentations.length > 0 || tokenizer.random;
  const seen = needsAll ? picks : picks.subarray(rows.start, rows.end);
  const indices = seen.map((pick) => pick % images.count);
  const augmented = applyAugmentations(
    augmentations,
    {
      images: takeImages(images, indices),
      targets: oneHot(Uint8Array.from(indices, (index) => labels[index]), classes),
    },
    foldIn(key, "augment"),
    seen.map((pick) => Math.floor(pick / images.count)),
  );
  const targets = needsAll ? cut(augmented.targets, classes) : augmented.targets;
  const laid = needsAll && !tokenizer.random
    ? { ...augmented.images, count, pixels: cut(augmented.images.pixels, imageSize(augmented.images)) }
    : augmented.images;
  const embedding = tokenizer.adaptive && fitted ? await readEmbedding({ ...data, ...fitted }) : undefined;
  const { values } = tokenizer.tokenize(laid, { embedding, key: foldIn(key, "tokenize") });
  const own = tokenizer.random ? cut(values, grid.tokens * grid.patch) : values;
  return {
    tokens: tokenTensor(own, count, grid, normalization),
    labels: tf.tensor2d(targets, [count, classes]),
    count,
  };
}
