/**
 * What a learning-rate schedule is: a pure function from the number of the step to a factor of the learning rate, as
 * PyTorch's `LambdaLR`.
 *
 * @module
 */

import type { JsonObject } from "../../pipeline/json.ts";

/** A learning-rate schedule. */
export interface Schedule {
  /** Name, for example `cosine-annealing`. */
  readonly name: string;
  /** Everything that determines it. Holds `name`. */
  readonly config: JsonObject;
  /**
   * Factor of the learning rate.
   *
   * @param step number of the optimizer step, from 0
   * @param steps steps of the whole run
   */
  factor(step: number, steps: number): number;
}
