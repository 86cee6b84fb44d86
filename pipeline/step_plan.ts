/**
 * How long training takes, in steps, and what each step sees.
 *
 * @module
 */

import { copiesOf } from "./augment.ts";
import { StageError } from "./errors.ts";
import type { Data } from "./records.ts";

/** What decides how many steps there are. All but `evaluateEvery` are whole numbers of at least 1. */
export interface PlanOptions {
  /** Images a step. */
  readonly batchSize: number;
  /** Passes over the training images. */
  readonly epochs?: number;
  /** Images to train on in all. */
  readonly maxInputs?: number;
  /** Epochs between evaluations; a fraction for several in one epoch. */
  readonly evaluateEvery: number;
  /** Evaluations without a new best after which to end. */
  readonly patience?: number;
  /** Threads that share each batch. */
  readonly workers?: number;
}

/** How many steps there are, and what they see. */
export interface StepPlan {
  /** Images a step, but for the last of an epoch. */
  readonly batchSize: number;
  /** Training images with all their augmented copies. */
  readonly imagesPerEpoch: number;
  /** Steps an epoch; the last may see fewer images. */
  readonly stepsPerEpoch: number;
  /** Steps in all. */
  readonly steps: number;
  /** Steps between evaluations. */
  readonly stepsPerEvaluation: number;
  /** Images seen after so many steps. */
  inputsAfter(step: number): number;
}

/**
 * The plan of a training run.
 *
 * @throws {StageError} if a setting makes no sense, nothing says how long to train, or there are no images
 */
export function planSteps(data: Data, settings: PlanOptions): StepPlan {
  const { batchSize, epochs, maxInputs, evaluateEvery, patience, workers } = settings;
  for (
    const [name, value] of Object.entries({ batchSize, epochs, maxInputs, patience, workers })
  ) {
    if (value === undefined || (Number.isInteger(value) && value >= 1)) continue;
    throw new StageError({
      stage: "train",
      seen: `${name} ${value}`,
      expected: "a whole number of at least 1",
      mend: `give ${name} one`,
    });
  }
  if (!(evaluateEvery > 0 && Number.isFinite(evaluateEvery))) {
    throw new StageError({
      stage: "train",
      seen: `evaluateEvery ${evaluateEvery}`,
      expected: "a number of epochs above 0",
      mend: "give evaluateEvery one, such as 1 or 0.5",
    });
  }
  if (epochs === undefined && maxInputs === undefined) {
    throw new StageError({
      stage: "train",
      seen: "neither epochs nor maxInputs",
      expected: "at least one of them",
      mend: "say how long to train, for example epochs: 50",
    });
  }
  if (workers !== undefined && workers > batchSize) {
    throw new StageError({
      stage: "train",
      seen: `${workers} workers for batches of ${batchSize}`,
      expected: "at least an image for each",
      mend: `set workers to ${batchSize} or fewer, or batchSize to ${workers} or more`,
    });
  }
  const imagesPerEpoch = data.train.images.count * copiesOf(data.augmentations);
  if (imagesPerEpoch === 0) {
    throw new StageError({
      stage: "train",
      seen: "no training images",
      expected: "at least one",
      mend: "load a data set that has some",
    });
  }
  const stepsPerEpoch = Math.ceil(imagesPerEpoch / batchSize);
  const inputsAfter = (step: number) =>
    Math.floor(step / stepsPerEpoch) * imagesPerEpoch + (step % stepsPerEpoch) * batchSize;
  const byEpochs = epochs === undefined ? Infinity : epochs * stepsPerEpoch;
  const byInputs = maxInputs === undefined
    ? Infinity
    : Math.floor(maxInputs / imagesPerEpoch) * stepsPerEpoch +
      Math.ceil((maxInputs % imagesPerEpoch) / batchSize);
  return {
    batchSize,
    imagesPerEpoch,
    stepsPerEpoch,
    steps: Math.min(byEpochs, byInputs),
    stepsPerEvaluation: Math.max(1, Math.round(stepsPerEpoch * evaluateEvery)),
    inputsAfter,
  };
}
