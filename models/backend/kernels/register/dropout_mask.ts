/**
 * The fused kernel `PolyphaseDropoutMask`.
 *
 * @module
 */

import type { KernelDefinition } from "./kernel.ts";
import { sizeOf } from "./shape.ts";

/** Numbers of random bits that a draw in [0, 1) has. */
const DRAWS = 2 ** 23;

/** Zeros with the probability `rate`, and `1/(1 − rate)` elsewhere. */
export const dropoutMask: KernelDefinition = {
  name: "PolyphaseDropoutMask",
  run({ attrs, kernels }) {
    const { shape, rate, key } = attrs as { shape: number[]; rate: number; key: readonly [number, number] };
    const mask = kernels.output(shape, "float32");
    kernels.exports.dropoutMask(
      sizeOf(shape),
      key[0],
      key[1],
      // A draw is below the rate if, as a whole number, it is below the next whole number.
      Math.ceil(rate * DRAWS),
      1 / (1 - rate),
      kernels.addressOf(mask),
    );
    return [mask];
  },
};
