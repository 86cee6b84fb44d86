/**
 * `train`: fits a model to the training images.
 *
 * The order of the images, the augmentations and all chance inside the model follow from the run's key and the number of
 * the step, so a run can be stopped after any step and resumed to the same bits.
 *
 * @module
 */

import { tf } from "../models/backend/tf.ts";
import { crossEntropy, type Loss } from "../models/losses.ts";
import type { Architecture, Model, Params } from "../models/model.ts";
import type { Optimizer } from "../models/optimizers/optimizer.ts";
import { countParams, disposeParams, flatten, unflatten } from "../models/params.ts";
import { copiesOf } from "./augment.ts";
import { makeBatch } from "./batch.ts";
import { breathe } from "./breathe.ts";
import {
  decodeModel,
  decodeTrainState,
  encodeModel,
  encodeTrainState,
  type TrainProgress,
  type TrainState,
} from "./checkpoint.ts";
import { AbortedError, StageError } from "./errors.ts";
import { evaluateOn } from "./evaluate.ts";
import { fingerprint, sha256 } from "./json.ts";
import { type Run, type Stage, stage } from "./pipe.ts";
import { foldIn, permutation } from "./random.ts";
import type { HistoryRow, Tokenized, Trained } from "./records.ts";
import { type StepState, trainStep } from "./train_step.ts";

/** How to train. Give `epochs`, `maxInputs`, or both: training ends with whichever comes first. */
export interface TrainOptions {
  /** How gradients change parameters. */
  readonly optimizer: Optimizer;
  /** What is minimised. Default cross-entropy. */
  readonly loss?: Loss;
  /** Images a step. Default 32. The last batch of an epoch may be smaller. */
  readonly batchSize?: number;
  /** Passes over the training images, all their augmented copies included. */
  readonly epochs?: number;
  /** Images to train on in all. */
  readonly maxInputs?: number;
  /** Epochs between evaluations. Default 1. There is always one at the end. */
  readonly evaluateEvery?: number;
  /** What tells the best evaluation from the others. Default `valLoss`. */
  readonly monitor?: "valLoss" | "valAcc";
  /** Ends training after so many evaluations in a row without a new best. Default: never. */
  readonly patience?: number;
  /** Which parameters to hand on: those after the last step, or those of the best evaluation. Default `last`. */
  readonly keep?: "last" | "best";
}

/** Steps between turns of the event loop: often enough for Ctrl-C, seldom enough to cost nothing. */
const STEPS_PER_BREATH = 32;

/**
 * Trains `architecture`, built for the tokens and classes at hand.
 *
 * With a checkpoint store in the run, `best` is kept at every new best evaluation and `last` at every evaluation and on
 * an abort; a `last` that is already there is resumed from.
 *
 * The stage throws a {@linkcode StageError} if neither `epochs` nor `maxInputs` is given or the loss is no longer
 * finite, an {@linkcode AbortedError} when it is told to stop, and a {@linkcode PolyphaseError} if the checkpoint in the
 * store is of another run.
 */
