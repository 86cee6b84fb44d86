/**
 * Consistency over random pairs of shifts: circular (C-Cons) and standard (S-Cons).
 *
 * Two shifts of an image are drawn and the two predictions compared with each other, not with that of the unshifted
 * image, as by A. Chaman and I. Dokmanić, "Truly shift-invariant convolutional neural networks", arXiv 2011.14214. Each
 * image has draws of its own. Standard shifts lose what leaves the image: they fill with zeros, or crop an enlarged
 * image, as R. Zhang, "Making convolutional networks shift-invariant again", arXiv 1904.11486, crops 224 pixels of 256.
 * A model that always says the same is wholly consistent, so read these figures beside the accuracy.
 *
 * @module
 */

import type { Images, ImageShape, Split } from "../../datasets/dataset.ts";
import { resizeImages } from "../../datasets/resize.ts";
import { type Offset, shiftImages, type ShiftMode } from "../../datasets/shift.ts";
import { PolyphaseError } from "../errors.ts";
import { argmaxRows, type Predictor } from "../predict.ts";
import { foldIn, type Key, keyOf, randint } from "../random.ts";
import { greatestDifference } from "./all_offsets.ts";
import { distinctLogits, type DistinctOptions, type Variant } from "./distinct_logits.ts";
import { UNSHIFTED } from "./offsets.ts";

/**
 * How the images of a pair are shifted: one of the {@linkcode ShiftMode}s, or `crop-2d`: crops of the image enlarged
 * bilinearly by `max` pixels on every side.
 */
export type PairMode = ShiftMode | "crop-2d";

/** Which pairs of shifts to draw. Plain data. */
export type PairOptions = {
  /** How images are shifted. Default `circular-2d`: C-Cons. The others but `circular-flat` make an S-Cons. */
  readonly mode?: PairMode;
  /**
   * Offsets are uniform from `-max` to `max` on each axis, both ends included; `all` for every circular shift. Default
   * `all`, which shifts that lose pixels do not have.
   */
  readonly max?: number | "all";
  /** Pairs for each image. Default 1. */
  readonly draws?: number;
  /**
   * Seed of the offsets. It is not the run's, so that models trained from several seeds meet the same shifts. Default 0.
   */
  readonly seed?: number;
};

/** What random pairs of shifts show. Shares are in [0, 1]; for all of them higher is better. */
export interface PairResult {
  /** How images were shifted. */
  readonly mode: PairMode;
  /** How far. */
  readonly max: number | "all";
  /** Pairs for each image. */
  readonly draws: number;
  /** How many images. */
  readonly images: number;
  /** Share of pairs that are predicted alike: C-Cons or S-Cons. */
  readonly consistency: number;
  /** Accuracy on the shifted images. */
  readonly accuracy: number;
  /** Accuracy on the images as they are. */
  readonly unshiftedAccuracy: number;
  /** Share of pairs whose logits differ by no more than the tolerance, if logits were compared. */
  readonly exact?: number;
}

/** Options of pairs with their defaults. */
export type PairSettings = Required<PairOptions>;

/**
 * The options with their defaults.
 *
 * @throws {PolyphaseError} if one of them is out of range, or shifts that lose pixels have no `max`
 */
export function pairSettings(
  { mode = "circular-2d", max = "all", draws = 1, seed = 0 }: PairOptions,
): PairSettings {
  if (max === "all" && !mode.startsWith("circular")) {
    throw new PolyphaseError(`pairs of mode "${mode}" have no end of offsets: give max, such as 3`);
  }
  if (max !== "all" && !(Number.isInteger(max) && max >= 1)) {
    throw new PolyphaseError(`pairs: max ${max} is no number of pixels: give 1 or more, or "all"`);
  }
  if (!Number.isInteger(draws) || draws < 1) {
    throw new PolyphaseError(`pairs: ${draws} draws, expected a whole number: give 1 or more`);
  }
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new PolyphaseError(`pairs: seed ${seed} is not an integer from 0 to ${2 ** 32 - 1}: give one`);
  }
  return { mode, max, draws, seed };
}

