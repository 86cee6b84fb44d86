/**
 * Adam, as PyTorch's: epsilon outside the bias correction of the denominator, corrections in float64.
 *
 * D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", arXiv 1412.6980.
 *
 * @module
 */

import { areKernelsInUse } from "../backend/kernels/install.ts";
import { adamStep } from "../backend/kernels/optimizer_steps.ts";
import { tf } from "../backend/tf.ts";
import type { Optimizer } from "./optimizer.ts";

/** Settings of {@linkcode adam}. */
export interface AdamOptions {
  /** Step length. Default 1e-3. */
  readonly learningRate?: number;
  /** Decay of the mean of gradients. Default 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of squared gradients. Default 0.999. */
  readonly beta2?: number;
  /** Added to the denominator. Default 1e-8. */
  readonly epsilon?: number;
}

/** `m ← β₁ m + (1−β₁) g`, `v ← β₂ v + (1−β₂) g²`, `w ← w − η m̂ / (√v̂ + ε)`. */
export function adam(
  { learningRate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: AdamOptions = {},
): Optimizer {
  return {
    name: "adam",
    config: { name: "adam", learningRate, beta1, beta2, epsilon },
    init: (params) => ({
      step: 0,
      slots: {
        mean: params.map((each) => tf.zerosLike(each)),
        square: params.map((each) => tf.zerosLike(each)),
      },
    }),
    update(params, gradients, { step, slots }) {
      const next = step + 1;
      if (areKernelsInUse()) {
        const options = { learningRate, beta1, beta2, epsilon, step: next };
        const { params: moved, ...kept } = adamStep(params, gradients, slots.mean, slots.square, options);
        return { params: moved, state: { step: next, slots: kept } };
      }
      const rate = learningRate / (1 - beta1 ** next);
      const scale = 1 / Math.sqrt(1 - beta2 ** next);
      const mean = gradients.map((gradient, index) =>
        tf.add(tf.mul(slots.mean[index], beta1), tf.mul(gradient, 1 - beta1))
      );
      const square = gradients.map((gradient, index) =>
        tf.add(tf.mul(slots.square[index], beta2), tf.mul(tf.square(gradient), 1 - beta2))
      );
      const moved = params.map((param, index) =>
        tf.sub(
          param,
          tf.div(tf.mul(mean[index], rate), tf.add(tf.mul(tf.sqrt(square[index]), scale), epsilon)),
        )
      );
      return { params: moved, state: { step: next, slots: { mean, square } } };
    },
  };
}
