/**
 * The tables of a run: a row for each trained model, a row for each evaluation.
 *
 * @module
 */

import type { Evaluated } from "../pipeline/evaluate.ts";
import type { Trained } from "../pipeline/records.ts";

/** What is known of every trained model. Losses: lower is better; accuracies: shares in [0, 1], higher is better. */
export type ResultRow = {
  /** Name of the model. */
  readonly model: string;
  /** How many numbers its parameters are. */
  readonly params: number;
  /** Seed of the run. */
  readonly seed: number;
  /** Epochs trained. */
  readonly epochs: number;
  /** Mean loss over the last epoch of training. */
  readonly train_loss: number;
  /** Mean loss over the test images. */
  readonly val_loss: number;
  /** Share of the test images whose class is predicted right. */
  readonly val_acc: number;
  /** Seconds of training and evaluation. */
  readonly seconds: number;
  /** Mean milliseconds of an optimizer step, the making of its batch included. */
  readonly ms_per_step: number;
};

/** The columns of `results.csv` that every task has, in order; a task adds its own behind them. */
export const RESULT_COLUMNS: readonly (keyof ResultRow)[] = [
  "model",
  "params",
  "seed",
  "epochs",
  "train_loss",
  "val_loss",
  "val_acc",
  "seconds",
  "ms_per_step",
];

/** The row of a trained model. */
export function resultRow(model: string, seed: number, trained: Evaluated): ResultRow {
  const last = trained.history.at(-1);
  return {
    model,
    params: trained.parameterCount,
    seed,
    epochs: last?.epoch ?? 0,
    train_loss: last?.trainLoss ?? NaN,
    val_loss: trained.evaluation.loss,
    val_acc: trained.evaluation.accuracy,
    seconds: trained.timing.seconds,
    ms_per_step: trained.timing.msPerStep,
  };
}

/** One evaluation during training, as a row of `history.csv`. */
export type HistoryCsvRow = {
  readonly model: string;
  readonly seed: number;
  readonly epoch: number;
  readonly step: number;
  readonly inputs: number;
  readonly train_loss: number;
  readonly val_loss: number;
  readonly val_acc: number;
};

/** The columns of `history.csv`, in order. */
export const HISTORY_COLUMNS: readonly (keyof HistoryCsvRow)[] = [
  "model",
  "seed",
  "epoch",
  "step",
  "inputs",
  "train_loss",
  "val_loss",
  "val_acc",
];

/** The rows of a trained model. */
export function historyRows(
  model: string,
  seed: number,
  { history }: Pick<Trained, "history">,
): HistoryCsvRow[] {
  return history.map((row) => ({
    model,
    seed,
    epoch: row.epoch,
    step: row.step,
    inputs: row.inputs,
    train_loss: row.trainLoss,
    val_loss: row.valLoss,
    val_acc: row.valAcc,
  }));
}
