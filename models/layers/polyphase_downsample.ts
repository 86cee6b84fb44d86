/**
 * Adaptive polyphase sampling (APS): of a stride-1 map every `stride`-th pixel is kept, starting where the kept ones have
 * most energy, so that a circular shift of the input shifts the output.
 *
 * A. Chaman and I. Dokmanić, "Truly shift-invariant convolutional neural networks", arXiv 2011.14214.
 *
 * @module
 */

import { PolyphaseError } from "../../pipeline/errors.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import { type PhaseChoice, phaseOfMostEnergy, type Stride } from "./phases.ts";
import { rollImages } from "./roll_images.ts";

/** The polyphase that starts at a row and a column of each image: `[batch, height / rows, width / columns, channels]`. */
export function takePhase(
  x: Tensor,
  { row, column }: Pick<PhaseChoice, "row" | "column">,
  stride: Stride,
): Tensor {
  return subsample(rollImages(x, row, column), stride);
}

/** The polyphase that starts at the origin: `[batch, height / rows, width / columns, channels]`. */
export function subsample(x: Tensor, [rows, columns]: Stride): Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const cells = tf.reshape(x, [batch, height / rows, rows, width / columns, columns * channels]);
  const kept = tf.slice(cells, [0, 0, 0, 0, 0], [-1, -1, 1, -1, channels]);
  return tf.reshape(kept, [batch, height / rows, width / columns, channels]);
}

/**
 * The polyphase of most energy `Σ |x|^p`, and which it was. Ties are settled by the energy of another exponent.
 *
 * @param x `[batch, height, width, channels]`
 * @param p exponent of the energy. Default 2
 * @throws {PolyphaseError} if the stride does not divide height and width
 */
export function polyphaseDownsample(
  x: Tensor,
  stride: Stride,
  p = 2,
): { output: Tensor; choice: PhaseChoice } {
  expectDivides("polyphaseDownsample", x, stride);
  const choice = phaseOfMostEnergy(x, stride, p);
  return { output: takePhase(x, choice, stride), choice };
}

/**
 * Holds that a stride divides a map: otherwise a circular shift does not permute the polyphases.
 *
 * @throws {PolyphaseError} if it does not
 */
export function expectDivides(owner: string, x: Tensor, [rows, columns]: Stride): void {
  const [, height, width] = x.shape as [number, number, number, number];
  if (height % rows === 0 && width % columns === 0) return;
  const better = (length: number, step: number) => Math.max(1, Math.round(length / step)) * step;
  throw new PolyphaseError(
    `${owner} got a map of ${height}×${width} and stride ${rows}×${columns}, expected a stride that divides it: make the ` +
      `map ${better(height, rows)}×${better(width, columns)}`,
  );
}
