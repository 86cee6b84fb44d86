/**
 * What is kept of one trained model of `fmnist-adaptive` once its tensors are gone: all that tables and pictures need.
 *
 * @module
 */

import { takeImages } from "../../datasets/dataset.ts";
import { shiftImages } from "../../datasets/shift.ts";
import type { Evaluated } from "../../pipeline/evaluate.ts";
import { argmaxRows, predict } from "../../pipeline/predict.ts";
import { foldIn, type Key, keyOf } from "../../pipeline/random.ts";
import type { OffsetResult, Shifted } from "../../pipeline/shift_eval.ts";
import { type HistoryCsvRow, historyRows, type ResultRow, resultRow } from "../results.ts";
import type { ModelName } from "./models.ts";

/** The columns that this task adds to `results.csv`. All are shares in [0, 1], higher is better. */
export type ShiftColumns = {
  /** Accuracy with one random offset from 1 to 4 for each batch of the flattened images. */
  readonly shifted_val_acc: number;
  /**
   * Mean share of images whose predicted class a roll of the flattened image does not change, over the rolls by 1 to 195.
   */
  readonly shift_consistency: number;
  /** Least accuracy at any one of the 196 rolls. */
  readonly worst_shift_acc: number;
  /** Mean accuracy over the 196 rolls. */
  readonly mean_shift_acc: number;
  /** Share of images whose predicted class none of the rolls changes. */
  readonly shift_unanimity: number;
};

/** The task's own columns of `results.csv`, in order. */
export const SHIFT_COLUMNS: readonly (keyof ShiftColumns)[] = [
  "shifted_val_acc",
  "shift_consistency",
  "worst_shift_acc",
  "mean_shift_acc",
  "shift_unanimity",
];

/** What is kept of a trained model. Plain data. */
export interface CellResult {
  /** Name of the model. */
  readonly model: ModelName;
  /** Seed. */
  readonly seed: number;
  /** Row of `results.csv`. */
  readonly row: ResultRow & ShiftColumns;
  /** Rows of `history.csv`. */
  readonly history: readonly HistoryCsvRow[];
  /** Results at each of the 196 rolls. */
  readonly offsets: readonly OffsetResult[];
  /** Names of the classes. */
  readonly classes: readonly string[];
  /** Some test images with what the model makes of them. */
  readonly samples: readonly Sample[];
}

/** A test image, and what a model makes of it when it is rolled. */
export interface Sample {
  /** Rows of pixels. */
  readonly height: number;
  /** Columns of pixels. */
  readonly width: number;
  /** Values per pixel. */
  readonly channels: number;
  /** Bytes, `[height * width * channels]`. */
  readonly pixels: readonly number[];
  /** Its class. */
  readonly label: number;
  /** Predicted class at each of {@linkcode STRIP_OFFSETS}. */
  readonly predictions: readonly number[];
}

/** The rolls of the flattened image that the report shows. */
export const STRIP_OFFSETS: readonly number[] = [0, 1, 2, 4, 50, 98];

/** How many test images the report shows: the first of each of so many classes. */
const SAMPLES = 6;

/** Takes from a trained model what tables and pictures need. Its tensors can be disposed of afterwards. */
export async function resultOf(
  model: ModelName,
  seed: number,
  trained: Evaluated & Shifted,
): Promise<CellResult> {
  const { shift } = trained;
  return {
    model,
    seed,
    row: {
      ...resultRow(model, seed, trained),
      shifted_val_acc: shift.randomAccuracy,
      shift_consistency: shift.consistency,
      worst_shift_acc: shift.worstAccuracy,
      mean_shift_acc: shift.meanAccuracy,
      shift_unanimity: shift.unanimity,
    },
    history: historyRows(model, seed, trained),
    offsets: shift.offsets,
    classes: trained.classes,
    samples: await sample(trained, keyOf(seed)),
  };
}

/** The first test image of each of the first classes that occur, rolled and classified. */
async function sample(trained: Evaluated, key: Key): Promise<Sample[]> {
  const { images, labels } = trained.test;
  const firsts = trained.classes.map((_, label) => labels.indexOf(label)).filter((index) => index >= 0);
  const picked = firsts.slice(0, SAMPLES);
  const shown = takeImages(images, picked);
  const predictions: Uint8Array[] = [];
  for (const dx of STRIP_OFFSETS) {
    const rolled = shiftImages(shown, [{ dy: 0, dx }], "circular-flat");
    predictions.push(argmaxRows(await predict(trained, rolled, foldIn(key, dx)), trained.classes.length));
  }
  const { height, width, channels } = images;
  return picked.map((index, row) => ({
    height,
    width,
    channels,
    pixels: Array.from(takeImages(images, [index]).pixels),
    label: labels[index],
    predictions: predictions.map((each) => each[row]),
  }));
}
