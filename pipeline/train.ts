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
import type { ClipRule } from "../models/optimizers/clip_gradients.ts";
import type { Optimizer } from "../models/optimizers/optimizer.ts";
import type { Schedule } from "../models/optimizers/schedule.ts";
import { countParams, disposeParams, flatten, unflatten } from "../models/params.ts";
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
import { evaluateOn, type EvaluationProtocol } from "./evaluate.ts";
import { fingerprint, sha256 } from "./json.ts";
import { mostWorkers } from "./parallel/ability.ts";
import { measureWork, worthwhileWorkers } from "./parallel/choose.ts";
import { startTeam, type Team } from "./parallel/team.ts";
import { type Run, type Stage, stage } from "./pipe.ts";
import { foldIn, permutation } from "./random.ts";
import type { HistoryRow, Tokenized, Trained } from "./records.ts";
import { planSteps } from "./step_plan.ts";
import { initialState, type StepState, trainStep } from "./train_step.ts";

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

/** Progress with the number of workers, once it is settled. */
type Progress = TrainProgress & { readonly workers?: number };

/** Steps between turns of the event loop: often enough for Ctrl-C, seldom enough to cost nothing. */
const STEPS_PER_BREATH = 32;

/** The longest that a process which is killed without warning can lose, in milliseconds. */
const MS_BETWEEN_CHECKPOINTS = 180_000;

/**
 * Trains `architecture`, built for the tokens and classes at hand.
 *
 * With a checkpoint store in the run, `best` is kept at every new best evaluation and `last` at every evaluation, every
 * few minutes and on an abort; a `last` that is already there is resumed from.
 *
 * The stage throws a {@linkcode StageError} if neither `epochs` nor `maxInputs` is given or the loss is no longer
 * finite or `workers` cannot be had or one of them fails, an {@linkcode AbortedError} when it is told to stop, and a
 * {@linkcode PolyphaseError} if the checkpoint in the store is of another run.
 */
