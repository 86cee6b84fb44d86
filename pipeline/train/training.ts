/**
 * A training run under way: how far it is, who takes its steps, and what is done with it between them.
 *
 * @module
 */

import type { Params } from "../../models/model.ts";
import { breathe } from "../breathe.ts";
import type { TrainProgress } from "../checkpoint.ts";
import { AbortedError, StageError } from "../errors.ts";
import { measureWork } from "../parallel/choose.ts";
import type { Run } from "../pipe.ts";
import { initialState } from "../train_step.ts";
import type { Checkpoints } from "./checkpoints.ts";
import { knownWorkers, settleWorkers } from "./crew.ts";
import {
  afterEvaluation,
  afterStep,
  afterWait,
  BEGINNING,
  isEvaluationDue,
  isLastStepTaken,
  isNewBest,
  meanLoss,
} from "./progress.ts";
import type { Setup } from "./setup.ts";
import { stepByTeam, stepHere, type Stepper } from "./stepper.ts";
import { takeStock } from "./take_stock.ts";
import { turnsOf } from "./turns.ts";

/** Steps between turns of the event loop, and lines on how it goes: seldom enough to cost nothing. */
const STEPS_PER_BREATH = 32;

/** The longest that long steps keep the event loop waiting, in milliseconds: often enough for Ctrl-C. */
const MS_PER_BREATH = 250;

/** The longest that a process which is killed without warning can lose, in milliseconds. */
const MS_BETWEEN_CHECKPOINTS = 180_000;

/** A training run under way. */
export interface Training {
  /** How far it is. */
  progress(): TrainProgress;
  /** Whether all steps are taken, or patience has come to its end, and there is no evaluation due. */
  isOver(): boolean;
  /**
   * Starts the workers if it is known how many there are to be; if not, the first step tells. A run with no step to
   * take needs none.
   *
   * @throws {StageError} if they cannot be had
   */
  gatherWorkers(): Promise<void>;
  /**
   * Takes an optimizer step.
   *
   * @throws {StageError} if its loss is not finite, or a worker fails
   */
  step(): Promise<void>;
  /** Says how it goes every few steps, and lets the event loop turn. */
  breathe(): Promise<void>;
  /** Whether the last step is one to evaluate after, and that has not been done. */
  isEvaluationDue(): boolean;
  /**
   * Evaluates, keeps the checkpoints and says what came of it.
   *
   * @throws {AbortedError} if the run is to stop meanwhile; the checkpoint is one to evaluate first when it is resumed
   */
  evaluate(): Promise<void>;
  /** Keeps the checkpoint `last` if that is long ago. */
  keepNowAndThen(): Promise<void>;
  /** Keeps the checkpoint `last`, and gives back the error that says where training was stopped. */
  stop(): Promise<AbortedError>;
  /**
   * The parameters that training came to. The caller disposes of them.
   *
   * @throws {PolyphaseError} if they are those of `best` and it cannot be read
   */
  paramsToHandOn(): Promise<Params>;
  /** Ends the workers and frees every tensor, but for the parameters that were handed on. */
  dispose(): void;
}

/**
 * Training from the checkpoint `last` on, or from the beginning. The caller disposes of it.
 *
 * @throws {PolyphaseError} if the checkpoint cannot be gone on from
 */
