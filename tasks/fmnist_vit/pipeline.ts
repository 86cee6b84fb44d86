/**
 * The pipeline of a row of `fmnist-vit`: the recipe that all twelve share.
 *
 * @module
 */

import type { Dataset } from "../../datasets/dataset.ts";
import { l2 } from "../../models/losses.ts";
import { adamW } from "../../models/optimizers/adamw.ts";
import { cosineAnnealing } from "../../models/optimizers/cosine_annealing.ts";
import { augment } from "../../pipeline/augment.ts";
import { trivialAugmentWide } from "../../pipeline/augment/trivial_augment.ts";
import { evaluate, type Evaluated } from "../../pipeline/evaluate.ts";
import { load, type LoadSizes } from "../../pipeline/load.ts";
import { pipe, type Pipeline } from "../../pipeline/pipe.ts";
import { type Probed, svmProbe } from "../../pipeline/svm_probe.ts";
import { tokenize } from "../../pipeline/tokenize.ts";
import { train } from "../../pipeline/train.ts";
import { architectureOf, type Row, tokenizerOf } from "./rows.ts";

/** What can be changed about the experiment. */
export interface Settings extends LoadSizes {
  /** Images of 28×28 in the channels of the row. */
  readonly dataset: Dataset;
  /** Training images seen, after which to stop. */
  readonly maxInputs: number;
  /** Images a step, 64 in the original. */
  readonly batchSize: number;
  /** Epochs between evaluations, 1 in the original. */
  readonly evaluateEvery: number;
  /** Whether to augment, evaluate and average as the original did, quirks included. */
  readonly compat: boolean;
  /** Threads that share each batch. */
  readonly workers?: number;
}

/** Learning rate of the original. */
const LEARNING_RATE = 3e-4;

/**
 * The whole pipeline of a row: TrivialAugmentWide, AdamW with PyTorch's defaults, the mean squared error to one-hot
 * classes, and a cosine down to 0 over the run.
 *
 * With `compat`, as the original: one augmentation for the whole batch; evaluation with the model as in training, so with
 * batch statistics; a validation loss that weighs the small last batch like the others.
 */
export function pipelineOf(row: Row, settings: Settings): Pipeline<void, Evaluated & Probed> {
  const { batchSize, maxInputs, compat } = settings;
  const protocol = compat ? { batchSize, training: true, lossMean: "batches" } as const : undefined;
  return pipe(
    load(settings.dataset, settings),
    augment(trivialAugmentWide({ per: compat ? "batch" : "image" })),
    tokenize(tokenizerOf(row)),
    train(architectureOf(row), {
      optimizer: adamW({ learningRate: LEARNING_RATE }),
      // The original counts whole batches alone, so that its last few steps are past the bottom.
      schedule: cosineAnnealing(compat ? { steps: Math.max(1, Math.floor(maxInputs / batchSize)) } : {}),
      loss: l2(),
      batchSize,
      maxInputs,
      evaluateEvery: settings.evaluateEvery,
      ...(protocol ? { evaluation: protocol } : {}),
      workers: settings.workers,
    }),
    evaluate({ loss: l2(), ...(protocol ? { protocol } : {}) }),
    svmProbe(),
  );
}
