/**
 * `shiftEval`: how a model stands up to shifted images.
 *
 * @module
 */

import type { Images, ImageShape } from "../datasets/dataset.ts";
import { type Offset, shiftImages, type ShiftMode } from "../datasets/shift.ts";
import { breathe } from "./breathe.ts";
import { AbortedError, PolyphaseError } from "./errors.ts";
import { type Run, type Stage, stage } from "./pipe.ts";
import { argmaxRows, matches, predict } from "./predict.ts";
import { foldIn, randint } from "./random.ts";
import type { Trained } from "./records.ts";

/** Which shifts to try. */
export interface ShiftEvalOptions {
  /** How pixels move. Default `circular-flat`. */
  readonly mode?: ShiftMode;
  /**
   * The offsets to try one by one: every whole number from the first to the last, on each axis that `mode` has; `all`
   * for every circular shift there is. Default `all`.
   */
  readonly offsets?: readonly [first: number, last: number] | "all";
  /** The offsets to draw from, one for a batch. Default `offsets`. */
  readonly random?: readonly [first: number, last: number];
  /** Images in a batch that shares a random offset. Default 32. */
  readonly batchSize?: number;
}

/** Results at one offset. */
export interface OffsetResult extends Offset {
  /** Share of images whose class is predicted right, in [0, 1]. */
  readonly accuracy: number;
  /** Share of images whose predicted class is that of the unshifted image, in [0, 1]. */
  readonly consistency: number;
}

/** How a model stands up to shifts. Shares are in [0, 1]; for all of them higher is better. */
export interface ShiftResult {
  /** How pixels moved. */
  readonly mode: ShiftMode;
  /** Accuracy with one random offset for each batch: the protocol of the published notebook. */
  readonly randomAccuracy: number;
  /** Results at every offset tried. */
  readonly offsets: readonly OffsetResult[];
  /** Mean of the accuracies. */
  readonly meanAccuracy: number;
  /** Least accuracy at any one offset. */
  readonly worstAccuracy: number;
  /** Mean share of images whose predicted class a shift does not change: the mean of the consistencies. */
  readonly consistency: number;
  /** Share of images whose predicted class *no* offset changes. */
  readonly unanimity: number;
  /** Share of images that are predicted right at *every* offset. */
  readonly robustAccuracy: number;
}

/** A trained model with its results under shift. Made by `shiftEval`. */
export interface Shifted extends Trained {
  /** Results on shifted test images. */
  readonly shift: ShiftResult;
}

/**
 * Evaluates the trained model on shifted test images.
 *
 * The stage throws a {@linkcode PolyphaseError} for an empty range, or for `all` with zero-filled shifts.
 *
 * @throws {PolyphaseError} if the batch size is not a whole number of at least 1
 */
export function shiftEval(options: ShiftEvalOptions = {}): Stage<Trained, Shifted, "shiftEval"> {
  const { mode = "circular-flat", offsets = "all", batchSize = 32 } = options;
  const random = options.random ?? offsets;
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new PolyphaseError(`shiftEval: batch size ${batchSize} is no number of images: give 1 or more`);
  }
  const config = { mode, offsets, random, batchSize };
  return stage("shiftEval", config, async (trained, run) => {
    const { images, labels } = trained.test;
    const { classes } = trained;
    const tried = listOffsets(offsets, mode, trained.image);
    const classify = async (batch: Images, name: string): Promise<Uint8Array> =>
      argmaxRows(await predict(trained, batch, foldIn(run.key, name)), classes.length);

    const still = await classify(images, "still");
    const unchanged = new Uint8Array(images.count).fill(1);
    const alwaysRight = new Uint8Array(images.count).fill(1);
    const counts: (Offset & { right: number; same: number })[] = [];
    for (const offset of tried) {
      if (run.signal.aborted) {
        throw new AbortedError('Stopped in stage "shiftEval": resume to go on after the training');
      }
      run.progress({ stage: "shiftEval", text: "shifting", done: counts.length, total: tried.length });
      await breathe();
      const predictions = isStill(offset)
        ? still
        : await classify(shiftImages(images, [offset], mode), `${offset.dy},${offset.dx}`);
      counts.push({ ...offset, right: matches(predictions, labels), same: matches(predictions, still) });
      predictions.forEach((label, row) => {
        if (label !== still[row]) unchanged[row] = 0;
        if (label !== labels[row]) alwaysRight[row] = 0;
      });
    }
    run.progress({ stage: "shiftEval", text: "shifting", done: tried.length, total: tried.length });
    // An image agrees with itself: the offset that moves nothing would only flatter the mean.
    const others = counts.filter((each) => !isStill(each));
    const moved = others.length > 0 ? others : counts;
    const draws = listOffsets(random, mode, trained.image);
    const randomly = await classify(shiftBatches(images, draws, batchSize, mode, run), "random");
    const shift: ShiftResult = {
      mode,
      randomAccuracy: matches(randomly, labels) / images.count,
      offsets: counts.map(({ dy, dx, right, same }) => ({
        dy,
        dx,
        accuracy: right / images.count,
        consistency: same / images.count,
      })),
      meanAccuracy: sum(counts.map((each) => each.right)) / (counts.length * images.count),
      worstAccuracy: Math.min(...counts.map((each) => each.right)) / images.count,
      consistency: sum(moved.map((each) => each.same)) / (moved.length * images.count),
      unanimity: sum(unchanged) / images.count,
      robustAccuracy: sum(alwaysRight) / images.count,
    };
    return { ...trained, shift };
  });
}

/** Every offset of a range on the axes of a mode. */
function listOffsets(range: readonly [number, number] | "all", mode: ShiftMode, image: ImageShape): Offset[] {
  const flat = mode.endsWith("flat");
  if (range === "all" && mode.startsWith("zero")) {
    throw new PolyphaseError(`shiftEval: mode "${mode}" has no end of offsets: give a range such as [-4, 4]`);
  }
  const axis = (length: number): number[] => {
    const [first, last] = range === "all" ? [0, length - 1] : range;
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  };
  if (
    range !== "all" && !(Number.isInteger(range[0]) && Number.isInteger(range[1]) && range[0] <= range[1])
  ) {
    throw new PolyphaseError(
      `shiftEval: offsets from ${range[0]} to ${range[1]} are no range: give whole numbers in order`,
    );
  }
  if (flat) return axis(image.height * image.width).map((dx) => ({ dy: 0, dx }));
  return axis(image.height).flatMap((dy) => axis(image.width).map((dx) => ({ dy, dx })));
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

function isStill({ dy, dx }: Offset): boolean {
  return dy === 0 && dx === 0;
}

function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let index = 0; index < values.length; index++) total += values[index];
  return total;
}
