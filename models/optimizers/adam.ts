/**
 * Adam, as PyTorch's: epsilon outside the bias correction of the denominator, corrections in float64, weight decay added
 * to the gradient.
 *
 * D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", arXiv 1412.6980.
 *
 * @module
 */

import { adamState, adamUpdate, expectMoments, type MomentOptions } from "./adam_rule.ts";
import type { Optimizer } from "./optimizer.ts";

export type { MomentOptions } from "./adam_rule.ts";

/** Settings of {@linkcode adam}. */
export interface AdamOptions extends MomentOptions {
  /** Added to the gradient, times the parameter. Default 0. */
  readonly weightDecay?: number;
}

/**
 * `g ← g + λ w`, `m ← β₁ m + (1−β₁) g`, `v ← β₂ v + (1−β₂) g²`, `w ← w − η m̂ / (√v̂ + ε)`.
 *
 * @throws {PolyphaseError} if a setting is negative or a beta is not below 1
 */
export function adam(
  { learningRate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 }: AdamOptions = {},
): Optimizer {
  const settings = { learningRate, beta1, beta2, epsilon };
  expectMoments("adam", { ...settings, weightDecay });
  return {
    name: "adam",
    // Without decay as it was before there was any, so that the ids of runs stay.
    config: { name: "adam", ...settings, ...(weightDecay === 0 ? {} : { weightDecay }) },
    init: adamState,
    update(params, gradients, state, rate = 1) {
      const rule = { ...settings, learningRate: learningRate * rate, weightDecay, decoupled: false };
      return adamUpdate(rule, params, gradients, state);
    },
  };
}
