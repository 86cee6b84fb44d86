/**
 * Options of models of stages, checked: lists with an entry a stage, and rates.
 *
 * @module
 */

import { PolyphaseError } from "../../pipeline/errors.ts";

/**
 * Holds that every list has an entry for each stage, whole numbers of at least `least`.
 *
 * @param model name of the model, for the error
 * @param lists by name; the first says how many stages there are
 * @param least smallest number allowed. Default 1
 * @throws {PolyphaseError} if one has not
 */
export function expectStages(
  model: string,
  lists: Readonly<Record<string, readonly number[]>>,
  least = 1,
): void {
  const [[first, { length: stages }]] = Object.entries(lists);
  for (const [name, list] of Object.entries(lists)) {
    if (list.length !== stages || stages === 0) {
      throw new PolyphaseError(
        `${model} got ${name} of ${list.length} stages and ${first} of ${stages}, expected as many of both: ` +
          `give one a stage`,
      );
    }
    const odd = list.find((each) => !(Number.isInteger(each) && each >= least));
    if (odd === undefined) continue;
    throw new PolyphaseError(
      `${model} got ${odd} among ${name}, expected whole numbers: give ${least} or more`,
    );
  }
}

/**
 * Holds that heads divide the embed dim of each stage.
 *
 * @throws {PolyphaseError} if they do not
 */
export function expectHeads(model: string, embed: readonly number[], heads: readonly number[]): void {
  const stage = embed.findIndex((each, index) => each % heads[index] !== 0);
  if (stage < 0) return;
  const better = heads[stage] * Math.max(1, Math.round(embed[stage] / heads[stage]));
  throw new PolyphaseError(
    `${model} got embed ${embed[stage]} and ${
      heads[stage]
    } heads in stage ${stage}, expected heads that divide it: ` +
      `set embed to ${better}, or choose other heads`,
  );
}

/**
 * Holds that the padding of each stage's window is less than the window, so that every window meets the map.
 *
 * @throws {PolyphaseError} if one does not
 */
export function expectWindows(
  model: string,
  kernelSizes: readonly number[],
  paddings: readonly number[],
): void {
  kernelSizes.forEach((kernelSize, stage) => {
    if (paddings[stage] < kernelSize) return;
    throw new PolyphaseError(
      `${model} got padding ${
        paddings[stage]
      } for windows of ${kernelSize}, expected less padding than window: set it ` +
        `to ${Math.floor(kernelSize / 2)}`,
    );
  });
}

/**
 * Holds that a number is positive and finite.
 *
 * @param usual a value for the message to propose
 * @throws {PolyphaseError} if it is not
 */
export function expectPositive(model: string, name: string, value: number, usual: number): void {
  if (value > 0 && Number.isFinite(value)) return;
  throw new PolyphaseError(`${model} got ${name} ${value}, expected a number above 0: give ${usual}`);
}

/**
 * Holds that a rate is in [0, 1].
 *
 * @throws {PolyphaseError} if it is not
 */
export function expectRate(model: string, name: string, rate: number): void {
  if (rate >= 0 && rate <= 1) return;
  throw new PolyphaseError(`${model} got ${name} ${rate}, expected 0 to 1: 0 drops nothing`);
}

/** Rates that grow in equal steps from 0 to `rate`, `[stages][blocks]` (arXiv 1603.09382). */
export function growingRates(rate: number, depths: readonly number[]): readonly (readonly number[])[] {
  const last = depths.reduce((sum, depth) => sum + depth, 0) - 1;
  let at = 0;
  return depths.map((depth) => Array.from({ length: depth }, () => last === 0 ? rate : rate * at++ / last));
}
