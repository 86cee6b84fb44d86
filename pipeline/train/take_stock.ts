/**
 * Taking stock: what the model has come to on the test images, as a row of the history.
 *
 * @module
 */

import type { TrainProgress } from "../checkpoint.ts";
import { evaluateOn } from "../evaluate.ts";
import type { Between } from "../pause.ts";
import { foldIn } from "../random.ts";
import type { HistoryRow } from "../records.ts";
import type { StepState } from "../train_step.ts";
import { meanLoss } from "./progress.ts";
import type { Setup } from "./setup.ts";
import { paramsOf } from "./state.ts";

/**
 * Evaluates the model of `state` on the test images, and sums up what was seen since the last evaluation.
 *
 * @param between is awaited before each forward pass
 */
export async function takeStock(
  { data, model, loss, plan, keys, protocol }: Setup,
  progress: TrainProgress,
  state: StepState,
  between: Between,
): Promise<HistoryRow> {
  const { step } = progress;
  const predictor = { ...data, model, params: paramsOf(state) };
  const key = foldIn(keys.evaluate, step);
  const evaluation = await evaluateOn(predictor, data.test, data.classes.length, loss, key, {
    ...protocol,
    between,
  });
  return {
    epoch: step / plan.stepsPerEpoch,
    step,
    inputs: plan.inputsAfter(step),
    trainLoss: meanLoss(progress),
    valLoss: evaluation.loss,
    valAcc: evaluation.accuracy,
  };
}
