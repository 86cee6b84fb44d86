/**
 * Low-pass filtering before subsampling (BlurPool), so that a shifted image is subsampled to almost the same values.
 *
 * R. Zhang, "Making Convolutional Networks Shift-Invariant Again", arXiv 1904.11486.
 *
 * @module
 */

import { PolyphaseError } from "../../pipeline/errors.ts";
import { conv2d } from "../backend/ops/conv2d.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import { circularPad, type Sides } from "./circular_pad.ts";
import { reflectPad } from "./reflect_pad.ts";

/** What an image is surrounded by: zeros, or its opposite border. */
export type PaddingMode = "zero" | "circular";

/** How {@linkcode blurPool} filters. */
export interface BlurPoolOptions {
  /** Rows and columns of the binomial filter, 1 to 7; 1 leaves the image unfiltered. Default 4. */
  readonly filterSize?: number;
  /** Pixels from one that is kept to the next. Default 2. */
  readonly stride?: number;
  /** `circular` for networks padded circularly; `zero` reflects the image, as the paper's code does. Default `zero`. */
  readonly padding?: PaddingMode;
}

/** Largest filter that the paper tries. */
const LARGEST = 7;

/**
 * Each channel by itself filtered with a fixed binomial filter that sums to 1, then subsampled: `[batch, height, width,
 * channels]` → `[batch, ⌈height / stride⌉, ⌈width / stride⌉, channels]`. A filter of even size is half a pixel off to the
 * left and top, where the paper's code has it, too.
 *
 * @throws {PolyphaseError} if the filter size is not a whole number from 1 to 7
 */
export function blurPool(
  x: Tensor,
  { filterSize = 4, stride = 2, padding = "zero" }: BlurPoolOptions = {},
): Tensor {
  expectFilterSize("blurPool", filterSize);
  if (filterSize === 1 && stride === 1) return x;
  return tf.tidy(() => {
    const [before, after] = [Math.floor((filterSize - 1) / 2), Math.ceil((filterSize - 1) / 2)];
    const sides: Sides = [before, after, before, after];
    const padded = padding === "circular" ? circularPad(x, sides) : reflectPad(x, sides);
    const channels = x.shape[3]!;
    const row = binomial(filterSize);
    const taps = row.flatMap((left) =>
      row.flatMap((right) => new Array<number>(channels).fill(left * right))
    );
    const filter = tf.tensor4d(taps, [filterSize, filterSize, 1, channels]);
    return conv2d(padded, filter, { strides: stride, groups: channels });
  });
}

/**
 * Holds that there is a binomial filter of a size.
 *
 * @param owner what is to filter, for the error
 * @throws {PolyphaseError} if there is none
 */
export function expectFilterSize(owner: string, filterSize: number): void {
  if (Number.isInteger(filterSize) && filterSize >= 1 && filterSize <= LARGEST) return;
  throw new PolyphaseError(
    `${owner} got filterSize ${filterSize}, expected a whole number from 1 to ${LARGEST}: choose one, 1 to leave the ` +
      `image unfiltered`,
  );
}

/** Binomial coefficients as shares of their sum: `[1, 2, 1] / 4` for size 3. */
function binomial(size: number): number[] {
  let row = [1];
  while (row.length < size) row = [0, ...row].map((each, index) => (each + (row[index] ?? 0)) / 2);
  return row;
}
