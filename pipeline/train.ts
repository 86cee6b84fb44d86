/**
 * `train`: fits a model to the training images.
 *
 * The order of the images, the augmentations and all chance inside the model follow from the run's key and the number of
 * the step, so a run can be stopped after any step and resumed to the same bits.
 *
 * @module
 */

import { crossEntropy, type Loss } from "../models/losses.ts";
import type { Architecture } from "../models/model.ts";
import type { ClipRule } from "../models/optimizers/clip_gradients.ts";
import type { Optimizer } from "../models/optimizers/optimizer.ts";
import type { Schedule } from "../models/optimizers/schedule.ts";
import { countParams } from "../models/params.ts";
import type { EvaluationProtocol } from "./evaluate.ts";
import { type Stage, stage } from "./pipe.ts";
import type { Tokenized, Trained } from "./records.ts";
import { planSteps } from "./step_plan.ts";
import { checkpointsOf } from "./train/checkpoints.ts";
import { identityOf } from "./train/identity.ts";
import { type Setup, trainKeys } from "./train/setup.ts";
import { beginTraining } from "./train/training.ts";

/** How to train. Give `epochs`, `maxInputs`, or both: training ends with whichever comes first. */
export interface TrainOptions {
  /** How gradients change parameters. */
  readonly optimizer: Optimizer;
  /** What is minimised. Default cross-entropy. */
  readonly loss?: Loss;
  /** How the learning rate changes from step to step. Default: not at all. */
  readonly schedule?: Schedule;
  /** How gradients are clipped before the optimizer sees them. Default: not at all. */
  readonly clip?: ClipRule;
  /** Images a step. Default 32. The last batch of an epoch may be smaller. */
  readonly batchSize?: number;
  /** Passes over the training images, all their augmented copies included. */
  readonly epochs?: number;
  /** Images to train on in all. */
  readonly maxInputs?: number;
  /** Epochs between evaluations; a fraction for several in one epoch. Default 1. There is always one at the end. */
  readonly evaluateEvery?: number;
  /** How to evaluate. Default: each image by itself. */
  readonly evaluation?: EvaluationProtocol;
  /** What tells the best evaluation from the others. Default `valLoss`. */
  readonly monitor?: "valLoss" | "valAcc";
  /** Ends training after so many evaluations in a row without a new best. Default: never. */
  readonly patience?: number;
  /** Which parameters to hand on: those after the last step, or those of the best evaluation. Default `last`. */
  readonly keep?: "last" | "best";
  /**
   * Threads to train with, each with a share of every batch and a core of its own. The same number gives the same bits;
   * another number differs by rounding, and more only where the model itself draws chance or takes statistics of the
   * batch. Part of the configuration if given.
   *
   * Default: as many as the machine has cores where a step is long enough to gain, else one. What is measured is the
   * work of the first step, not its time, so the choice repeats; it is kept in the checkpoint and in the record.
   */
  readonly workers?: number;
  /**
   * Address of a module that exports a `registry` with the builders of your own parts, for workers to make them:
   * `import.meta.resolve("./my_registry.ts")`. Not needed for the parts of Polyphase.
   */
  readonly registryModule?: string;
}

/** What `train` adds: a trained model, and how many threads it took. */
export type TrainedByWorkers = Trained & {
  /** How far the record is. */
  readonly kind: "trained";
  /** Threads that trained it: give `train` this number to repeat the run on a machine with other cores. */
  readonly workers: number;
};

/**
 * Trains `architecture`, built for the tokens and classes at hand.
 *
 * With a checkpoint store in the run, `best` is kept at every new best evaluation and `last` at every evaluation, every
 * few minutes and on an abort; a `last` that is already there is resumed from.
 *
 * The stage throws a {@linkcode StageError} if neither `epochs` nor `maxInputs` is given or the loss is no longer
 * finite or `workers` cannot be had or one of them fails, an {@linkcode AbortedError} when it is told to stop, and a
 * {@linkcode PolyphaseError} if the checkpoint in the store cannot be read or is of another run, or the best one is to be
 * handed on and is lost.
 */
export function train(
  architecture: Architecture,
  options: TrainOptions,
): Stage<Tokenized, TrainedByWorkers, "train"> {
  const { optimizer, loss = crossEntropy(), schedule, clip, batchSize = 32, epochs, maxInputs } = options;
  const { evaluateEvery = 1, evaluation: protocol, monitor = "valLoss", patience, keep = "last" } = options;
  const config = {
    model: architecture.config,
    optimizer: optimizer.config,
    loss: loss.config,
    batchSize,
    epochs: epochs ?? null,
    maxInputs: maxInputs ?? null,
    evaluateEvery,
    monitor,
    patience: patience ?? null,
    keep,
    ...(schedule === undefined ? {} : { schedule: schedule.config }),
    ...(clip === undefined ? {} : { clip }),
    ...(protocol === undefined ? {} : { evaluation: protocol }),
    ...(options.workers === undefined ? {} : { workers: options.workers }),
  };
  return stage("train", config, async (data, run) => {
    const setup: Setup = {
      architecture,
      model: architecture.build({ grid: data.grid, classes: data.classes.length }),
      loss,
      optimizer,
      clip,
      schedule,
      data,
      plan: planSteps(data, { ...options, batchSize, evaluateEvery }),
      keys: trainKeys(run.key),
      protocol,
      monitor,
      patience,
      keep,
      asked: options.workers,
      backend: run.backend,
      registryModule: options.registryModule,
    };
    const checkpoints = checkpointsOf(setup, await identityOf(config, run.key, data), run.checkpoints);
    const training = await beginTraining(setup, checkpoints, run);
    try {
      await training.gatherWorkers();
      while (!training.isOver()) {
        if (run.signal.aborted) throw await training.stop();
        if (training.isEvaluationDue()) {
          await training.evaluate();
          continue;
        }
        await training.step();
        await training.breathe();
        await training.keepNowAndThen();
      }
      const { history, stepMs, totalMs, step, workers = 1 } = training.progress();
      const params = await training.paramsToHandOn();
      return {
        ...data,
        kind: "trained",
        model: setup.model,
        params,
        parameterCount: countParams(params, setup.model),
        history,
        timing: { seconds: totalMs / 1000, msPerStep: stepMs / Math.max(1, step) },
        workers,
      };
    } finally {
      training.dispose();
    }
  });
}
