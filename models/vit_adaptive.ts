/**
 * The adaptive twin of the vision transformer: with an adaptive tokenizer it is invariant to circular shifts of the image.
 *
 * R. A. Rojas-Gomez et al., "Making Vision Transformers Truly Shift-Equivariant", arXiv 2305.16316.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import type { Architecture } from "./model.ts";
import { vit, type VitOptions } from "./vit.ts";

/** Options of {@linkcode vitAdaptive}: positions are to be among those that circular shifts commute with. */
export interface VitAdaptiveOptions extends Omit<VitOptions, "positions"> {
  /** How tokens know where they are. Default `circular`. */
  readonly positions?: "none" | "circular" | "circular-convolution";
}

/**
 * The adaptive twin of {@linkcode vit}: with a tokenizer such as `adaptive(patches2d({ size: 4 }))` its logits are the same
 * for every circular shift of an image, before training and after. Unless options say otherwise, positions are `circular`
 * and the head sees the mean of the tokens, with no class token; a class token is invariant too. The architecture is `vit`
 * with these options.
 *
 * @throws {PolyphaseError} if the options do not fit each other, or positions are such that shifts do not commute with
 */
export function vitAdaptive(options: VitAdaptiveOptions = {}): Architecture {
  const { positions = "circular", classToken = false } = options;
  if (!["none", "circular", "circular-convolution"].includes(positions)) {
    throw new PolyphaseError(
      `vitAdaptive got positions "${positions}", which circular shifts do not commute with: choose circular, ` +
        `circular-convolution or none, or take vit`,
    );
  }
  return vit({ ...options, positions, classToken });
}
