/**
 * Progress of training: what a step and an evaluation add to it, which evaluation is the best, and when it is over.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { HistoryRow } from "../../../pipeline/records.ts";
import {
  afterEvaluation,
  afterStep,
  afterWait,
  BEGINNING,
  isNewBest,
  meanLoss,
} from "../../../pipeline/train/progress.ts";

function row(valLoss: number, valAcc = 0): HistoryRow {
  return { epoch: 1, step: 1, inputs: 1, trainLoss: 1, valLoss, valAcc };
}

Deno.test("progress: steps are weighted by their images, and an evaluation begins a new mean", () => {
  let progress = afterStep(BEGINNING, { loss: 2, count: 3, milliseconds: 5 });
  progress = afterStep(progress, { loss: 4, count: 1, milliseconds: 7 });
  assertEquals(meanLoss(progress), 2.5);
  progress = afterWait(afterEvaluation(progress, row(1), false), 11);
  assertEquals(progress, {
    step: 2,
    lossSum: 0,
    lossCount: 0,
    history: [row(1)],
    stale: 1,
    stepMs: 12,
    totalMs: 23,
  });
  assertEquals(afterEvaluation(progress, row(0), true).stale, 0);
});

/** Losses of evaluations in a row, and which of them are a new best. */
const LOSSES: readonly (readonly [losses: readonly number[], isBest: readonly boolean[]])[] = [
  [[3, 2, 2, 1], [true, true, false, true]],
  [[NaN, 2, NaN, 3], [true, true, false, false]],
  [[NaN, NaN, Infinity, 1], [true, false, false, true]],
  [[Infinity, NaN, 5], [true, false, true]],
];
for (const [losses, expected] of LOSSES) {
  Deno.test(`progress: of the losses ${losses} the new bests are ${expected}`, () => {
    const rows = losses.map((loss) => row(loss));
    assertEquals(rows.map((each, at) => isNewBest(rows.slice(0, at), each, "valLoss")), expected);
  });
}

Deno.test("progress: accuracy is the better the higher it is, whatever the loss", () => {
  const rows = [row(1, 0.5), row(2, 0.6), row(0, 0.6), row(NaN, 0.7)];
  const isBest = rows.map((each, at) => isNewBest(rows.slice(0, at), each, "valAcc"));
  assertEquals(isBest, [true, true, false, true]);
});
