/**
 * The step that Adam and AdamW share: in one call of our kernels where they are in use, else composed of tensor ops.
 *
 * @module
 */

import { areKernelsInUse } from "../backend/kernels/install.ts";
import { adamStep } from "../backend/kernels/optimizer_steps.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import type { OptimizerState, Updated } from "./optimizer.ts";
import { expectSettings } from "./settings.ts";

/** Settings that Adam and AdamW share. */
export interface MomentOptions {
  /** Step length. Default 1e-3. */
  readonly learningRate?: number;
  /** Decay of the mean of gradients. Default 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of squared gradients. Default 0.999. */
  readonly beta2?: number;
  /** Added to the denominator. Default 1e-8. */
  readonly epsilon?: number;
}

/** Everything that determines a step. */
export interface AdamRule extends Required<MomentOptions> {
  /** Weight decay of each parameter, or one of all. */
  readonly weightDecay: number | readonly number[];
  /** Whether it shrinks the parameters, as in AdamW, or is added to the gradients, as in Adam. */
  readonly decoupled: boolean;
}

/**
 * Holds that the settings are such that steps are finite.
 *
 * @throws {PolyphaseError} if one is out of its range
 */
export function expectMoments(
  owner: string,
  { learningRate, beta1, beta2, epsilon, weightDecay }: MomentOptions & { readonly weightDecay: number },
): void {
  expectSettings(owner, { learningRate, epsilon, weightDecay }, { from: 0 });
  expectSettings(owner, { beta1, beta2 }, { from: 0, below: 1 });
}

/** The state before the first step: means of gradients and of their squares, all zero. */
export function adamState(params: readonly Tensor[]): OptimizerState {
  return {
    step: 0,
    slots: {
      mean: params.map((each) => tf.zerosLike(each)),
      square: params.map((each) => tf.zerosLike(each)),
    },
  };
}

/** One step: `m ← β₁ m + (1−β₁) g`, `v ← β₂ v + (1−β₂) g²`, `w ← w − η m̂ / (√v̂ + ε)`. */
export function adamUpdate(
  rule: AdamRule,
  params: readonly Tensor[],
  gradients: readonly Tensor[],
  { step: done, slots }: OptimizerState,
): Updated {
  const step = done + 1;
  const { params: moved, mean, square } = areKernelsInUse()
    ? adamStep(params, gradients, slots.mean, slots.square, { ...rule, step })
    : composedStep(rule, params, gradients, slots, step);
  return { params: moved, state: { step, slots: { mean, square } } };
}

function composedStep(
  { learningRate, beta1, beta2, epsilon, weightDecay, decoupled }: AdamRule,
  params: readonly Tensor[],
  gradients: readonly Tensor[],
  slots: OptimizerState["slots"],
  step: number,
): { params: Tensor[]; mean: Tensor[]; square: Tensor[] } {
  const rate = learningRate / (1 - beta1 ** step);
  const scale = 1 / Math.sqrt(1 - beta2 ** step);
  const decayOf = (index: number) => typeof weightDecay === "number" ? weightDecay : weightDecay[index];
  return tf.tidy(() => {
    const decayed = gradients.map((gradient, index) =>
      decoupled || decayOf(index) === 0 ? gradient : tf.add(gradient, tf.mul(params[index], decayOf(index)))
    );
    const mean: Tensor[] = decayed.map((gradient, index) =>
      tf.add(tf.mul(slots.mean[index], beta1), tf.mul(gradient, 1 - beta1))
    );
    const square: Tensor[] = decayed.map((gradient, index) =>
      tf.add(tf.mul(slots.square[index], beta2), tf.mul(tf.square(gradient), 1 - beta2))
    );
    const moved: Tensor[] = params.map((param, index) => {
      const shrunk = decoupled ? tf.mul(param, 1 - learningRate * decayOf(index)) : param;
      const height = tf.add(tf.mul(tf.sqrt(square[index]), scale), epsilon);
      return tf.sub(shrunk, tf.div(tf.mul(mean[index], rate), height));
    });
    return { params: moved, mean, square };
  });
}
