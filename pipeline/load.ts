/**
 * `load`: brings a data set into the pipeline, whole or a random part of it.
 *
 * @module
 */

import { type Dataset, type Split, takeSplit } from "../datasets/dataset.ts";
import { PolyphaseError } from "./errors.ts";
import { type Stage, stage } from "./pipe.ts";
import { foldIn, type Key, permutation } from "./random.ts";
import type { Data } from "./records.ts";

/** How much of a data set to take. */
export interface LoadSizes {
  /** Training images. Default all. */
  readonly trainSize?: number;
  /** Test images. Default all. */
  readonly testSize?: number;
}

/**
 * Loads `dataset`. With sizes it takes that many images by random key, the same for every model of one seed.
 *
 * The stage throws a {@linkcode PolyphaseError} if the set does not have that many images.
 */
export function load(
  dataset: Dataset,
  { trainSize, testSize }: LoadSizes = {},
): Stage<void, Data & { kind: "data" }, "load"> {
  const config = { dataset: dataset.config, trainSize: trainSize ?? null, testSize: testSize ?? null };
  return stage("load", config, async (_, { key, signal, progress }) => {
    const { train, test, classes } = await dataset.load({
      signal,
      progress: (event) => progress({ stage: "load", ...event }),
    });
    const { height, width, channels } = train.images;
    return {
      kind: "data",
      dataset: dataset.name,
      classes,
      image: { height, width, channels },
      train: part(train, trainSize, foldIn(key, "train"), "train"),
      test: part(test, testSize, foldIn(key, "test"), "test"),
      augmentations: [],
    };
  });
}

function part(split: Split, size: number | undefined, key: Key, name: "train" | "test"): Split {
  const { count } = split.images;
  if (size === undefined || size === count) return split;
  if (!Number.isInteger(size) || size < 1 || size > count) {
    throw new PolyphaseError(
      `${name}Size (--${name}-size) ${size} is not from 1 to ${count}, the ${name} images there are: choose one that is`,
    );
  }
  return takeSplit(split, permutation(key, count).subarray(0, size));
}
