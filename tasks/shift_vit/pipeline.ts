/**
 * The pipeline of a model of `shift-vit`: one recipe, and one protocol under shift for all.
 *
 * @module
 */

import type { Dataset } from "../../datasets/dataset.ts";
import { crossEntropy } from "../../models/losses.ts";
import { adamW } from "../../models/optimizers/adamw.ts";
import { cosineAnnealing } from "../../models/optimizers/cosine_annealing.ts";
import { linearWarmup } from "../../models/optimizers/linear_warmup.ts";
import type { Optimizer } from "../../models/optimizers/optimizer.ts";
import type { Schedule } from "../../models/optimizers/schedule.ts";
import { sgd } from "../../models/optimizers/sgd.ts";
import { stepSchedule } from "../../models/optimizers/step_schedule.ts";
import { augment } from "../../pipeline/augment.ts";
import { randomHorizontalFlip } from "../../pipeline/augment/random_flip.ts";
import { averageShifts, phaseOffsets } from "../../pipeline/average_shifts.ts";
import { equivarianceError, type LayersCompared } from "../../pipeline/equivariance.ts";
import { evaluate, type Evaluated } from "../../pipeline/evaluate.ts";
import { load, type LoadSizes } from "../../pipeline/load.ts";
import { type Normalization, normalize } from "../../pipeline/normalize.ts";
import { type PhasesCounted, phaseStats } from "../../pipeline/phase_stats.ts";
import { pipe, type Stage } from "../../pipeline/pipe.ts";
import type { Trained } from "../../pipeline/records.ts";
import { restore } from "../../pipeline/restore.ts";
import { type Challenged, robustness } from "../../pipeline/robustness.ts";
import { type Shifted, shiftEval } from "../../pipeline/shift_eval.ts";
import { tokenize } from "../../pipeline/tokenize.ts";
import { train } from "../../pipeline/train.ts";
import type { NamedModel } from "./models.ts";
import type { Recipe } from "./presets.ts";

/** What a model is trained with. */
export interface Settings extends LoadSizes {
  /** Images of the size that the model takes. */
  readonly dataset: Dataset;
  /** What their pixels are normalized by. */
  readonly normalization: Normalization;
  /** Training images that there are: what warm-up and evaluations are counted by. */
  readonly trainCount: number;
  /** Passes over them. */
  readonly epochs: number | undefined;
  /** Training images seen, after which to stop. */
  readonly maxInputs: number | undefined;
  /** Images a step. */
  readonly batchSize: number;
  /** Test images that every circular offset is tried on. */
  readonly offsetImages: number;
  /** How to optimize. */
  readonly recipe: Recipe;
  /** Threads that share each batch. */
  readonly workers: number | undefined;
  /** Address of the weights of the model, if it was trained before. */
  readonly weights: string | undefined;
}

/** All that is found out about a model. */
export type Examined = Evaluated & Shifted & Challenged & PhasesCounted & LayersCompared;

/** Greatest difference of logits that counts as none: sums in another order make some 1e-6. */
const TOLERANCE = 1e-3;

/** Pixels of small shifts, and of the squares that are erased. */
const SMALL = 3;

/** Evaluations of a run, for the curves. */
const EVALUATIONS = 5;

/** The places of the pairs of shifts in the results of `shiftEval`. */
export const PAIRS = { circular: 0, circularSmall: 1, zeroSmall: 2 } as const;

/** Trains a model, or takes one that was trained before, and puts it under every kind of shift. */
export function pipelineOf(model: NamedModel, settings: Settings): Stage<void, Examined> {
  const { averaged, size } = model;
  const seen = averaged === 1 ? training(model, settings) : pipe(
    training(model, settings),
    averageShifts({ offsets: averaged === size ? "all" : phaseOffsets(averaged) }),
  );
  return pipe(
    seen,
    evaluate({ loss: lossOf(settings.recipe) }),
    shiftEval({
      mode: "circular-2d",
      offsets: "all",
      logits: true,
      tolerance: TOLERANCE,
      // A model that averages is asked for as many more predictions.
      images: Math.max(1, Math.floor(settings.offsetImages / averaged)),
      choose: "random",
      pairs: [
        { mode: "circular-2d", max: "all" },
        { mode: "circular-2d", max: SMALL },
        { mode: "zero-2d", max: SMALL },
      ],
    }),
    robustness({ erase: [SMALL], flips: true, noise: [10] }),
    phaseStats({ images: 500 }),
    equivarianceError({ images: 4, offsets: 4 }),
  );
}

/** The part of the pipeline that ends with a trained model. */
export function training(
  { architecture, tokenizer, augmentations }: NamedModel,
  settings: Settings,
): Stage<void, Trained> {
  const { recipe, epochs, maxInputs, batchSize, workers, weights } = settings;
  const flips = recipe.flip ? [randomHorizontalFlip()] : [];
  const tokenized = pipe(
    load(settings.dataset, settings),
    normalize(settings.normalization),
    augment(...flips, ...augmentations),
    tokenize(tokenizer),
  );
  if (weights !== undefined) return pipe(tokenized, restore(architecture, { weights }));
  const { steps, stepsAnEpoch } = lengthOf(settings);
  return pipe(
    tokenized,
    train(architecture, {
      optimizer: optimizerOf(recipe),
      schedule: scheduleOf(settings),
      loss: lossOf(recipe),
      ...recipe.clip === undefined ? {} : { clip: { norm: recipe.clip } },
      batchSize,
      epochs,
      maxInputs,
      evaluateEvery: Math.ceil(steps / EVALUATIONS) / stepsAnEpoch,
      workers,
    }),
  );
}

/** The length of a run in optimizer steps, and that of an epoch. */
function lengthOf(
  { trainCount, epochs = Infinity, maxInputs = Infinity, batchSize }: Settings,
): { readonly steps: number; readonly stepsAnEpoch: number } {
  const stepsAnEpoch = Math.ceil(trainCount / batchSize);
  // The last batch of an epoch may be smaller, so that a number of images takes more steps than its batches.
  const byInputs = maxInputs === Infinity
    ? Infinity
    : Math.floor(maxInputs / trainCount) * stepsAnEpoch + Math.ceil((maxInputs % trainCount) / batchSize);
  return { steps: Math.max(1, Math.min(epochs * stepsAnEpoch, byInputs)), stepsAnEpoch };
}

function lossOf({ labelSmoothing = 0 }: Recipe): ReturnType<typeof crossEntropy> {
  return crossEntropy(labelSmoothing === 0 ? {} : { labelSmoothing });
}

function optimizerOf(recipe: Recipe): Optimizer {
  const { learningRate, weightDecay } = recipe;
  return recipe.optimizer === "adamw"
    // Biases, and scales and shifts of norms, do not decay.
    ? adamW({ learningRate, weightDecay, decayVectors: false })
    : sgd({ learningRate, weightDecay, momentum: recipe.momentum });
}

function scheduleOf(settings: Settings): Schedule {
  const { recipe } = settings;
  const { steps, stepsAnEpoch } = lengthOf(settings);
  return recipe.optimizer === "adamw"
    ? linearWarmup(
      Math.max(1, Math.round(recipe.warmup * steps)),
      cosineAnnealing({ minFactor: recipe.minFactor }),
    )
    : stepSchedule({ every: recipe.everyEpochs * stepsAnEpoch });
}
