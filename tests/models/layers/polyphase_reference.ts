/**
 * Adaptive polyphase sampling (APS) pixel by pixel, for tests: of a map every `stride`-th pixel is kept, from where the
 * kept ones have most energy.
 *
 * A. Chaman and I. Dokmanić, "Truly shift-invariant convolutional neural networks", arXiv 2011.14214.
 *
 * @module
 */

import { roll } from "../../../models/backend/ops/roll.ts";
import { type Tensor, tf } from "../../../models/backend/tf.ts";
import { type PhaseChoice, phaseOfMostEnergy, type Stride } from "../../../models/layers/phases.ts";

/** The polyphase that starts at a row and a column of each image: `[batch, height / rows, width / columns, channels]`. */
export function takePhase(
  x: Tensor,
  { row, column }: Pick<PhaseChoice, "row" | "column">,
  stride: Stride,
): Tensor {
  return subsample(roll(x, row, column), stride);
}

/** The polyphase that starts at the origin: `[batch, height / rows, width / columns, channels]`. */
export function subsample(x: Tensor, [rows, columns]: Stride): Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const cells = tf.reshape(x, [batch, height / rows, rows, width / columns, columns * channels]);
  const kept = tf.slice(cells, [0, 0, 0, 0, 0], [-1, -1, 1, -1, channels]);
  return tf.reshape(kept, [batch, height / rows, width / columns, channels]);
}

/** The polyphase of most energy `Σ |x|^p`, and which it was. */
export function polyphaseDownsample(
  x: Tensor,
  stride: Stride,
  p = 2,
): { output: Tensor; choice: PhaseChoice } {
  const choice = phaseOfMostEnergy(x, stride, p);
  return { output: takePhase(x, choice, stride), choice };
}
