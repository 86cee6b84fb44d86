/**
 * Stochastic gradient descent, with momentum and weight decay as in PyTorch's `SGD`.
 *
 * @module
 */

import { areKernelsInUse } from "../backend/kernels/install.ts";
import { sgdStep } from "../backend/kernels/optimizer_steps.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import type { Optimizer, OptimizerState } from "./optimizer.ts";
import { expectSettings } from "./settings.ts";

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

/**
 * `v ← μ v + g + λ w`, `w ← w − η v`; with `nesterov` `w ← w − η (g + λ w + μ v)`.
 *
 * @throws {PolyphaseError} if a setting is out of its range, or `nesterov` is set without momentum
 */
export function sgd(
  { learningRate, momentum = 0, nesterov = false, weightDecay = 0 }: SgdOptions,
): Optimizer {
  expectSettings("sgd", { learningRate, weightDecay }, { from: 0 });
  expectSettings("sgd", { momentum }, { from: 0, below: 1 });
  if (nesterov && momentum === 0) {
    throw new PolyphaseError("sgd: nesterov is set and momentum is 0, expected both: set momentum: 0.9");
  }
  const none: OptimizerState["slots"] = {};
  return {
    name: "sgd",
    config: { name: "sgd", learningRate, momentum, nesterov, weightDecay },
    init: (params) => ({
      step: 0,
      slots: momentum === 0 ? none : { momentum: params.map((each) => tf.zerosLike(each)) },
    }),
    update(params, gradients, { step, slots }, rate = 1) {
      const rule = { learningRate: learningRate * rate, momentum, nesterov, weightDecay };
      const { params: moved, velocity } = areKernelsInUse()
        ? sgdStep(params, gradients, slots.momentum ?? [], rule)
        : composedStep(rule, params, gradients, slots.momentum ?? []);
      const kept = momentum === 0 ? none : { momentum: velocity };
      return { params: moved, state: { step: step + 1, slots: kept } };
    },
  };
}

function composedStep(
  { learningRate, momentum, nesterov, weightDecay }: Required<SgdOptions>,
  params: readonly Tensor[],
  gradients: readonly Tensor[],
  slot: readonly Tensor[],
): { params: Tensor[]; velocity: Tensor[] } {
  return tf.tidy(() => {
    const decayed: readonly Tensor[] = weightDecay === 0
      ? gradients
      : gradients.map((gradient, index) => tf.add(gradient, tf.mul(params[index], weightDecay)));
    const velocity: Tensor[] = slot.map((each, index) => tf.add(tf.mul(each, momentum), decayed[index]));
    const along: readonly Tensor[] = momentum === 0
      ? decayed
      : nesterov
      ? decayed.map((gradient, index) => tf.add(gradient, tf.mul(velocity[index], momentum)))
      : velocity;
    const moved: Tensor[] = params.map((param, index) => tf.sub(param, tf.mul(along[index], learningRate)));
    return { params: moved, velocity };
  });
}