export function train(
  architecture: Architecture,
  options: TrainOptions,
): Stage<Tokenized, Trained & { kind: "trained" }, "train"> {
  const settings = { ...DEFAULTS, ...options, loss: options.loss ?? crossEntropy() };
  const { optimizer, loss, batchSize, epochs, maxInputs, evaluateEvery, monitor, patience, keep } = settings;
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
  };
  return stage("train", config, async (data, run) => {
    const classes = data.classes.length;
    const model = architecture.build({ grid: data.grid, classes });
    const plan = planSteps(data, settings);
    const identity = await fingerprint({
      config,
      key: run.key,
      image: { ...data.image },
      train: await sha256(data.train.images.pixels),
      trainLabels: await sha256(data.train.labels),
      test: await sha256(data.test.images.pixels),
      tokenizer: data.tokenizer.config,
      augmentations: data.augmentations.map((each) => each.config),
    });
    const keys = {
      order: foldIn(run.key, "order"),
      batch: foldIn(run.key, "batch"),
      model: foldIn(run.key, "model"),
      evaluate: foldIn(run.key, "evaluate"),
    };
    const begun = await resumeOrInit(model, optimizer, run, identity);
    let progress: TrainProgress = begun.progress;
    let state: StepState = {
      names: flatten(begun.params).map(([name]) => name),
      leaves: flatten(begun.params).map(([, leaf]) => leaf),
      optimizer: begun.optimizer,
    };
    let best = await run.checkpoints?.load("best");
    let order: { readonly epoch: number; readonly picks: Uint32Array } | undefined;

    const params = (): Params => unflatten(state.leaves.map((leaf, index) => [state.names[index], leaf]));
    const freeSlots = () => tf.dispose(Object.values(state.optimizer.slots).flat());
    const saveLast = async () => {
      const whole: TrainState = { params: params(), optimizer: state.optimizer, progress };
      await run.checkpoints?.save("last", await encodeTrainState(whole, identity));
    };
    const say = (metrics: Record<string, number>) =>
      run.progress({
        stage: "train",
        text: architecture.name,
        done: progress.step,
        total: plan.steps,
        metrics,
      });

    /** One optimizer step; gives back what to add to the loss. */
    const takeStep = async (): Promise<{ loss: number; count: number }> => {
      const { step } = progress;
      const epoch = Math.floor(step / plan.stepsPerEpoch);
      if (order?.epoch !== epoch) {
        order = { epoch, picks: permutation(foldIn(keys.order, epoch), plan.imagesPerEpoch) };
      }
      const place = (step % plan.stepsPerEpoch) * batchSize;
      const picks = order.picks.subarray(place, place + batchSize);
      const batch = await makeBatch(data, picks, foldIn(keys.batch, step), { model, params: params() });
      try {
        const done = await trainStep({ model, loss, optimizer }, state, batch, foldIn(keys.model, step));
        state = done.state;
        return { loss: done.loss, count: batch.count };
      } finally {
        tf.dispose([batch.tokens, batch.labels]);
      }
    };

    /** Evaluates on the test images, notes the result and keeps checkpoints. */
    const takeStock = async (): Promise<void> => {
      const started = run.now();
      const { step, history, lossSum, lossCount, stale, totalMs } = progress;
      const predictor = { ...data, model, params: params() };
      const evaluation = await evaluateOn(predictor, data.test, classes, loss, foldIn(keys.evaluate, step));
      const row: HistoryRow = {
        epoch: step / plan.stepsPerEpoch,
        step,
        inputs: plan.inputsAfter(step),
        trainLoss: lossSum / lossCount,
        valLoss: evaluation.loss,
        valAcc: evaluation.accuracy,
      };
      const isBest = history.every((each) =>
        monitor === "valLoss" ? row.valLoss < each.valLoss : row.valAcc > each.valAcc
      );
      progress = {
        ...progress,
        history: [...history, row],
        lossSum: 0,
        lossCount: 0,
        stale: isBest ? 0 : stale + 1,
        totalMs: totalMs + run.now() - started,
      };
      if (isBest) {
        best = await encodeModel(params(), {
          model: JSON.stringify(model.config),
          val_loss: `${row.valLoss}`,
          val_acc: `${row.valAcc}`,
        });
        await run.checkpoints?.save("best", best);
      }
      await saveLast();
      say({ train_loss: row.trainLoss, val_loss: row.valLoss, val_acc: row.valAcc });
    };

    try {
      while (progress.step < plan.steps && !(patience !== undefined && progress.stale >= patience)) {
        if (run.signal.aborted) {
          await saveLast();
          throw new AbortedError(
            `Stopped after step ${progress.step} of ${plan.steps}: ` +
              (run.checkpoints ? "resume to go on from there" : "run again; no checkpoint was asked for"),
          );
        }
        const started = run.now();
        const done = await takeStep();
        if (!Number.isFinite(done.loss)) {
          throw new StageError({
            stage: "train",
            seen: `loss ${done.loss} at step ${progress.step + 1} (epoch ${
              Math.floor(progress.step / plan.stepsPerEpoch) + 1
            })`,
            expected: "a finite number",
            mend: "lower the learning rate; the last evaluation is in the checkpoint",
          });
        }
        const spent = run.now() - started;
        progress = {
          ...progress,
          step: progress.step + 1,
          lossSum: progress.lossSum + done.loss * done.count,
          lossCount: progress.lossCount + done.count,
          stepMs: progress.stepMs + spent,
          totalMs: progress.totalMs + spent,
        };
        if (progress.step % STEPS_PER_BREATH === 0) {
          say({ train_loss: progress.lossSum / progress.lossCount });
          await breathe();
        }
        const isDue = progress.step % (plan.stepsPerEpoch * evaluateEvery) === 0;
        if (isDue || progress.step === plan.steps) await takeStock();
      }
    } catch (cause) {
      disposeParams(params());
      throw cause;
    } finally {
      freeSlots();
    }
    let final = params();
    if (keep === "best" && best !== undefined) {
      const kept = decodeModel(best, "checkpoint best", final);
      disposeParams(final);
      final = kept;
    }
    return {
      ...data,
      kind: "trained",
      model,
      params: final,
      parameterCount: countParams(final),
      history: progress.history,
      timing: {
        seconds: progress.totalMs / 1000,
        msPerStep: progress.stepMs / Math.max(1, progress.step),
      },
    };
  });
}

