/**
 * `shiftEval`: how a model stands up to shifted images.
 *
 * @module
 */

import { type Images, type Split, takeSplit } from "../datasets/dataset.ts";
import { type Offset, shiftImages, type ShiftMode } from "../datasets/shift.ts";
import { PolyphaseError } from "./errors.ts";
import { pauses } from "./pause.ts";
import { type Run, type Stage, stage } from "./pipe.ts";
import { argmaxRows, matches, predict } from "./predict.ts";
import { foldIn, keyOf, permutation, randint } from "./random.ts";
import type { Trained } from "./records.ts";
import { evaluateOffsets, type ModeResult } from "./shift_eval/all_offsets.ts";
import { listOffsets, type OffsetRange } from "./shift_eval/offsets.ts";
import {
  evaluatePairs,
  type PairOptions,
  type PairResult,
  pairSettings,
} from "./shift_eval/pair_consistency.ts";

export type { LogitResult, ModeResult, OffsetResult } from "./shift_eval/all_offsets.ts";
export type { OffsetRange } from "./shift_eval/offsets.ts";
export type { PairMode, PairOptions, PairResult } from "./shift_eval/pair_consistency.ts";

/** A further mode of shifts to try. Plain data. */
export type ModeOptions = {
  /** How pixels move. */
  readonly mode: ShiftMode;
  /** The offsets to try one by one, as those of {@linkcode ShiftEvalOptions}. Default `all`. */
  readonly offsets?: OffsetRange;
};

/** Which shifts to try. */
export interface ShiftEvalOptions {
  /** How pixels move. Default `circular-flat`. */
  readonly mode?: ShiftMode;
  /**
   * The offsets to try one by one: every whole number from the first to the last, on each axis that `mode` has; `all`
   * for every circular shift there is. Default `all`.
   */
  readonly offsets?: OffsetRange;
  /** The offsets to draw from, one for a batch. Default `offsets`. */
  readonly random?: OffsetRange;
  /** Images in a batch that shares a random offset. Default 32. */
  readonly batchSize?: number;
  /** Further modes, whose offsets are all tried too. Default: none. */
  readonly modes?: readonly ModeOptions[];
  /**
   * How many test images to try all offsets on: with `circular-2d` there are as many as pixels. Default: all. Pairs and
   * random offsets are always tried on all test images.
   */
  readonly images?: number;
  /**
   * Which images those are: the `first`, or `random` ones by a seed of their own, the same for every model. Default
   * `first`.
   */
  readonly choose?: "first" | "random";
  /**
   * Whether to compare logits with those of the unshifted image as well, which tells a model that is equivariant from one
   * that is merely sure of its class. Default false.
   */
  readonly logits?: boolean;
  /** Up to which difference logits count as equal. Default 1e-3. */
  readonly tolerance?: number;
  /** Random pairs of shifts to compare on all test images: C-Cons and S-Cons. Default: none. */
  readonly pairs?: readonly PairOptions[];
}

/** How a model stands up to shifts. Shares are in [0, 1]; for all of them higher is better. */
export interface ShiftResult extends ModeResult {
  /** Accuracy with one random offset for each batch: the protocol of the published notebook. */
  readonly randomAccuracy: number;
  /** Results of the further modes, in order, if there are any. */
  readonly modes?: readonly ModeResult[];
  /** Results of the random pairs, in order, if there are any. */
  readonly pairs?: readonly PairResult[];
}

/** A trained model with its results under shift. Made by `shiftEval`. */
export interface Shifted extends Trained {
  /** Results on shifted test images. */
  readonly shift: ShiftResult;
}

/** Seed of the images to try all offsets on. */
const CHOICE_SEED = 0;

/**
 * Evaluates the trained model on shifted test images.
 *
 * Shifts that become the same tokens go through the model once, so an adaptive tokenizer makes all offsets cheap.
 *
 * The stage throws a {@linkcode PolyphaseError} for an empty range, or for `all` with zero-filled shifts.
 *
 * @throws {PolyphaseError} if the batch size or the number of images is not a whole number of at least 1, the tolerance is
 *   negative, or pairs are out of range
 */
