/**
 * Resizing images as Pillow does with its bilinear filter, to the byte: `Image.resize(size, BILINEAR)`, which is what
 * torchvision's `Resize` does with a Pillow image.
 *
 * When an image shrinks, the triangle of the filter widens with the scale, so that every source pixel counts
 * (antialiasing). Rows are resized first, then columns. Weights are fixed-point numbers with 22 binary digits, and
 * each of the two passes rounds to bytes; doing the same here is what makes the result equal.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import type { Images, Splits } from "./dataset.ts";

/** 32 bits less 8 of the value and 2 of headroom: what a weight has behind its binary point. */
const PRECISION_BITS = 32 - 8 - 2;
const HALF = 1 << (PRECISION_BITS - 1);

/** Which source pixels make each output pixel along one axis, and with what weights. */
interface Taps {
  /** Room for weights of one output pixel. */
  readonly stride: number;
  /** First source pixel of each output pixel. */
  readonly first: Int32Array;
  /** How many source pixels each output pixel takes. */
  readonly count: Int32Array;
  /** Fixed-point weights, `[outputs, stride]`. */
  readonly weights: Int32Array;
}

/**
 * Images `[count, height, width, channels]` resized to a new height and width. Channels are resized each on its own.
 * Images that have the size already are handed back as they are.
 *
 * @throws {PolyphaseError} if a length is not a whole number of at least 1
 */
export function resizeImages(
  images: Images,
  size: { readonly height: number; readonly width: number },
): Images {
  checkSize(size.height);
  checkSize(size.width);
  let resized = images;
  if (size.width !== images.width) resized = resizeWidth(resized, taps(images.width, size.width), size.width);
  if (size.height !== images.height) {
    resized = resizeHeight(resized, taps(images.height, size.height), size.height);
  }
  return resized;
}

/** Both splits with their images resized to `size` × `size`. */
export function resizeSplits(splits: Splits, size: number): Splits {
  const square = { height: size, width: size };
  return {
    ...splits,
    train: { ...splits.train, images: resizeImages(splits.train.images, square) },
    test: { ...splits.test, images: resizeImages(splits.test.images, square) },
  };
}

/**
 * Refuses a size that no image can have.
 *
 * @throws {PolyphaseError} if `size` is not a whole number of at least 1
 */
export function checkSize(size: number): void {
  if (!Number.isInteger(size) || size < 1) {
    throw new PolyphaseError(`image size ${size}, expected a whole number of pixels, 1 or more`);
  }
}

/** The weights of a triangle filter that maps `inputs` pixels to `outputs`. */
function taps(inputs: number, outputs: number): Taps {
  const scale = inputs / outputs;
  const support = Math.max(scale, 1);
  const stride = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(outputs);
  const count = new Int32Array(outputs);
  const weights = new Int32Array(outputs * stride);
  const exact = new Float64Array(stride);
  for (let output = 0; output < outputs; output++) {
    const center = (output + 0.5) * scale;
    const from = Math.max(0, Math.trunc(center - support + 0.5));
    const to = Math.min(inputs, Math.trunc(center + support + 0.5));
    let total = 0;
    for (let tap = 0; tap < to - from; tap++) {
      // Pillow multiplies by the reciprocal; a division would round differently now and then.
      const distance = Math.abs((tap + from - center + 0.5) * (1 / support));
      exact[tap] = distance < 1 ? 1 - distance : 0;
      total += exact[tap];
    }
    for (let tap = 0; tap < to - from; tap++) {
      const weight = total === 0 ? exact[tap] : exact[tap] / total;
      weights[output * stride + tap] = Math.trunc(0.5 + weight * (1 << PRECISION_BITS));
    }
    first[output] = from;
    count[output] = to - from;
  }
  return { stride, first, count, weights };
}

function resizeWidth(images: Images, { stride, first, count, weights }: Taps, width: number): Images {
  const { pixels: from, channels, width: inputs } = images;
  const rows = images.count * images.height;
  const to = new Uint8Array(rows * width * channels);
  let target = 0;
  for (let row = 0; row < rows; row++) {
    const line = row * inputs * channels;
    for (let x = 0; x < width; x++) {
      const start = line + first[x] * channels;
      for (let channel = 0; channel < channels; channel++) {
        let sum = HALF;
        for (let tap = 0, at = start + channel; tap < count[x]; tap++, at += channels) {
          sum += from[at] * weights[x * stride + tap];
        }
        to[target++] = clip(sum);
      }
    }
  }
  return { ...images, width, pixels: to };
}

function resizeHeight(images: Images, { stride, first, count, weights }: Taps, height: number): Images {
  const { pixels: from, height: inputs } = images;
  const line = images.width * images.channels;
  const to = new Uint8Array(images.count * height * line);
  let target = 0;
  for (let index = 0; index < images.count; index++) {
    for (let y = 0; y < height; y++) {
      const start = (index * inputs + first[y]) * line;
      for (let x = 0; x < line; x++) {
        let sum = HALF;
        for (let tap = 0, at = start + x; tap < count[y]; tap++, at += line) {
          sum += from[at] * weights[y * stride + tap];
        }
        to[target++] = clip(sum);
      }
    }
  }
  return { ...images, height, pixels: to };
}

/** A fixed-point sum as a byte. Weights are not negative, so only rounding can carry it past 255. */
function clip(sum: number): number {
  const value = sum >> PRECISION_BITS;
  return value > 255 ? 255 : value;
}
