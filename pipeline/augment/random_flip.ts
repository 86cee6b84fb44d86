/**
 * Mirroring images at random, left to right or top to bottom.
 *
 * @module
 */

import { type Images, imageSize } from "../../datasets/dataset.ts";
import type { Augmentation } from "../augment.ts";
import { type Key, uniform } from "../random.ts";
import { checkProbability } from "./options.ts";

/** How often images are mirrored. */
export interface FlipOptions {
  /** Chance of each image to be mirrored, in [0, 1]. Default 0.5. */
  readonly probability?: number;
}

/**
 * Mirrors each image left to right with some probability, as torchvision's `RandomHorizontalFlip`. Any number of
 * channels.
 *
 * @throws {PolyphaseError} if the probability is not in [0, 1]
 */
export function randomHorizontalFlip({ probability = 0.5 }: FlipOptions = {}): Augmentation {
  return randomFlip("random-horizontal-flip", probability, flipRows);
}

/**
 * Mirrors each image top to bottom with some probability, as torchvision's `RandomVerticalFlip`. Any number of
 * channels.
 *
 * @throws {PolyphaseError} if the probability is not in [0, 1]
 */
export function randomVerticalFlip({ probability = 0.5 }: FlipOptions = {}): Augmentation {
  return randomFlip("random-vertical-flip", probability, flipColumns);
}

function randomFlip(
  name: string,
  probability: number,
  flip: (images: Images, row: number, pixels: Uint8Array) => void,
): Augmentation {
  checkProbability(name, probability);
  return {
    name,
    config: { name, probability },
    copies: 1,
    apply(images: Images, key: Key): Images {
      const pixels = images.pixels.slice();
      uniform(key, images.count).forEach((chance, row) => {
        if (chance < probability) flip(images, row, pixels);
      });
      return { ...images, pixels };
    },
  };
}

/** Writes image `row` of the batch, mirrored left to right, to its place in `pixels`. */
function flipRows(images: Images, row: number, pixels: Uint8Array): void {
  const { width, channels } = images;
  const start = row * imageSize(images);
  const line = width * channels;
  for (let at = start; at < start + imageSize(images); at += line) {
    for (let x = 0; x < width; x++) {
      const from = at + (width - 1 - x) * channels;
      for (let channel = 0; channel < channels; channel++) {
        pixels[at + x * channels + channel] = images.pixels[from + channel];
      }
    }
  }
}

/** Writes image `row` of the batch, mirrored top to bottom, to its place in `pixels`. */
function flipColumns(images: Images, row: number, pixels: Uint8Array): void {
  const { height, width, channels } = images;
  const start = row * imageSize(images);
  const line = width * channels;
  for (let y = 0; y < height; y++) {
    const from = start + (height - 1 - y) * line;
    pixels.set(images.pixels.subarray(from, from + line), start + y * line);
  }
}