const DEFAULTS = { batchSize: 32, evaluateEvery: 1, monitor: "valLoss", keep: "last" } as const;

/** How many steps there are, and what they see. */
interface StepPlan {
  readonly imagesPerEpoch: number;
  readonly stepsPerEpoch: number;
  readonly steps: number;
  inputsAfter(step: number): number;
}

function planSteps(
  data: Tokenized,
  settings: Pick<TrainOptions, "epochs" | "maxInputs" | "evaluateEvery" | "patience"> & { batchSize: number },
): StepPlan {
  const { batchSize, epochs, maxInputs, evaluateEvery, patience } = settings;
  for (const [name, value] of Object.entries({ batchSize, epochs, maxInputs, evaluateEvery, patience })) {
    if (value === undefined || (Number.isInteger(value) && value >= 1)) continue;
    throw new StageError({
      stage: "train",
      seen: `${name} ${value}`,
      expected: "a whole number of at least 1",
      mend: `give ${name} one`,
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
  const imagesPerEpoch = data.train.images.count * copiesOf(data.augmentations);
  const stepsPerEpoch = Math.ceil(imagesPerEpoch / batchSize);
  const inputsAfter = (step: number) =>
    Math.floor(step / stepsPerEpoch) * imagesPerEpoch + (step % stepsPerEpoch) * batchSize;
  const byEpochs = epochs === undefined ? Infinity : epochs * stepsPerEpoch;
  const byInputs = maxInputs === undefined
    ? Infinity
    : Math.floor(maxInputs / imagesPerEpoch) * stepsPerEpoch +
      Math.ceil((maxInputs % imagesPerEpoch) / batchSize);
  return { imagesPerEpoch, stepsPerEpoch, steps: Math.min(byEpochs, byInputs), inputsAfter };
}

/** The state to start from: that of the checkpoint, or fresh parameters. */
async function resumeOrInit(
  model: Model,
  optimizer: Optimizer,
  run: Run,
  identity: string,
): Promise<TrainState> {
  const last = await run.checkpoints?.load("last");
  if (last !== undefined) return decodeTrainState(last, identity, "checkpoint last");
  const params = model.init(foldIn(run.key, "init"));
  const progress = { step: 0, lossSum: 0, lossCount: 0, history: [], stale: 0, stepMs: 0, totalMs: 0 };
  return { params, optimizer: optimizer.init(flatten(params).map(([, leaf]) => leaf)), progress };
}
