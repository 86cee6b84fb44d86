/**
 * How far training is, and what a step or an evaluation makes of that.
 *
 * @module
 */

import type { TrainProgress } from "../checkpoint.ts";
import type { HistoryRow } from "../records.ts";
import type { Setup } from "./setup.ts";

/** Before the first step. */
export const BEGINNING: TrainProgress = {
  step: 0,
  lossSum: 0,
  lossCount: 0,
  history: [],
  stale: 0,
  stepMs: 0,
  totalMs: 0,
};

/** A step that was taken. */
export interface StepOutcome {
  /** Mean loss over the batch. */
  readonly loss: number;
  /** Images in the batch. */
  readonly count: number;
  /** Milliseconds that it took. */
  readonly milliseconds: number;
}

/** Progress after one step more. */
export function afterStep(
  progress: TrainProgress,
  { loss, count, milliseconds }: StepOutcome,
): TrainProgress {
  return {
    ...progress,
    step: progress.step + 1,
    lossSum: progress.lossSum + loss * count,
    lossCount: progress.lossCount + count,
    stepMs: progress.stepMs + milliseconds,
    totalMs: progress.totalMs + milliseconds,
  };
}

/** Progress after an evaluation, which begins a new mean of the training loss. */
export function afterEvaluation(progress: TrainProgress, row: HistoryRow, isBest: boolean): TrainProgress {
  return {
    ...progress,
    history: [...progress.history, row],
    lossSum: 0,
    lossCount: 0,
    stale: isBest ? 0 : progress.stale + 1,
  };
}

/** Progress with milliseconds of something that is no step. */
export function afterWait(progress: TrainProgress, milliseconds: number): TrainProgress {
  return { ...progress, totalMs: progress.totalMs + milliseconds };
}

/** Mean training loss over the images seen since the last evaluation. */
export function meanLoss({ lossSum, lossCount }: TrainProgress): number {
  return lossSum / lossCount;
}

/**
 * Whether an evaluation is better than all before it. The first always is; what is not a number is worse than every
 * number, or a first evaluation that comes to none would stay the best for ever.
 */
export function isNewBest(
  history: readonly HistoryRow[],
  row: HistoryRow,
  monitor: Setup["monitor"],
): boolean {
  const cost = (each: HistoryRow) => {
    const value = monitor === "valLoss" ? each.valLoss : -each.valAcc;
    return Number.isNaN(value) ? Infinity : value;
  };
  return history.every((each) => cost(row) < cost(each));
}

/** Whether the last step is one to evaluate after, and that has not been done. */
export function isEvaluationDue({ step, history }: TrainProgress, { plan }: Setup): boolean {
  if (step === 0 || history.at(-1)?.step === step) return false;
  return step % plan.stepsPerEvaluation === 0 || step >= plan.steps;
}

/** Whether no step is to be taken any more: all are, or patience has come to its end. */
export function isLastStepTaken(
  { step, stale }: TrainProgress,
  { plan, patience = Infinity }: Setup,
): boolean {
  return step >= plan.steps || stale >= patience;
}
