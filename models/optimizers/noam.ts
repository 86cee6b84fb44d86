/**
 * The schedule of the first transformer, named after Noam Shazeer: a straight rise, then a fall with the square root of
 * the step.
 *
 * A. Vaswani et al., "Attention Is All You Need", arXiv 1706.03762, section 5.3.
 *
 * @module
 */

import type { Schedule } from "./schedule.ts";
import { expectSettings } from "./settings.ts";

/** Settings of {@linkcode noam}. */
export interface NoamOptions {
  /** Embed dim of a token d. */
  readonly embed: number;
  /** Steps of the rise W. Default 4000. */
  readonly warmup?: number;
  /** Multiple of the whole f. Default 1. */
  readonly scale?: number;
}

/**
 * `f · d^−½ · min(t^−½, t · W^−1.5)` in step t, counted from 1 as in the paper; the peak is `f · (d W)^−½` at t = W.
 *
 * This is the learning rate itself and not a share of one: give the optimizer `learningRate: 1`.
 *
 * @throws {PolyphaseError} if `embed` or `warmup` is not a whole number from 1 or `scale` is negative
 */
export function noam({ embed, warmup = 4000, scale = 1 }: NoamOptions): Schedule {
  expectSettings("noam", { embed, warmup }, { from: 1, whole: true });
  expectSettings("noam", { scale }, { from: 0 });
  return {
    name: "noam",
    config: { name: "noam", embed, warmup, scale },
    factor: (step) => scale * embed ** -0.5 * Math.min((step + 1) ** -0.5, (step + 1) * warmup ** -1.5),
  };
}
