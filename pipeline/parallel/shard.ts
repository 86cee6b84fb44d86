/**
 * A worker's share of a batch: which rows they are, and making them as the whole batch would have had them.
 *
 * @module
 */

import { takeImages } from "../../datasets/dataset.ts";
import { tf } from "../../models/backend/tf.ts";
import type { Model, Params } from "../../models/model.ts";
import { applyAugmentations } from "../augment.ts";
import type { TrainBatch } from "../batch.ts";
import { oneHot } from "../evaluate.ts";
import { readEmbedding, tokenTensor } from "../predict.ts";
import { foldIn, type Key } from "../random.ts";
import type { Tokenized } from "../records.ts";

/** Consecutive rows of a batch, or consecutive numbers of anything: those in [`start`, `end`). */
export interface Shard {
  /** The first. */
  readonly start: number;
  /** One past the last. */
  readonly end: number;
}

/** What of a record batches are made of. */
export type BatchSource = Pick<Tokenized, "train" | "augmentations" | "tokenizer" | "grid" | "classes">;

/** Share `index` of `count` rows cut into `shares` runs whose lengths differ by one at most; some are empty if rows are few. */
export function shardOf(count: number, shares: number, index: number): Shard {
  return {
    start: Math.floor(count * index / shares),
    end: Math.floor(count * (index + 1) / shares),
  };
}

/**
 * The rows of `shard` of the batch that `makeBatch` makes of the same picks and key: tokens `[rows, tokens, patch]` and
 * labels `[rows, classes]`, with the very values that they have there.
 *
 * What chance an image meets depends on its place in the whole batch, so whatever draws from the key is given the whole
 * batch and the rows are taken from its result. A tokenizer without chance lays each image by itself and is given the
 * rows alone. The caller disposes of the tensors.
 */
export async function makeShard(
  data: BatchSource,
  picks: Uint32Array,
  key: Key,
  { start, end }: Shard,
  fitted: { readonly model: Model; readonly params: Params },
): Promise<TrainBatch> {
  const { tokenizer, grid, augmentations } = data;
  const { images, labels } = data.train;
  const count = end - start;
  const needsAll = augmentations.length > 0 || tokenizer.random;
  const seen = needsAll ? picks : picks.subarray(start, end);
  const augmented = applyAugmentations(
    augmentations,
    takeImages(images, seen.map((pick) => pick % images.count)),
    foldIn(key, "augment"),
    seen.map((pick) => Math.floor(pick / images.count)),
  );
  const size = augmented.pixels.length / augmented.count;
  const laid = needsAll && !tokenizer.random
    ? { ...augmented, count, pixels: augmented.pixels.subarray(start * size, end * size) }
    : augmented;
  const embedding = tokenizer.adaptive ? await readEmbedding(fitted.model, fitted.params) : undefined;
  const { values } = tokenizer.tokenize(laid, { embedding, key: foldIn(key, "tokenize") });
  const length = grid.tokens * grid.patch;
  const rows = tokenizer.random ? values.subarray(start * length, end * length) : values;
  const own = Uint8Array.from(picks.subarray(start, end), (pick) => labels[pick % images.count]);
  const classes = data.classes.length;
  return {
    tokens: tokenTensor(rows, count, grid),
    labels: tf.tensor2d(oneHot(own, classes), [count, classes]),
    count,
  };
}
