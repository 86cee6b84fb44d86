/**
 * Stochastic gradient descent, with momentum and weight decay as in PyTorch's `SGD`.
 *
 * @module
 */

import { areKernelsInUse } from "../backend/kernels/install.ts";
import { sgdStep } from "../backend/kernels/optimizer_steps.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import type { Optimizer, OptimizerState } from "./optimizer.ts";

/** Settings of {@linkcode sgd}. */
export interface SgdOptions {
  /** Step length. */
  readonly learningRate: number;
  /** Share of the last step that is kept, in [0, 1). Default 0. */
  readonly momentum?: number;
  /** Whether to look ahead along the momentum. Default false. */
  readonly nesterov?: boolean;
  /** Added to the gradient, times the parameter. Default 0. */
  readonly weightDecay?: number;
}

/** `v ← μ v + g + λ w`, `w ← w − η v`; with `nesterov` `w ← w − η (g + λ w + μ v)`. */
export function sgd(
  { learningRate, momentum = 0, nesterov = false, weightDecay = 0 }: SgdOptions,
): Optimizer {
  const none: OptimizerState["slots"] = {};
  return {
    name: "sgd",
    config: { name: "sgd", learningRate, momentum, nesterov, weightDecay },
    init: (params) => ({
      step: 0,
      slots: momentum === 0 ? none : { momentum: params.map((each) => tf.zerosLike(each)) },
    }),
    update(params, gradients, { step, slots }) {
      if (areKernelsInUse()) {
        const options = { learningRate, momentum, nesterov, weightDecay };
        const { params: moved, velocity } = sgdStep(params, gradients, slots.momentum ?? [], options);
        const kept = momentum === 0 ? none : { momentum: velocity };
        return { params: moved, state: { step: step + 1, slots: kept } };
      }
      const decayed = weightDecay === 0
        ? gradients
        : gradients.map((gradient, index) => tf.add(gradient, tf.mul(params[index], weightDecay)));
      const move = (along: readonly Tensor[]) =>
        params.map((param, index) => tf.sub(param, tf.mul(along[index], learningRate)));
      if (momentum === 0) return { params: move(decayed), state: { step: step + 1, slots: none } };
      const velocity = decayed.map((gradient, index) =>
        tf.add(tf.mul(slots.momentum[index], momentum), gradient)
      );
      const along = nesterov
        ? decayed.map((gradient, index) => tf.add(gradient, tf.mul(velocity[index], momentum)))
        : velocity;
      return { params: move(along), state: { step: step + 1, slots: { momentum: velocity } } };
    },
  };
}
