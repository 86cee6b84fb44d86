/**
 * The choice of where windows begin in adaptive window attention (A-WSA): at the phase whose windows have most energy, so
 * that a circular shift of the tokens shifts the windows with their contents.
 *
 * R. A. Rojas-Gomez et al., "Making Vision Transformers Truly Shift-Equivariant", arXiv 2305.16316.
 *
 * A window that slides over a plain background changes nothing, so under box averages phases tie by rights. Here such ties
 * are settled by a second functional, with a tapered window and another exponent.
 *
 * @module
 */

import { PolyphaseError } from "../../pipeline/errors.ts";
import { detached } from "../backend/ops/differentiable.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import { choosePhase, expectDivides, type PhaseChoice, phaseEnergies, tieExponent } from "./phases.ts";
import { powers } from "./powers.ts";
import type { RowsColumns } from "./window_partition.ts";

/** What adaptive modules go by. */
export interface AdaptiveEnergy {
  /** Exponent of the norms of tokens, and of the energy `Σ |·|^p`; above 1. Default 2. */
  readonly p?: number;
  /**
   * How a window weighs its tokens: all alike, as in the paper, or tapered by a Hann window along both axes, which leaves
   * far fewer near-ties. Default `box`.
   */
  readonly window?: "box" | "hann";
}

/**
 * Share of the energy of undifferentiated windows that is added to what windows differ by: where they differ by rounding
 * alone, phases count as tied.
 */
const FLOOR = 1e-6;

/** The energy with its defaults. */
export function resolveEnergy(owner: string, { p = 2, window = "box" }: AdaptiveEnergy = {}): Required<
  AdaptiveEnergy
> {
  if (!(p > 1 && p < Infinity)) {
    throw new PolyphaseError(
      `${owner} got an energy of exponent ${p}, expected a number above 1, since at 1 all phases of windows tie: give 2`,
    );
  }
  if (window !== "box" && window !== "hann") {
    throw new PolyphaseError(`${owner} got window "${window}", expected box or hann: choose one of them`);
  }
  return { p, window };
}

/** Rows and columns that the first window can begin at: 1 along an axis where one window is the whole map. */
export function windowStride([height, width]: RowsColumns, [rows, columns]: RowsColumns): RowsColumns {
  return [rows === height ? 1 : rows, columns === width ? 1 : columns];
}

/**
 * Where the windows of each image begin. The energy of a phase is `Σ |v|^p` over its windows, v being the mean of the
 * ℓp norms of a window's tokens.
 *
 * With box averages v is taken from its mean over the map: the windows of a phase tile it, so for `p = 2` that changes no
 * choice, and it keeps float32 apart from what all phases have in common.
 *
 * @param x tokens `[batch, height, width, channels]`, not normalized: normalized tokens all have the same ℓ2 norm
 * @throws {PolyphaseError} if the window does not divide height and width
 */
export function windowPhase(
  x: Tensor,
  window: RowsColumns,
  { p = 2, window: taper = "box" }: AdaptiveEnergy = {},
): PhaseChoice {
  expectDivides("windowPhase", x, window);
  const [batch, height, width] = x.shape as [number, number, number, number];
  const stride = windowStride([height, width], window);
  // Nothing to choose from, and so nothing that stands back.
  if (stride[0] * stride[1] === 1) {
    return { row: tf.zeros([batch]), column: tf.zeros([batch]), gap: tf.ones([batch]) };
  }
  const [row, column, gap] = detached(() => {
    const energies = windowEnergies(x, window, stride, p, taper);
    const ties = windowEnergies(x, window, stride, tieExponent(p), "hann");
    const choice = choosePhase(energies, ties, stride);
    return [choice.row, choice.column, choice.gap];
  });
  return { row, column, gap };
}

/** `[batch, phases]`. */
function windowEnergies(
  x: Tensor,
  [rows, columns]: RowsColumns,
  stride: RowsColumns,
  p: number,
  taper: "box" | "hann",
): Tensor {
  const [batch, height, width] = x.shape as [number, number, number, number];
  if (batch === 0) return tf.zeros([0, stride[0] * stride[1]]);
  const sums = tf.sum(powers(x, p), 3);
  const norms = p === 2 ? tf.sqrt(sums) : tf.pow(sums, 1 / p);
  const mean = tf.mean(norms, [1, 2], true);
  const about = taper === "box" ? tf.sub(norms, mean) : norms;
  const along = tf.matMul(tf.reshape(about, [batch * height, width]), averages(width, columns, taper));
  const turned = tf.transpose(tf.reshape(along, [batch, height, width]), [0, 2, 1]);
  const both = tf.matMul(tf.reshape(turned, [batch * width, height]), averages(height, rows, taper));
  const windows = tf.reshape(tf.transpose(tf.reshape(both, [batch, width, height]), [0, 2, 1]), [
    batch,
    height,
    width,
    1,
  ]);
  const energies = phaseEnergies(windows, stride, p);
  if (taper === "hann") return energies;
  const common = tf.mul(
    tf.pow(tf.reshape(mean, [batch, 1]), p),
    FLOOR * height * width / (stride[0] * stride[1]),
  );
  return tf.add(energies, common);
}

/** `[length, length]`: column k holds the weights of the `size` places from k on, around the end; they add up to 1. */
function averages(length: number, size: number, taper: "box" | "hann"): Tensor {
  const weights = Array.from(
    { length: size },
    (_, place) => taper === "box" ? 1 : Math.sin(Math.PI * (place + 0.5) / size) ** 2,
  );
  const total = weights.reduce((sum, each) => sum + each, 0);
  const matrix = new Float32Array(length * length);
  for (let start = 0; start < length; start++) {
    weights.forEach((weight, place) => matrix[((start + place) % length) * length + start] = weight / total);
  }
  return tf.tensor2d(matrix, [length, length]);
}
