/**
 * `robustness`: accuracy and consistency under shift on test images that are not quite those of the data set: with a
 * square erased, mirrored, or with a little noise.
 *
 * Erased squares and mirror images are the tests of A. Chaman and I. Dokmanić, "Truly shift-invariant convolutional neural
 * networks", arXiv 2011.14214: what was learned from shifted training images may not carry over to such images, and what
 * the architecture guarantees does.
 *
 * @module
 */

import { type Images, imageSize } from "../datasets/dataset.ts";
import { randomHorizontalFlip, randomVerticalFlip } from "./augment/random_flip.ts";
import { PolyphaseError } from "./errors.ts";
import { pauses } from "./pause.ts";
import { type Stage, stage } from "./pipe.ts";
import { foldIn, type Key, keyOf, normal, randint } from "./random.ts";
import type { Trained } from "./records.ts";
import {
  evaluatePairs,
  type PairOptions,
  type PairResult,
  type PairSettings,
  pairSettings,
} from "./shift_eval/pair_consistency.ts";

/** What to do to the test images. */
export interface RobustnessOptions {
  /** Sides of the squares that are erased, in pixels, each a row of its own. Default `[3]`. */
  readonly erase?: readonly number[];
  /** Whether to mirror left to right, top to bottom, and both. Default true. */
  readonly flips?: boolean;
  /** Standard deviations of the noise in bytes, each a row of its own. Default `[10]`. */
  readonly noise?: readonly number[];
  /** The pairs of shifts that tell the consistency. Default: one pair of all circular shifts of rows and columns. */
  readonly pairs?: PairOptions;
  /** Seed of squares and noise. It is not the run's, so that several models meet the same images. Default 0. */
  readonly seed?: number;
}

/** How a model does on changed images. Shares are in [0, 1]; for all of them higher is better. */
export interface RobustnessRow {
  /** What was done: `clean`, `erase-3`, `flip-horizontal`, `flip-vertical`, `flip-both`, `noise-10`. */
  readonly change: string;
  /** Accuracy on the changed images, not shifted. */
  readonly accuracy: number;
  /** Accuracy on the changed images, shifted. */
  readonly shiftedAccuracy: number;
  /** Share of pairs of shifts of a changed image that are predicted alike. */
  readonly consistency: number;
  /** Everything that the pairs showed. */
  readonly pairs: PairResult;
}

/** A trained model with its results on changed images. Made by `robustness`. */
export interface Challenged extends Trained {
  /** A row for each change, `clean` first. */
  readonly robustness: readonly RobustnessRow[];
}

/** A change of all images. */
interface Change {
  readonly name: string;
  readonly apply: (images: Images) => Images;
}

/**
 * Evaluates the trained model on changed test images, and on shifts of those.
 *
 * @throws {PolyphaseError} if an option is out of range; when applied, if a square is larger than the images
 */
export function robustness(options: RobustnessOptions = {}): Stage<Trained, Challenged, "robustness"> {
  const { erase = [3], flips = true, noise = [10], seed = 0 } = options;
  const pairs: PairSettings = pairSettings(options.pairs ?? {});
  for (const side of erase) {
    if (!Number.isInteger(side) || side < 1) {
      throw new PolyphaseError(
        `robustness: a square of ${side} pixels, expected a whole number: give 1 or more`,
      );
    }
  }
  for (const deviation of noise) {
    if (!(deviation > 0 && deviation < Infinity)) {
      throw new PolyphaseError(
        `robustness: noise of ${deviation} bytes, expected more than 0: leave out none`,
      );
    }
  }
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new PolyphaseError(`robustness: seed ${seed} is not an integer from 0 to ${2 ** 32 - 1}: give one`);
  }
  const config = { erase: [...erase], flips, noise: [...noise], pairs, seed };
  const key = keyOf(seed);
  const changes: Change[] = [
    { name: "clean", apply: (images) => images },
    ...erase.map((side) => ({
      name: `erase-${side}`,
      apply: (images: Images) => eraseSquares(images, side, foldIn(key, `erase ${side}`)),
    })),
    ...flips ? FLIPS : [],
    ...noise.map((deviation) => ({
      name: `noise-${deviation}`,
      apply: (images: Images) => addNoise(images, deviation, foldIn(key, `noise ${deviation}`)),
    })),
  ];
  return stage("robustness", config, async (trained, run) => {
    const { test, classes } = trained;
    const rows: RobustnessRow[] = [];
    for (const { name, apply } of changes) {
      const split = { ...test, images: apply(test.images) };
      const pause = pauses(run, "robustness", name);
      const between = (done: number, total: number) =>
        pause(rows.length + (total === 0 ? 1 : done / total), changes.length);
      const at = foldIn(run.key, name);
      const result = await evaluatePairs(trained, split, classes.length, at, pairs, { between });
      const { unshiftedAccuracy, accuracy, consistency } = result;
      rows.push({
        change: name,
        accuracy: unshiftedAccuracy,
        shiftedAccuracy: accuracy,
        consistency,
        pairs: result,
      });
    }
    return { ...trained, robustness: rows };
  });
}

/**
 * The images with a square of `side` pixels set to 0 in each, at a place of its own, wholly inside.
 *
 * @throws {PolyphaseError} if it is larger than the images
 */
export function eraseSquares(images: Images, side: number, key: Key): Images {
  const { count, height, width, channels } = images;
  if (side > height || side > width) {
    throw new PolyphaseError(
      `robustness: a square of ${side} pixels in images of ${height}×${width}: erase ${
        Math.min(height, width)
      } at most`,
    );
  }
  const tops = randint(foldIn(key, "rows"), count, 0, height - side + 1);
  const lefts = randint(foldIn(key, "columns"), count, 0, width - side + 1);
  const pixels = images.pixels.slice(0, count * imageSize(images));
  for (let image = 0; image < count; image++) {
    for (let y = tops[image]; y < tops[image] + side; y++) {
      const start = ((image * height + y) * width + lefts[image]) * channels;
      pixels.fill(0, start, start + side * channels);
    }
  }
  return { ...images, pixels };
}

/** The images with normal noise of a standard deviation in bytes on every value, rounded and cut to 0 to 255. */
export function addNoise(images: Images, deviation: number, key: Key): Images {
  const noise = normal(key, images.count * imageSize(images));
  const pixels = Uint8Array.from(noise, (each, index) => {
    return Math.min(255, Math.max(0, Math.round(images.pixels[index] + deviation * each)));
  });
  return { ...images, pixels };
}

/** Mirrors all images; the augmentations do it with a probability, which is 1 here. */
const FLIPS: readonly Change[] = (() => {
  const certain = { probability: 1 };
  const key = keyOf(0);
  const first = (images: Images) => new Uint32Array(images.count);
  const horizontal = (images: Images) => randomHorizontalFlip(certain).apply(images, key, first(images));
  const vertical = (images: Images) => randomVerticalFlip(certain).apply(images, key, first(images));
  return [
    { name: "flip-horizontal", apply: horizontal },
    { name: "flip-vertical", apply: vertical },
    { name: "flip-both", apply: (images) => vertical(horizontal(images)) },
  ];
})();
