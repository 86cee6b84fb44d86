/**
 * Changes of a pixel's value that depend on nothing around it, by a table of all 256 values.
 *
 * @module
 */

import type { ImageShape } from "../../datasets/dataset.ts";
import { blend, blendWeights } from "./blend.ts";
import { greyOf } from "./grey.ts";

/** Writes the image with `factor` of its brightness to `out`: 0 is black, 1 as it was. */
export function adjustBrightness(image: Uint8Array, factor: number, out: Uint8Array): void {
  const weights = blendWeights(factor);
  mapValues(image, (value) => blend(value, 0, weights), out);
}

/**
 * Writes the image `[height, width, channels]` with `factor` of its contrast to `out`: 0 is its mean grey, 1 as it
 * was.
 */
export function adjustContrast(image: Uint8Array, shape: ImageShape, factor: number, out: Uint8Array): void {
  const weights = blendWeights(factor);
  const mean = meanGrey(image, shape);
  mapValues(image, (value) => blend(value, mean, weights), out);
}

/** Writes the image to `out` with only the highest `bits` of every value kept, from 0 to 8. */
export function posterize(image: Uint8Array, bits: number, out: Uint8Array): void {
  const mask = 256 - 2 ** (8 - bits);
  mapValues(image, (value) => value & mask, out);
}

/** Writes the image to `out` with every value of at least `threshold` inverted. */
export function solarize(image: Uint8Array, threshold: number, out: Uint8Array): void {
  mapValues(image, (value) => (value >= threshold ? 255 - value : value), out);
}

/**
 * Writes the image `[height, width, channels]` to `out` with each channel stretched to reach from 0 to 255; a channel
 * of one value stays.
 */
export function autoContrast(image: Uint8Array, { channels }: ImageShape, out: Uint8Array): void {
  for (let channel = 0; channel < channels; channel++) {
    let least = 255;
    let most = 0;
    for (let at = channel; at < image.length; at += channels) {
      const value = image[at];
      if (value < least) least = value;
      if (value > most) most = value;
    }
    // PyTorch divides a number by a tensor as number · reciprocal, and cutting off shows the difference.
    const scale = Math.fround(Math.fround(1 / (most - least)) * 255);
    const stretch = (value: number) => Math.min(255, Math.trunc(Math.fround((value - least) * scale)));
    mapChannel(image, channel, channels, least === most ? (value) => value : stretch, out);
  }
}

/**
 * Writes the image `[height, width, channels]` to `out` with the histogram of each channel as flat as it can be made;
 * a channel of too few pixels or values stays. The steps are those of Pillow's `ImageOps.equalize`.
 */
export function equalize(image: Uint8Array, { channels }: ImageShape, out: Uint8Array): void {
  const histogram = new Uint32Array(256);
  const table = new Uint8Array(256);
  for (let channel = 0; channel < channels; channel++) {
    histogram.fill(0);
    let most = 0;
    for (let at = channel; at < image.length; at += channels) {
      histogram[image[at]]++;
      if (image[at] > most) most = image[at];
    }
    const step = Math.floor((image.length / channels - histogram[most]) / 255);
    let below = Math.floor(step / 2);
    for (let value = 0; value < 256; value++) {
      table[value] = step === 0 ? value : Math.min(255, Math.floor(below / step));
      below += histogram[value];
    }
    for (let at = channel; at < image.length; at += channels) out[at] = table[image[at]];
  }
}

/** Mean over the pixels, of their grey as bytes where there are three channels, as float32. */
function meanGrey(image: Uint8Array, { channels }: ImageShape): number {
  let sum = 0;
  if (channels === 3) {
    for (let at = 0; at < image.length; at += 3) sum += greyOf(image[at], image[at + 1], image[at + 2]);
  } else {
    for (let at = 0; at < image.length; at++) sum += image[at];
  }
  return Math.fround(sum / (channels === 3 ? image.length / 3 : image.length));
}

function mapValues(image: Uint8Array, change: (value: number) => number, out: Uint8Array): void {
  mapChannel(image, 0, 1, change, out);
}

/** Writes every `step`th value from `first` on, changed. */
function mapChannel(
  image: Uint8Array,
  first: number,
  step: number,
  change: (value: number) => number,
  out: Uint8Array,
): void {
  const table = new Uint8Array(256);
  for (let value = 0; value < 256; value++) table[value] = change(value);
  for (let at = first; at < image.length; at += step) out[at] = table[image[at]];
}
