/**
 * Polyphases of a feature map, and the choice of one by its energy: what every adaptive module shares.
 *
 * A stride cuts a map into polyphases, the maps of every `stride`-th pixel along both axes, one for each place to start at.
 * A circular shift of the map permutes them, and shifts each; so a choice by an energy that no shift of a polyphase
 * changes follows the image. See "Making Vision Transformers Truly Shift-Equivariant" (arXiv 2305.16316).
 *
 * @module
 */

import { PolyphaseError } from "../../pipeline/errors.ts";
import { detached } from "../backend/ops/differentiable.ts";
import { polyphaseEnergies } from "../backend/ops/polyphase_energies.ts";
import { type Tensor, tf } from "../backend/tf.ts";

/** Rows and columns from one pixel of a polyphase to the next. */
export type Stride = readonly [rows: number, columns: number];

/** The polyphase that was chosen for each image. Neither tensor has a gradient. */
export type PhaseChoice = {
  /** The row that it starts at, whole numbers in [0, stride), `[batch]`. */
  readonly row: Tensor;
  /** The column that it starts at, likewise. */
  readonly column: Tensor;
  /** How much less energy the second best has, as a share of the best: near 0 the choice hangs on rounding, `[batch]`. */
  readonly gap: Tensor;
};

/** Energies that differ by less than this share count as equal: float32 sums in another order differ by about as much. */
const TIE = 1e-6;

/**
 * The energy `Σ |x|^p` of each polyphase, `[batch, phases]`, phases row by row.
 *
 * @param x `[batch, height, width, channels]`, whose sides the stride divides
 */
export function phaseEnergies(x: Tensor, stride: Stride, p = 2): Tensor {
  return polyphaseEnergies(x, stride, p);
}

/** The exponent of the energy that settles ties of that with exponent `p`: another one, and quick to work out. */
export function tieExponent(p: number): number {
  return p === 4 ? 3 : 4;
}

/**
 * The polyphase of most energy `Σ |x|^p`. Ties are settled by the energy of another exponent.
 *
 * @param x `[batch, height, width, channels]`, whose sides the stride divides
 */
export function phaseOfMostEnergy(x: Tensor, stride: Stride, p = 2): PhaseChoice {
  return tf.tidy(() => {
    const [energies, ties] = detached(() =>
      [p, tieExponent(p)].map((each) => phaseEnergies(x, stride, each))
    );
    return choosePhase(energies, ties, stride);
  });
}

/**
 * The polyphase of greatest energy. Where several have as much, that of greatest `ties` among them: a second functional
 * that shifts do not change. What is equal by that too is taken in order, which is no harm where such polyphases are the
 * same but for a shift, as in an image of one colour.
 *
 * @param energies `[batch, phases]`, phases row by row
 * @param ties `[batch, phases]`
 * @param stride what the phases belong to
 */
export function choosePhase(energies: Tensor, ties: Tensor, [, columns]: Stride): PhaseChoice {
  const [row, column, gap] = detached(() => {
    const [batch, phases] = energies.shape as [number, number];
    const best = tf.max(energies, 1, true);
    const contenders = tf.greaterEqual(energies, tf.mul(best, 1 - TIE));
    const place = tf.argMax(tf.where(contenders, ties, tf.fill([batch, phases], -Infinity)), 1);
    const phase = tf.cast(place, "float32");
    const row = tf.floor(tf.div(tf.add(phase, 0.5), columns));
    const isPlace = tf.equal(tf.range(0, phases, 1, "int32").expandDims(0), place.expandDims(1));
    const others = tf.where(isPlace, tf.fill([batch, phases], -Infinity), energies);
    // The only phase there is has no rival: its gap is 1, or 0 if it has no energy.
    const second = phases === 1 ? tf.zerosLike(best) : tf.max(others, 1, true);
    const gap = tf.divNoNan(tf.sub(best, second), best);
    return [row, tf.sub(phase, tf.mul(row, columns)), tf.squeeze(gap, [1])];
  });
  return { row, column, gap };
}

/**
 * Holds that a stride divides a map `[batch, height, width, channels]`: otherwise a circular shift does not permute the
 * polyphases.
 *
 * @param owner who asks, for the message
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
