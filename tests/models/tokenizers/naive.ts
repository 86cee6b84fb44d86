/**
 * Tokenizing by definition: roll pixel by pixel, cut by reshaping, project and sum. Slow, and plain enough to trust.
 *
 * @module
 */

import type { Images } from "../../../datasets/dataset.ts";
import type { Offset } from "../../../datasets/shift.ts";
import type { Embedding, Tokens } from "../../../models/tokenizers/tokenizer.ts";
import { type Key, split, uniform } from "../../../pipeline/random.ts";

/** Whether patches lie along the flattened image or along rows and columns. */
export type Axes = "flat" | "2d";

/** One image out of a batch. */
export function imageAt(images: Images, index: number): Images {
  const size = images.height * images.width * images.channels;
  return { ...images, count: 1, pixels: images.pixels.slice(index * size, (index + 1) * size) };
}

/** One image, rolled as `torch.roll` does: what was at `i` comes to `i + offset`. */
export function rollNaively(image: Images, { dy, dx }: Offset, axes: Axes): Images {
  const { height, width, channels } = image;
  const rows = axes === "flat" ? 1 : height;
  const columns = axes === "flat" ? height * width : width;
  const pixels = new Uint8Array(image.pixels.length);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const [toY, toX] = [(y + dy % rows + rows) % rows, (x + dx % columns + columns) % columns];
      for (let c = 0; c < channels; c++) {
        pixels[(toY * columns + toX) * channels + c] = image.pixels[(y * columns + x) * channels + c];
      }
    }
  }
  return { ...image, pixels };
}

/** Tokens of one image, each a list of its bytes in the order row, column, channel. */
export function tokensNaively(image: Images, size: number, axes: Axes): number[][] {
  const { height, width, channels } = image;
  const columns = axes === "flat" ? height * width : width;
  const [tall, wide] = axes === "flat" ? [1, size] : [size, size];
  const tokens: number[][] = [];
  for (let y = 0; y < (axes === "flat" ? 1 : height); y += tall) {
    for (let x = 0; x < columns; x += wide) {
      const token: number[] = [];
      for (let py = 0; py < tall; py++) {
        for (let px = 0; px < wide; px++) {
          for (let c = 0; c < channels; c++) {
            token.push(image.pixels[((y + py) * columns + x + px) * channels + c]);
          }
        }
      }
      tokens.push(token);
    }
  }
  return tokens;
}

/** `Σ ‖x E + b‖²` over the tokens of one image, in float64. */
export function energyNaively(tokens: readonly number[][], { weight, bias }: Embedding): number {
  let energy = 0;
  for (const token of tokens) {
    for (let unit = 0; unit < bias.length; unit++) {
      let value = bias[unit];
      token.forEach((byte, place) => value += (byte / 255) * weight[place * bias.length + unit]);
      energy += value ** 2;
    }
  }
  return energy;
}

/** A random embedding of patches of `patch` values. */
export function randomEmbedding(key: Key, patch: number, embed: number): Embedding {
  const [forWeight, forBias] = split(key);
  return { weight: uniform(forWeight, patch * embed, -1, 1), bias: uniform(forBias, embed, -1, 1) };
}

/** The tokens of image `index` of a batch, each a list of its bytes. */
export function listTokens({ values }: Tokens, index: number, tokens: number, patch: number): number[][] {
  return Array.from({ length: tokens }, (_, token) => {
    const start = (index * tokens + token) * patch;
    return Array.from(values.subarray(start, start + patch));
  });
}
