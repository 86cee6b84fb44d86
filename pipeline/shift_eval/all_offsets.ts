/**
 * What a model says of images at every offset of a range, and the figures that sum it up.
 *
 * @module
 */

import type { Split } from "../../datasets/dataset.ts";
import type { Offset, ShiftMode } from "../../datasets/shift.ts";
import { argmaxRows, type Predictor } from "../predict.ts";
import type { Key } from "../random.ts";
import { distinctLogits, type DistinctOptions } from "./distinct_logits.ts";
import { isStill, shiftedBy, UNSHIFTED } from "./offsets.ts";

/** Results at one offset. */
export interface OffsetResult extends Offset {
  /** Share of images whose class is predicted right, in [0, 1]. */
  readonly accuracy: number;
  /** Share of images whose predicted class is that of the unshifted image, in [0, 1]. */
  readonly consistency: number;
  /** Share of images whose logits are those of the unshifted image within the tolerance. Where logits are compared. */
  readonly exact?: number;
  /** Greatest difference of a logit from that of the unshifted image. Where logits are compared; lower is better. */
  readonly logitDifference?: number;
}

/** How far shifts move the logits themselves, which says more than whether the predicted class stays. */
export interface LogitResult {
  /** Differences up to here count as none: the order of sums alone makes some. */
  readonly tolerance: number;
  /** Greatest difference of any logit of any image at any offset from the unshifted one. Lower is better. */
  readonly maxDifference: number;
  /** Mean share of images whose logits a shift leaves within the tolerance. Higher is better. */
  readonly exact: number;
  /** Share of images whose logits *every* offset leaves within the tolerance. Higher is better. */
  readonly alwaysExact: number;
}

/** How a model stands up to all offsets of a range. Shares are in [0, 1]; for all of them higher is better. */
export interface ModeResult {
  /** How pixels moved. */
  readonly mode: ShiftMode;
  /** How many images were shifted. */
  readonly images: number;
  /** Accuracy on those images as they are. */
  readonly unshiftedAccuracy: number;
  /** Results at every offset tried, row by row. */
  readonly offsets: readonly OffsetResult[];
  /** Mean of the accuracies. */
  readonly meanAccuracy: number;
  /** Least accuracy at any one offset. */
  readonly worstAccuracy: number;
  /** Mean share of images whose predicted class a shift does not change: the mean of the consistencies. */
  readonly consistency: number;
  /**
   * Share of pairs of offsets at which an image is predicted alike, over all ordered pairs and images: what drawing pairs
   * of offsets estimates, such as C-Cons for `circular-2d` and `all`, worked out in full.
   */
  readonly pairConsistency: number;
  /** Share of images whose predicted class *no* offset changes. */
  readonly unanimity: number;
  /** Share of images that are predicted right at *every* offset: worst-case accuracy, image by image. */
  readonly robustAccuracy: number;
  /**
   * Mean number of different token sequences that the shifts of an image become, the unshifted one included: 1 for an
   * invariant tokenizer. It is how many forward passes an image took.
   */
  readonly tokenSequences: number;
  /** What became of the logits, if they were compared. */
  readonly logits?: LogitResult;
}

/** What {@linkcode evaluateOffsets} is to try, and how. */
export interface OffsetTrial extends DistinctOptions {
  /** How pixels move. */
  readonly mode: ShiftMode;
  /** The offsets; at least one. */
  readonly offsets: readonly Offset[];
  /** Up to which difference logits count as equal. Default: they are not compared. */
  readonly tolerance?: number;
}

/** What is counted at one offset. */
interface Count {
  readonly offset: Offset;
  right: number;
  same: number;
  exact: number;
  difference: number;
}

/** Predicts the images of a split with `classes` classes at every offset and sums up. */
export async function evaluateOffsets(
  predictor: Predictor,
  { images, labels }: Split,
  classes: number,
  key: Key,
  { mode, offsets, tolerance, ...options }: OffsetTrial,
): Promise<ModeResult> {
  const moving = offsets.filter((offset) => !isStill(offset));
  const variants = [UNSHIFTED, ...moving.map((offset) => shiftedBy(offset, mode))];
  let next = 1;
  // What moves nothing is the unshifted variant; the others follow it in order.
  const variantOf = offsets.map((offset) => (isStill(offset) ? 0 : next++));
  const counts = offsets.map((offset): Count => ({ offset, right: 0, same: 0, exact: 0, difference: 0 }));
  const votes = new Float64Array(classes);
  let [stillRight, unanimous, robust, alwaysExact, agreeing, sequences] = [0, 0, 0, 0, 0, 0];

  for await (
    const { first, count, logits, distinct, places } of distinctLogits(
      predictor,
      images,
      variants,
      key,
      options,
    )
  ) {
    const predictions = argmaxRows(logits, classes);
    sequences += distinct;
    for (let row = 0; row < count; row++) {
      const label = labels[first + row];
      const still = places[row];
      let [isUnanimous, isRobust, isExact] = [true, true, true];
      votes.fill(0);
      for (const [nth, tally] of counts.entries()) {
        const place = places[variantOf[nth] * count + row];
        const predicted = predictions[place];
        votes[predicted]++;
        if (predicted === label) tally.right++;
        else isRobust = false;
        if (predicted === predictions[still]) tally.same++;
        else isUnanimous = false;
        if (tolerance === undefined) continue;
        const difference = place === still ? 0 : greatestDifference(logits, place, still, classes);
        tally.difference = Math.max(tally.difference, difference);
        // A NaN is not within any tolerance.
        if (difference <= tolerance) tally.exact++;
        else isExact = false;
      }
      stillRight += Number(predictions[still] === label);
      unanimous += Number(isUnanimous);
      robust += Number(isRobust);
      alwaysExact += Number(isExact);
      for (const each of votes) agreeing += each * each;
    }
  }

  // An image agrees with itself: the offset that moves nothing would only flatter the mean.
  const others = counts.filter(({ offset }) => !isStill(offset));
  const moved = others.length > 0 ? others : counts;
  const { count } = images;
  return {
    mode,
    images: count,
    unshiftedAccuracy: stillRight / count,
    offsets: counts.map(({ offset: { dy, dx }, right, same, exact, difference }) => ({
      dy,
      dx,
      accuracy: right / count,
      consistency: same / count,
      ...tolerance === undefined ? {} : { exact: exact / count, logitDifference: difference },
    })),
    meanAccuracy: sum(counts.map((each) => each.right)) / (counts.length * count),
    worstAccuracy: Math.min(...counts.map((each) => each.right)) / count,
    consistency: sum(moved.map((each) => each.same)) / (moved.length * count),
    pairConsistency: agreeing / (count * offsets.length ** 2),
    unanimity: unanimous / count,
    robustAccuracy: robust / count,
    tokenSequences: sequences / count,
    ...tolerance === undefined ? {} : {
      logits: {
        tolerance,
        maxDifference: Math.max(...counts.map((each) => each.difference)),
        exact: sum(moved.map((each) => each.exact)) / (moved.length * count),
        alwaysExact: alwaysExact / count,
      },
    },
  };
}

/** The greatest absolute difference of two rows of `[rows, classes]`. */
export function greatestDifference(
  logits: Float32Array,
  left: number,
  right: number,
  classes: number,
): number {
  let greatest = 0;
  for (let label = 0; label < classes; label++) {
    greatest = Math.max(greatest, Math.abs(logits[left * classes + label] - logits[right * classes + label]));
  }
  return greatest;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
