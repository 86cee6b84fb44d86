/**
 * Energies of the polyphases of images, by which adaptive modules choose.
 *
 * @module
 */

import { PolyphaseError } from "../../../pipeline/errors.ts";
import { type Tensor, tf } from "../tf.ts";
import { differentiable } from "./differentiable.ts";
import { hasFused, runFused } from "./fused_kernels.ts";

/**
 * `Σ |x|^p` over the pixels of each polyphase and their channels. Of any order of derivatives.
 *
 * @param x `[batch, height, width, channels]`, float32
 * @param stride rows and columns from one pixel of a polyphase to the next
 * @param p the exponent, above 0; whole ones up to 4 are fast
 * @returns `[batch, rows · columns]` of the stride, polyphases row by row by where they start
 * @throws {PolyphaseError} if the stride does not divide the sides of x
 */
export function polyphaseEnergies(
  x: Tensor,
  stride: readonly [rows: number, columns: number],
  p: number,
): Tensor {
  const [rows, columns] = stride;
  if (x.rank !== 4 || x.shape[1]! % rows !== 0 || x.shape[2]! % columns !== 0) {
    throw new PolyphaseError(
      `Energies of polyphases got x [${x.shape}] with the stride [${stride}], expected [batch, height, width, channels] ` +
        `with sides that it divides: pad x or choose another stride`,
    );
  }
  const isFused = [1, 2, 3, 4].includes(p) && hasFused("PolyphasePhaseEnergies");
  if (!isFused) return tf.tidy(() => composed(x, rows, columns, p));
  return differentiable(
    { x },
    (save) => {
      save(x);
      return runFused("PolyphasePhaseEnergies", { x }, { stride, power: p })[0];
    },
    (dy, x) => ({ x: () => inputGrad(dy, x, rows, columns, p) }),
  );
}

function composed(x: Tensor, rows: number, columns: number, p: number): Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const powers = p === 2 ? tf.square(x) : tf.pow(tf.abs(x), p);
  // The channels first: what is left is small.
  const pixels = channels === 1 ? powers : tf.sum(powers, 3);
  const cells = tf.reshape(pixels, [batch, height / rows, rows, width / columns, columns]);
  return tf.reshape(tf.sum(cells, [1, 3]), [batch, rows * columns]);
}

/** `dx = p · sign(x) · |x|^(p − 1) ⊙ dy` of the pixel's polyphase. */
function inputGrad(dy: Tensor, x: Tensor, rows: number, columns: number, p: number): Tensor {
  const [batch, height, width] = x.shape as [number, number, number, number];
  // One axis after the other: TensorFlow.js has gradients of repetitions for four axes.
  const below = tf.tile(tf.reshape(dy, [batch, 1, rows, columns]), [1, height / rows, 1, 1]);
  const beside = tf.tile(tf.reshape(below, [batch, height, 1, columns]), [1, 1, width / columns, 1]);
  const slopes = {
    1: () => tf.sign(x),
    2: () => tf.mul(2, x),
    3: () => tf.mul(3, tf.mul(x, tf.abs(x))),
    4: () => tf.mul(4, tf.mul(x, tf.square(x))),
  }[p]!();
  return tf.mul(slopes, tf.reshape(beside, [batch, height, width, 1]));
}
