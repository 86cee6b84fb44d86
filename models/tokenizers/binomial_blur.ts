/**
 * Blurring images by a binomial filter, around the border.
 *
 * @module
 */

import { type Images, imageSize } from "../../datasets/dataset.ts";
import { modulo } from "../../datasets/shift.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";

/** How {@linkcode blurImages} works. */
export interface BlurOptions {
  /** Pixels that the filter spans, an odd number: `(1, 2, 1) / 4` for 3. Default 3. */
  readonly size?: number;
  /** Whether it runs along rows and columns, or along the image flattened row by row. Default `2d`. */
  readonly axes?: "2d" | "flat";
}

/**
 * The images blurred by a binomial filter along each axis, the pixels beyond the border being those of the other side, and
 * rounded once, half up. A circular shift of an image shifts the result, byte for byte.
 *
 * @throws {PolyphaseError} if `size` is no odd number from 1 to 15
 */
export function blurImages(images: Images, { size = 3, axes = "2d" }: BlurOptions = {}): Images {
  if (!Number.isInteger(size) || size < 1 || size > 15 || size % 2 === 0) {
    throw new PolyphaseError(`A binomial filter of ${size} pixels, expected an odd number up to 15: give 3`);
  }
  const { count, height, width, channels } = images;
  const taps = binomial(size);
  const each = imageSize(images);
  const pixels = new Uint8Array(count * each);
  // Sums of at most 15 bits and 8 more along each axis: doubles hold them all.
  const [first, second] = [new Float64Array(each), new Float64Array(each)];
  const isFlat = axes === "flat";
  const scale = 2 ** ((size - 1) * (isFlat ? 1 : 2));
  for (let index = 0; index < count; index++) {
    const image = images.pixels.subarray(index * each, (index + 1) * each);
    if (isFlat) {
      blurLines(image, second, taps, { lines: 1, length: height * width, channels, step: channels });
    } else {
      blurLines(image, first, taps, { lines: height, length: width, channels, step: channels });
      blurLines(first, second, taps, {
        lines: 1,
        length: height,
        channels: width * channels,
        step: each / height,
      });
    }
    for (let at = 0; at < each; at++) pixels[index * each + at] = Math.floor(second[at] / scale + 0.5);
  }
  return { ...images, pixels };
}

/** Lines of pixels, each going on around its end. */
interface Lines {
  readonly lines: number;
  /** Pixels of a line. */
  readonly length: number;
  /** Values of a pixel. */
  readonly channels: number;
  /** Values from a pixel to the next. */
  readonly step: number;
}

function blurLines(
  from: ArrayLike<number>,
  to: Float64Array,
  taps: readonly number[],
  { lines, length, channels, step }: Lines,
): void {
  const middle = (taps.length - 1) / 2;
  for (let line = 0; line < lines; line++) {
    const start = line * length * step;
    for (let pixel = 0; pixel < length; pixel++) {
      const places = taps.map((_, tap) => start + modulo(pixel + tap - middle, length) * step);
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        for (let tap = 0; tap < taps.length; tap++) sum += taps[tap] * from[places[tap] + channel];
        to[start + pixel * step + channel] = sum;
      }
    }
  }
}

/** A row of Pascal's triangle. */
function binomial(size: number): number[] {
  let row = [1];
  while (row.length < size) row = [...row, 0].map((value, at) => value + (row[at - 1] ?? 0));
  return row;
}
