/**
 * `evaluate`: loss and accuracy on the test images, class by class.
 *
 * @module
 */

import type { Split } from "../datasets/dataset.ts";
import { tf } from "../models/backend/tf.ts";
import { crossEntropy, type Loss } from "../models/losses.ts";
import { pauses } from "./pause.ts";
import { type Stage, stage } from "./pipe.ts";
import { argmaxRows, type BatchOptions, predict, type Predictor } from "./predict.ts";
import type { Key } from "./random.ts";
import type { Trained } from "./records.ts";

/** How well a model does. */
export interface Evaluation {
  /** Mean loss. */
  readonly loss: number;
  /** Share of images whose class is predicted right, in [0, 1]. */
  readonly accuracy: number;
  /** Predicted class of each image, `[count]`. */
  readonly predictions: Uint8Array<ArrayBuffer>;
  /** How many images of class `row` were predicted as class `column`, `[classes][classes]`. */
  readonly confusion: readonly (readonly number[])[];
}

/** A trained model with its evaluation. Made by `evaluate`. */
export interface Evaluated extends Trained {
  /** Results on the test images. */
  readonly evaluation: Evaluation;
}

/**
 * How a model is evaluated where the proper way, each image by itself, is not wanted: for comparison with experiments
 * that did otherwise. Plain data.
 */
export type EvaluationProtocol = {
  /** Images a batch. Default 500. */
  readonly batchSize?: number;
  /** Whether the model is applied as in training: with the statistics of each batch, and with dropout. Default false. */
  readonly training?: boolean;
  /**
   * Whether the loss is the mean over images, or over the means of the batches, however few images the last has. Default
   * `images`.
   */
  readonly lossMean?: "images" | "batches";
};

/** What {@linkcode evaluate} may be told. */
export interface EvaluateOptions {
  /** The loss to report. Default cross-entropy. */
  readonly loss?: Loss;
  /** How to evaluate. Default: each image by itself. */
  readonly protocol?: EvaluationProtocol;
}

/** Evaluates the trained model on the test images. */
export function evaluate(
  { loss = crossEntropy(), protocol }: EvaluateOptions = {},
): Stage<Trained, Evaluated, "evaluate"> {
  const config = { loss: loss.config, ...(protocol ? { protocol } : {}) };
  return stage("evaluate", config, async (trained, run) => ({
    ...trained,
    evaluation: await evaluateOn(trained, trained.test, trained.classes.length, loss, run.key, {
      ...protocol,
      between: pauses(run, "evaluate", "predicting the test images"),
    }),
  }));
}

/** Evaluates a predictor on a split with `classes` classes. */
export async function evaluateOn(
  predictor: Predictor,
  split: Split,
  classes: number,
  loss: Loss,
  key: Key,
  { batchSize = 500, training, lossMean = "images", between }: EvaluationProtocol & BatchOptions = {},
): Promise<Evaluation> {
  const logits = await predict(predictor, split.images, key, { batchSize, training, between });
  const predictions = argmaxRows(logits, classes);
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  predictions.forEach((predicted, row) => confusion[split.labels[row]][predicted]++);
  const right = confusion.reduce((sum, row, label) => sum + row[label], 0);
  const lossOf = async (start: number, end: number): Promise<number> => {
    const shape: [number, number] = [end - start, classes];
    const scalar = tf.tidy(() =>
      loss.apply(
        tf.tensor2d(logits.subarray(start * classes, end * classes), shape),
        tf.tensor2d(oneHot(split.labels.subarray(start, end), classes), shape),
      )
    );
    const [value] = await scalar.data();
    scalar.dispose();
    return value;
  };
  const { count } = split.images;
  const step = lossMean === "images" ? count : batchSize;
  const losses: number[] = [];
  for (let start = 0; start < count; start += step) {
    losses.push(await lossOf(start, Math.min(start + step, count)));
  }
  const value = losses.reduce((sum, each) => sum + each, 0) / losses.length;
  return { loss: value, accuracy: right / predictions.length, predictions, confusion };
}

/** Classes as rows with a single one, `[count, classes]`. */
export function oneHot(labels: Uint8Array, classes: number): Float32Array<ArrayBuffer> {
  const rows = new Float32Array(labels.length * classes);
  for (let row = 0; row < labels.length; row++) rows[row * classes + labels[row]] = 1;
  return rows;
}