export function shiftEval(options: ShiftEvalOptions = {}): Stage<Trained, Shifted, "shiftEval"> {
  const { mode = "circular-flat", offsets = "all", batchSize = 32, modes = [], images } = options;
  const { choose = "first", logits = false, tolerance = 1e-3 } = options;
  const random = options.random ?? offsets;
  const pairs = (options.pairs ?? []).map(pairSettings);
  const trials = [{ mode, offsets }, ...modes.map((each) => ({ offsets: "all" as const, ...each }))];
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new PolyphaseError(`shiftEval: batch size ${batchSize} is no number of images: give 1 or more`);
  }
  if (images !== undefined && !(Number.isInteger(images) && images >= 1)) {
    throw new PolyphaseError(`shiftEval: ${images} is no number of images: give 1 or more, or leave it out`);
  }
  if (!(tolerance >= 0)) {
    throw new PolyphaseError(
      `shiftEval: tolerance ${tolerance}, expected 0 or more: 0 is equal to the last bit`,
    );
  }
  // Settings that were not made are left out, so that runs of before keep their id.
  const config = {
    mode,
    offsets,
    random,
    batchSize,
    ...modes.length > 0 ? { modes: trials.slice(1) } : {},
    ...images === undefined ? {} : { images, choose },
    ...logits ? { logits, tolerance } : {},
    ...pairs.length > 0 ? { pairs } : {},
  };
  return stage("shiftEval", config, async (trained, run) => {
    const { test, classes, image } = trained;
    const tried = trials.map((each) => ({ ...each, offsets: listOffsets(each.offsets, each.mode, image) }));
    const draws = listOffsets(random, mode, image);
    const some = someOf(test, images, choose);
    const settings = { tolerance: logits ? tolerance : undefined };
    const results: ModeResult[] = [];
    for (const [nth, each] of tried.entries()) {
      const text = nth === 0 ? "shifting" : `shifting (${each.mode})`;
      // The first mode draws as it did when it was the only one.
      const key = nth === 0 ? run.key : foldIn(run.key, `mode ${nth}`);
      const trial = { ...settings, ...each, between: pauses(run, "shiftEval", text) };
      results.push(await evaluateOffsets(trained, some, classes.length, key, trial));
    }
    const shifted = shiftBatches(test.images, draws, batchSize, mode, run);
    const between = pauses(run, "shiftEval", "shifting at random");
    const said = argmaxRows(
      await predict(trained, shifted, foldIn(run.key, "random"), { between }),
      classes.length,
    );
    const compared: PairResult[] = [];
    for (const [nth, each] of pairs.entries()) {
      const trial = { ...settings, between: pauses(run, "shiftEval", `comparing pairs (${each.mode})`) };
      const key = foldIn(run.key, `pairs ${nth}`);
      compared.push(await evaluatePairs(trained, test, classes.length, key, each, trial));
    }
    const shift: ShiftResult = {
      ...results[0],
      randomAccuracy: matches(said, test.labels) / test.images.count,
      ...modes.length > 0 ? { modes: results.slice(1) } : {},
      ...pairs.length > 0 ? { pairs: compared } : {},
    };
    return { ...trained, shift };
  });
}

/** The images to try all offsets on. */
function someOf(split: Split, count: number | undefined, choose: "first" | "random"): Split {
  if (count === undefined || count >= split.images.count) return split;
  const rows = choose === "random"
    ? permutation(foldIn(keyOf(CHOICE_SEED), "images"), split.images.count).slice(0, count).sort()
    : Uint32Array.from({ length: count }, (_, row) => row);
  return takeSplit(split, rows);
}

/** Shifts the images batch by batch, each batch by one random offset out of `offsets`. */
function shiftBatches(
  images: Images,
  offsets: readonly Offset[],
  batchSize: number,
  mode: ShiftMode,
  run: Run,
): Images {
  const picks = randint(foldIn(run.key, "offsets"), Math.ceil(images.count / batchSize), 0, offsets.length);
  return shiftImages(
    images,
    Array.from({ length: images.count }, (_, row) => offsets[picks[Math.floor(row / batchSize)]]),
    mode,
  );
}
