/**
 * Tokens of blurred images: what BlurPool does before it subsamples, done before patches are cut. A fixed grid then follows
 * small shifts better, though none exactly.
 *
 * R. Zhang, "Making Convolutional Networks Shift-Invariant Again", ICML 2019.
 *
 * @module
 */

import type { Images } from "../../datasets/dataset.ts";
import { blurImages } from "./binomial_blur.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** How {@linkcode blurred} works. */
export interface BlurredOptions {
  /** Pixels that the binomial filter spans, an odd number: `(1, 2, 1) / 4` for 3. Default 3. */
  readonly size?: number;
}

/**
 * Lays `patches` on images that are blurred around the border, along the axes of the grid.
 *
 * @throws {PolyphaseError} if `size` is no odd number from 1 to 15
 */
export function blurred(patches: Tokenizer, { size = 3 }: BlurredOptions = {}): Tokenizer {
  // At once, and not when the first image comes.
  blurImages({ count: 0, height: 1, width: 1, channels: 1, pixels: new Uint8Array() }, { size });
  return {
    ...patches,
    name: "blurred",
    config: { name: "blurred", patches: patches.config, size },
    tokenize(images: Images, context) {
      const axes = patches.grid(images).shape.length === 1 ? "flat" : "2d";
      return patches.tokenize(blurImages(images, { size, axes }), context);
    },
  };
}
