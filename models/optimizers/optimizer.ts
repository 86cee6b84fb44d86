/**
 * What an optimizer is: a pure function from parameters, gradients and state to new parameters and state.
 *
 * @module
 */

import type { JsonObject } from "../../pipeline/json.ts";
import type { Tensor } from "../backend/tf.ts";

/** What an optimizer remembers between steps. */
export interface OptimizerState {
  /** Steps taken. */
  readonly step: number;
  /** Named lists of tensors, each with one tensor per parameter and of its shape, for example `momentum`. */
  readonly slots: { readonly [slot: string]: readonly Tensor[] };
}

/** Parameters and state after a step. */
export interface Updated {
  /** New parameters, in the order of the old. */
  readonly params: Tensor[];
  /** New state. */
  readonly state: OptimizerState;
}

/** A rule for updating parameters. */
export interface Optimizer {
  /** Name, for example `sgd`. */
  readonly name: string;
  /** Everything that determines the rule. Holds `name`. */
  readonly config: JsonObject;
  /** The state before the first step. The caller disposes of it. */
  init(params: readonly Tensor[]): OptimizerState;
  /**
   * One step. Makes new tensors and disposes of none; `params` and `gradients` are in the same order. `rate` is a factor
   * of the learning rate, which is what a schedule gives. Default 1.
   */
  update(
    params: readonly Tensor[],
    gradients: readonly Tensor[],
    state: OptimizerState,
    rate?: number,
  ): Updated;
}
