/**
 * Views of an image: shifts of it whose predictions are averaged, which is test-time augmentation.
 *
 * @module
 */

import type { Offset, ShiftMode } from "../datasets/shift.ts";

/** Shifts of each image whose predictions are averaged. */
export interface Views {
  /** Where the images are shifted to, one after the other. */
  readonly offsets: readonly Offset[];
  /** How pixels move. */
  readonly mode: ShiftMode;
  /** What is averaged. The mean of probabilities is handed on as its logarithm, so that it serves as logits. */
  readonly over: "logits" | "probabilities";
}

/** A mean that views are added to one after the other. */
export interface ViewMean {
  /** Takes the logits of a view in, `[count, classes]`. */
  add(logits: Float32Array): void;
  /** The mean of those taken in, `[count, classes]`. */
  mean(): Float32Array<ArrayBuffer>;
}

/** A mean over views of `rows` rows of `classes` logits, in double precision, whose terms a shift puts in another order. */
export function viewMean(over: Views["over"], rows: number, classes: number): ViewMean {
  const sums = new Float64Array(rows * classes);
  let views = 0;
  return {
    add(logits) {
      views++;
      const terms = over === "logits" ? logits : softmaxRows(logits, classes);
      for (let place = 0; place < sums.length; place++) sums[place] += terms[place];
    },
    mean: () =>
      Float32Array.from(sums, (sum) =>
        // Not −∞, which times a target of 0 would make the loss NaN.
        over === "logits" ? sum / views : Math.log(Math.max(sum / views, Number.MIN_VALUE))),
  };
}

/** `exp(x) / Σ exp(x)` of each row of `[count, classes]`, in double precision. */
function softmaxRows(logits: Float32Array, classes: number): Float64Array {
  const shares = new Float64Array(logits.length);
  for (let start = 0; start < logits.length; start += classes) {
    const row = logits.subarray(start, start + classes);
    const best = row.reduce((most, each) => Math.max(most, each), -Infinity);
    let sum = 0;
    row.forEach((each, label) => sum += shares[start + label] = Math.exp(each - best));
    for (let label = 0; label < classes; label++) shares[start + label] /= sum;
  }
  return shares;
}
