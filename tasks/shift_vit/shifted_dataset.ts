/**
 * A data set each of whose images lies at a random place of its own, so that position says nothing about the class.
 *
 * @module
 */

import type { Dataset, Split } from "../../datasets/dataset.ts";
import { shiftImages } from "../../datasets/shift.ts";
import { foldIn, keyOf, randint } from "../../pipeline/random.ts";

/** Seed of the offsets. It is not that of a run, so that all models of all seeds see the same images. */
const SEED = 0;

/**
 * The data set with each image, of training and of test, shifted circularly once and for all, by an offset that is uniform
 * over all offsets there are. Its configuration gains `shifted`.
 */
export function shiftedDataset(dataset: Dataset): Dataset {
  return {
    ...dataset,
    config: { ...dataset.config, shifted: { mode: "circular-2d", seed: SEED } },
    async load(options) {
      const { train, test, classes } = await dataset.load(options);
      return { train: shifted(train, "train"), test: shifted(test, "test"), classes };
    },
  };
}

function shifted(split: Split, name: string): Split {
  const { count, height, width } = split.images;
  const key = foldIn(keyOf(SEED), name);
  const rows = randint(foldIn(key, "rows"), count, 0, height);
  const columns = randint(foldIn(key, "columns"), count, 0, width);
  const offsets = Array.from(rows, (dy, index) => ({ dy, dx: columns[index] }));
  return { ...split, images: shiftImages(split.images, offsets, "circular-2d") };
}