export function train(
  architecture: Architecture,
  options: TrainOptions,
): Stage<Tokenized, TrainedByWorkers, "train"> {
  const settings = { ...DEFAULTS, ...options, loss: options.loss ?? crossEntropy() };
  const { optimizer, loss, batchSize, epochs, maxInputs, evaluateEvery, monitor, patience, keep } = settings;
  const { schedule, clip, evaluation: protocol } = settings;
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
    const classes = data.classes.length;
    const model = architecture.build({ grid: data.grid, classes });
    const rule = { model, loss, optimizer, clip };
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
      ...(data.normalization ? { normalization: { ...data.normalization } } : {}),
    });
    const keys = {
      order: foldIn(run.key, "order"),
      batch: foldIn(run.key, "batch"),
      model: foldIn(run.key, "model"),
      evaluate: foldIn(run.key, "evaluate"),
    };
    const begun = await resumeOrInit(model, optimizer, run, identity);
    let progress: Progress = begun.progress;
    let { state } = begun;
    let best = await run.checkpoints?.load("best");
    let order: { readonly epoch: number; readonly picks: Uint32Array } | undefined;
    let team: Team | undefined;
    /** The step after which `state` was: while a team trains, what is new is with its workers. */
    let stateStep = progress.step;
    let savedAt = run.now();

    const params = (): Params => unflatten(state.leaves.map((leaf, index) => [state.names[index], leaf]));
    const freeSlots = () => tf.dispose(Object.values(state.optimizer.slots).flat());
    /** Makes `state` that of the last step. */
    const catchUp = async () => {
      if (team === undefined || stateStep === progress.step) return;
      const fresh = await team.read();
      disposeParams(params());
      freeSlots();
      state = fresh;
      stateStep = progress.step;
    };
    const saveLast = async () => {
      await catchUp();
      const whole: TrainState = { params: params(), optimizer: state.optimizer, progress };
      await run.checkpoints?.save("last", await encodeTrainState(whole, identity, model));
      savedAt = run.now();
    };
    const say = (metrics: Record<string, number>) =>
      run.progress({
        stage: "train",
        text: architecture.name + (team ? ` on ${team.workers} workers` : ""),
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
        team?.setOrder(order.picks);
      }
      const place = (step % plan.stepsPerEpoch) * batchSize;
      const picks = order.picks.subarray(place, place + batchSize);
      const count = picks.length;
      const rate = schedule?.factor(step, plan.steps) ?? 1;
      if (team) return { loss: await team.step({ step, place, count, rate }), count };
      const batch = await makeBatch(data, picks, foldIn(keys.batch, step), { model, params: params() });
      try {
        const done = await trainStep(rule, state, batch, foldIn(keys.model, step), rate);
        state = done.state;
        stateStep = step + 1;
        return { loss: done.loss, count };
      } finally {
        tf.dispose([batch.tokens, batch.labels]);
      }
    };

    /** Puts training into the hands of `workers` threads. */
    const callTeam = async (workers: number): Promise<void> => {
      const started = run.now();
      team = await startTeam({
        workers,
        parts: { model: architecture, optimizer, loss },
        clip,
        model,
        registryModule: options.registryModule,
        data,
        imagesPerEpoch: plan.imagesPerEpoch,
        keys,
        backend: run.backend,
        begin: { params: params(), optimizer: state.optimizer },
      });
      if (order) team.setOrder(order.picks);
      progress = { ...progress, workers, totalMs: progress.totalMs + run.now() - started };
    };

    /** Settles how many threads train, by the work of the first step, where nobody said. */
    const settle = async (stepMs: number): Promise<void> => {
      const steps = plan.steps - progress.step;
      const workers = worthwhileWorkers({ stepMs, parameters: countParams(params(), model), steps, most });
      progress = { ...progress, workers: 1 };
      if (workers === 1) return;
      try {
        await callTeam(workers);
      } catch (cause) {
        // Nobody asked for workers, so what cannot travel to them, a model of the user's own say, trains here.
        if (!(cause instanceof StageError)) throw cause;
        run.progress({ stage: "train", text: `${architecture.name} on one core: ${cause.fault.seen}` });
      }
    };

    /** Evaluates on the test images, notes the result and keeps checkpoints. */
    const takeStock = async (): Promise<void> => {
      const started = run.now();
      await catchUp();
      const { step, history, lossSum, lossCount, stale, totalMs } = progress;
      const predictor = { ...data, model, params: params() };
      const key = foldIn(keys.evaluate, step);
      const evaluation = await evaluateOn(predictor, data.test, classes, loss, key, protocol);
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

    const recorded = options.workers ?? progress.workers;
    const most = run.backend.name === "webgpu" ? 1 : mostWorkers(Math.min(batchSize, plan.imagesPerEpoch));
    // A checkpoint without a number is of a run that trained here.
    const isSettled = recorded !== undefined || most === 1 || progress.step > 0;
    if (isSettled) progress = { ...progress, workers: recorded ?? 1 };

    try {
      while (progress.step < plan.steps && !(patience !== undefined && progress.stale >= patience)) {
        if (run.signal.aborted) {
          await saveLast();
          throw new AbortedError(
            `Stopped after step ${progress.step} of ${plan.steps}: ` +
              (run.checkpoints ? "resume to go on from there" : "run again; no checkpoint was asked for"),
          );
        }
        const { workers } = progress;
        if (workers !== undefined && workers > 1 && team === undefined) await callTeam(workers);
        const started = run.now();
        const { result: done, milliseconds } = workers === undefined
          ? await measureWork(takeStep)
          : { result: await takeStep(), milliseconds: 0 };
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
        if (workers === undefined) await settle(milliseconds);
        if (progress.step % STEPS_PER_BREATH === 0) {
          say({ train_loss: progress.lossSum / progress.lossCount });
          await breathe();
        }
        const isDue = progress.step % plan.stepsPerEvaluation === 0;
        if (isDue || progress.step === plan.steps) await takeStock();
        else if (run.checkpoints && run.now() - savedAt > MS_BETWEEN_CHECKPOINTS) await saveLast();
      }
    } catch (cause) {
      disposeParams(params());
      throw cause;
    } finally {
      freeSlots();
      team?.close();
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
      parameterCount: countParams(final, model),
      history: progress.history,
      timing: {
        seconds: progress.totalMs / 1000,
        msPerStep: progress.stepMs / Math.max(1, progress.step),
      },
      workers: progress.workers ?? 1,
    };
  });
}

const DEFAULTS = { batchSize: 32, evaluateEvery: 1, monitor: "valLoss", keep: "last" } as const;

/** Where to start from: the checkpoint, or fresh parameters. */
async function resumeOrInit(
  model: Model,
  optimizer: Optimizer,
  run: Run,
  identity: string,
): Promise<{ state: StepState; progress: TrainProgress }> {
  const last = await run.checkpoints?.load("last");
  if (last !== undefined) {
    const { params, optimizer, progress } = decodeTrainState(last, identity, "checkpoint last");
    const leaves = flatten(params);
    const names = leaves.map(([name]) => name);
    return { state: { names, leaves: leaves.map(([, leaf]) => leaf), optimizer }, progress };
  }
  const progress = { step: 0, lossSum: 0, lossCount: 0, history: [], stale: 0, stepMs: 0, totalMs: 0 };
  return { state: initialState({ model, optimizer }, foldIn(run.key, "init")), progress };
}
