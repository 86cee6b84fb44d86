/**
 * The schedule that is none: the learning rate, or a share of it, from the first step to the last.
 *
 * @module
 */

import type { Schedule } from "./schedule.ts";
import { expectSettings } from "./settings.ts";

/** Settings of {@linkcode constant}. */
export interface ConstantOptions {
  /** Factor of the learning rate. Default 1. */
  readonly factor?: number;
}

/**
 * The same factor in every step.
 *
 * @throws {PolyphaseError} if the factor is negative
 */
export function constant({ factor = 1 }: ConstantOptions = {}): Schedule {
  expectSettings("constant", { factor }, { from: 0 });
  return { name: "constant", config: { name: "constant", factor }, factor: () => factor };
}