export async function beginTraining(setup: Setup, checkpoints: Checkpoints, run: Run): Promise<Training> {
  const { architecture, plan, keys } = setup;
  const turnOf = turnsOf(setup);
  const begun = await checkpoints.resume();
  let progress = begun?.progress ?? BEGINNING;
  let stepper = stepHere(setup, begun?.state ?? initialState(setup, keys.init));
  let keptAt = run.now();
  /** What {@linkcode TrainProgress.totalMs} was when the event loop last turned. */
  let breathedAt = progress.totalMs;

  const say = (metrics: Record<string, number>) =>
    run.progress({
      stage: "train",
      text: architecture.name + (stepper.workers > 1 ? ` on ${stepper.workers} workers` : ""),
      done: progress.step,
      total: plan.steps,
      metrics,
    });

  const keepLast = async () => {
    // Without a store there is no need to ask a team for its state.
    if (run.checkpoints) await checkpoints.keepLast({ progress, state: await stepper.state() });
    keptAt = run.now();
  };

  const takeStep = async () => {
    const started = run.now();
    const turn = turnOf(progress.step);
    const loss = await stepper.step(turn);
    if (!Number.isFinite(loss)) throw diverged(loss, turn.step, plan.stepsPerEpoch);
    progress = afterStep(progress, { loss, count: turn.count, milliseconds: run.now() - started });
  };

  const stop = async () => {
    await keepLast();
    return new AbortedError(
      `Stopped after step ${progress.step} of ${plan.steps}: ` +
        (run.checkpoints ? "resume to go on from there" : "run again; no checkpoint was asked for"),
    );
  };

  /** Lets the stepper that `find` gives take the steps from now on; to find it may take a while. */
  const changeStepper = async (find: () => Promise<Stepper>) => {
    const started = run.now();
    stepper = await find();
    progress = { ...afterWait(progress, run.now() - started), workers: stepper.workers };
  };

  /** Takes the first step and settles, by its work, who takes the others. */
  const takeFirstStep = async () => {
    const { milliseconds: stepMs } = await measureWork(takeStep);
    const prospect = { stepMs, steps: plan.steps - progress.step };
    await changeStepper(() =>
      settleWorkers(
        setup,
        stepper,
        prospect,
        (reason) => run.progress({ stage: "train", text: `${architecture.name} on one core: ${reason}` }),
      )
    );
  };

  return {
    progress: () => progress,
    isOver: () => isLastStepTaken(progress, setup) && !isEvaluationDue(progress, setup),
    async gatherWorkers() {
      const workers = knownWorkers(setup, progress);
      if (workers === undefined) return;
      progress = { ...progress, workers };
      if (workers === 1 || isLastStepTaken(progress, setup)) return;
      await changeStepper(async () => stepByTeam(setup, workers, await stepper.state()));
    },
    step: () => progress.workers === undefined ? takeFirstStep() : takeStep(),
    async breathe() {
      const isTimeToSay = progress.step % STEPS_PER_BREATH === 0;
      if (isTimeToSay) say({ train_loss: meanLoss(progress) });
      if (!isTimeToSay && progress.totalMs - breathedAt < MS_PER_BREATH) return;
      await breathe();
      breathedAt = progress.totalMs;
    },
    isEvaluationDue: () => isEvaluationDue(progress, setup),
    async evaluate() {
      const started = run.now();
      const state = await stepper.state();
      let turnedAt = started;
      const row = await takeStock(setup, progress, state, async () => {
        if (run.now() - turnedAt < MS_PER_BREATH) return;
        await breathe();
        turnedAt = run.now();
        if (run.signal.aborted) throw await stop();
      });
      const isBest = isNewBest(progress.history, row, setup.monitor);
      progress = afterWait(afterEvaluation(progress, row, isBest), run.now() - started);
      // `best` first: a run that is killed between the two goes on from the `last` before, and makes this `best` again.
      if (isBest) await checkpoints.keepBest(state, row);
      await keepLast();
      say({ train_loss: row.trainLoss, val_loss: row.valLoss, val_acc: row.valAcc });
    },
    async keepNowAndThen() {
      if (run.checkpoints && run.now() - keptAt > MS_BETWEEN_CHECKPOINTS) await keepLast();
    },
    stop,
    paramsToHandOn: async () => checkpoints.paramsToHandOn(await stepper.state()),
    dispose: () => stepper.dispose(),
  };
}

/** The error of a loss that is no number any more. */
function diverged(loss: number, step: number, stepsPerEpoch: number): StageError {
  return new StageError({
    stage: "train",
    seen: `loss ${loss} at step ${step + 1} (epoch ${Math.floor(step / stepsPerEpoch) + 1})`,
    expected: "a finite number",
    mend: "lower the learning rate; the last evaluation is in the checkpoint",
  });
}
