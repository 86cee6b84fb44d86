/**
 * Patch merging: neighbouring tokens become one of twice as many channels, on a fixed grid (Swin, arXiv 2103.14030) or on
 * that of the four grids whose merged tokens have most energy (A-PMerge), so that a circular shift of the tokens shifts
 * what they are merged to.
 *
 * R. A. Rojas-Gomez et al., "Making Vision Transformers Truly Shift-Equivariant", arXiv 2305.16316.
 *
 * The energy is that of tokens after the linear map and before any normalization that follows it: tokens side by side have
 * the same energy on every grid, and normalized ones nearly so.
 *
 * @module
 */

import type { Key } from "../../pipeline/random.ts";
import { detached } from "../backend/ops/differentiable.ts";
import { linear } from "../backend/ops/linear.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import { initNormal } from "./initial_values.ts";
import { initLayerNorm, layerNorm, type LayerNormParams } from "./layer_norm.ts";
import { choosePhase, expectDivides, type PhaseChoice, tieExponent } from "./phases.ts";
import { powers } from "./powers.ts";
import { type RowsColumns, toWindows } from "./window_partition.ts";

/** Parameters of patch merging. */
export type PatchMergingParams = {
  /** Normalization of the neighbours side by side, `[merged · channels]`, or of the result, `[2 · channels]`. */
  readonly norm: LayerNormParams;
  /** `[merged · channels, 2 · channels]`, neighbours row by row, without offsets. */
  readonly reduction: { readonly weight: Tensor };
};

/** What is normalized: the neighbours side by side as in Swin, or the result as in Swin V2. */
export type MergingNorm = "before" | "after";

/** How patch merging is applied. */
export interface PatchMergingOptions {
  /** What is normalized. */
  readonly norm: MergingNorm;
  /** Exponent of the energy that the grid is chosen by. Default: the grid is fixed. */
  readonly energy?: number;
}

/** What patch merging gives. */
export interface Merged {
  /** The merged tokens, `[batch, height / rows, width / columns, 2 · channels]`. */
  readonly output: Tensor;
  /** The same before a normalization that comes last. */
  readonly linear: Tensor;
  /** The grid of each image, where it was chosen from several. */
  readonly choice?: PhaseChoice;
}

/** Standard deviation of fresh weights. */
const DEVIATION = 0.02;

/** How many rows and columns are merged: two, but one along an axis of one token, as that of the rows of a sequence. */
export function mergingStride([height, width]: RowsColumns): RowsColumns {
  return [height === 1 ? 1 : 2, width === 1 ? 1 : 2];
}

/** Fresh parameters for merging `merged` tokens of `channels` channels: weights are normal with deviation 0.02. */
export function initPatchMerging(
  key: Key,
  merged: number,
  channels: number,
  norm: MergingNorm,
): PatchMergingParams {
  return {
    norm: initLayerNorm(norm === "before" ? merged * channels : 2 * channels),
    reduction: { weight: initNormal(key, [merged * channels, 2 * channels], DEVIATION) },
  };
}

/**
 * Merges tokens `[batch, height, width, channels]`. Every grid is looked at without a gradient; on the chosen one tokens
 * are then merged as on a fixed one.
 *
 * @throws {PolyphaseError} if {@linkcode mergingStride} does not divide height and width
 */
export function patchMerging(
  params: PatchMergingParams,
  x: Tensor,
  { norm, energy }: PatchMergingOptions,
): Merged {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const stride = mergingStride([height, width]);
  expectDivides("patchMerging", x, stride);
  const [rows, columns] = stride;
  const beside = (row: Tensor, column: Tensor) =>
    tf.reshape(toWindows(x, stride, { row, column }), [-1, rows * columns * channels]);
  const reduce = (neighbours: Tensor) =>
    linear(
      norm === "before" ? layerNorm(params.norm, neighbours) : neighbours,
      params.reduction.weight,
      null,
    );
  const isFixed = energy === undefined || rows * columns === 1;
  const choice = isFixed ? undefined : chooseGrid(beside, reduce, stride, batch, energy);
  const none = tf.zeros([1]);
  const reduced = tf.reshape(reduce(beside(choice?.row ?? none, choice?.column ?? none)), [
    batch,
    height / rows,
    width / columns,
    2 * channels,
  ]);
  return {
    output: norm === "before" ? reduced : layerNorm(params.norm, reduced),
    linear: reduced,
    choice,
  };
}

/** The grid of most energy; all of them go through the linear map as one. */
function chooseGrid(
  beside: (row: Tensor, column: Tensor) => Tensor,
  reduce: (neighbours: Tensor) => Tensor,
  stride: RowsColumns,
  batch: number,
  p: number,
): PhaseChoice {
  const [rows, columns] = stride;
  const [row, column, gap] = detached(() => {
    const phases = Array.from({ length: rows * columns }, (_, phase) => phase);
    const grids = phases.map((phase) =>
      beside(tf.tensor1d([Math.floor(phase / columns)]), tf.tensor1d([phase % columns]))
    );
    const merged = reduce(tf.concat(grids, 0));
    const perImage = batch === 0 ? 0 : merged.size / phases.length / batch;
    const energies = (p: number) =>
      tf.transpose(tf.sum(tf.reshape(powers(merged, p), [phases.length, batch, perImage]), 2));
    const choice = choosePhase(energies(p), energies(tieExponent(p)), stride);
    return [choice.row, choice.column, choice.gap];
  });
  return { row, column, gap };
}
