/**
 * AdamW, as PyTorch's: Adam whose weight decay shrinks the parameters and stays out of the gradients.
 *
 * I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization", arXiv 1711.05101.
 *
 * @module
 */

import { adamState, adamUpdate, expectMoments, type MomentOptions } from "./adam_rule.ts";
import type { Optimizer } from "./optimizer.ts";

/** Settings of {@linkcode adamW}. */
export interface AdamWOptions extends MomentOptions {
  /** Share of a parameter that a step takes off, per learning rate. Default 0.01. */
  readonly weightDecay?: number;
  /**
   * Whether parameters with fewer than two axes decay too: biases, and scales and shifts of norms. Default true, as in
   * PyTorch; recipes for transformers often leave them out.
   */
  readonly decayVectors?: boolean;
}

/**
 * `w ← w (1 − η λ)`, `m ← β₁ m + (1−β₁) g`, `v ← β₂ v + (1−β₂) g²`, `w ← w − η m̂ / (√v̂ + ε)`.
 *
 * @throws {PolyphaseError} if a setting is negative or a beta is not below 1
 */
export function adamW(
  {
    learningRate = 1e-3,
    beta1 = 0.9,
    beta2 = 0.999,
    epsilon = 1e-8,
    weightDecay = 0.01,
    decayVectors = true,
  }: AdamWOptions = {},
): Optimizer {
  const settings = { learningRate, beta1, beta2, epsilon };
  expectMoments("adamw", { ...settings, weightDecay });
  return {
    name: "adamw",
    config: { name: "adamw", ...settings, weightDecay, decayVectors },
    init: adamState,
    update(params, gradients, state, rate = 1) {
      const decays = decayVectors
        ? weightDecay
        : params.map(({ shape }) => (shape.length < 2 ? 0 : weightDecay));
      const rule = {
        ...settings,
        learningRate: learningRate * rate,
        weightDecay: decays,
        decoupled: true,
      };
      return adamUpdate(rule, params, gradients, state);
    },
  };
}