/** How {@linkcode evaluatePairs} works beside its settings. */
export interface PairTrial extends DistinctOptions {
  /** Up to which difference logits count as equal. Default: they are not compared. */
  readonly tolerance?: number;
}

/** Predicts pairs of shifts of the images of a split with `classes` classes and compares them. */
export async function evaluatePairs(
  predictor: Predictor,
  { images, labels }: Split,
  classes: number,
  key: Key,
  { mode, max, draws, seed }: PairSettings,
  { tolerance, ...options }: PairTrial = {},
): Promise<PairResult> {
  const offsets = drawOffsets(foldIn(keyOf(seed), mode), images, mode, max, 2 * draws);
  const change = changeBy(mode, max);
  const variants: Variant[] = [
    UNSHIFTED,
    ...offsets.map((each, nth): Variant => ({
      name: `${mode} ${nth}`,
      change: (run, first) => change(run, each.slice(first, first + run.count)),
    })),
  ];
  let [alike, right, stillRight, exact] = [0, 0, 0, 0];
  for await (
    const { first, count, logits, places } of distinctLogits(predictor, images, variants, key, options)
  ) {
    const predictions = argmaxRows(logits, classes);
    for (let row = 0; row < count; row++) {
      const label = labels[first + row];
      stillRight += Number(predictions[places[row]] === label);
      for (let draw = 0; draw < draws; draw++) {
        const [left, other] = [1, 2].map((nth) => places[(2 * draw + nth) * count + row]);
        alike += Number(predictions[left] === predictions[other]);
        right += Number(predictions[left] === label) + Number(predictions[other] === label);
        if (tolerance === undefined) continue;
        exact += Number(left === other || greatestDifference(logits, left, other, classes) <= tolerance);
      }
    }
  }
  const pairs = images.count * draws;
  return {
    mode,
    max,
    draws,
    images: images.count,
    consistency: alike / pairs,
    accuracy: right / (2 * pairs),
    unshiftedAccuracy: stillRight / images.count,
    ...tolerance === undefined ? {} : { exact: exact / pairs },
  };
}

/** `times` lists of an offset for each image. */
function drawOffsets(
  key: Key,
  { count, height, width }: Images,
  mode: PairMode,
  max: number | "all",
  times: number,
): Offset[][] {
  const isFlat = mode.endsWith("flat");
  const draw = (name: string, length: number): Int32Array =>
    max === "all"
      ? randint(foldIn(key, name), times * count, 0, length)
      : randint(foldIn(key, name), times * count, -max, max + 1);
  const rows = isFlat ? new Int32Array(times * count) : draw("rows", height);
  const columns = draw("columns", isFlat ? height * width : width);
  return Array.from({ length: times }, (_, nth) =>
    Array.from({ length: count }, (_, row) => ({
      dy: rows[nth * count + row],
      dx: columns[nth * count + row],
    })));
}

function changeBy(
  mode: PairMode,
  max: number | "all",
): (images: Images, offsets: readonly Offset[]) => Images {
  if (mode !== "crop-2d") return (images, offsets) => shiftImages(images, offsets, mode);
  const margin = Number(max);
  return (images, offsets) => {
    const large = resizeImages(images, {
      height: images.height + 2 * margin,
      width: images.width + 2 * margin,
    });
    // A shift moves the middle of the large image, and the crop keeps what then lies in the middle.
    return cropMiddle(shiftImages(large, offsets, "zero-2d"), images, margin);
  };
}

/** The images of `shape` that lie `margin` pixels inside of larger ones. */
function cropMiddle(large: Images, { height, width, channels }: ImageShape, margin: number): Images {
  const line = width * channels;
  const pixels = new Uint8Array(large.count * height * line);
  for (let image = 0; image < large.count; image++) {
    for (let y = 0; y < height; y++) {
      const from = ((image * large.height + y + margin) * large.width + margin) * channels;
      pixels.set(large.pixels.subarray(from, from + line), (image * height + y) * line);
    }
  }
  return { count: large.count, height, width, channels, pixels };
}
