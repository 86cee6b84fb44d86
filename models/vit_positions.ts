/**
 * How the tokens of a vision transformer know where they are, and which ways circular shifts commute with.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import { type AttentionBiasPlan, attentionBiasPlan } from "./layers/attention_bias.ts";
import type { PositionGrid } from "./layers/position_convolution.ts";
import type { TokenGrid } from "./tokenizers/tokenizer.ts";

/**
 * How tokens know where they are.
 *
 * - `learned`: a vector for each token, added to it.
 * - `none`: not at all; only a class token is told from patches.
 * - `relative`: each block has a bias of attention by the difference of rows and columns, as Swin, for each head.
 * - `circular`: likewise, by the difference modulo the grid: of all such biases, those that circular shifts commute with.
 * - `circular-convolution`: each embedded patch sees its neighbours on the grid as a torus, by a depth-wise 3×3 filter.
 *
 * All but `learned` and `relative` commute with circular shifts of the tokens.
 */
export type VitPositions = "learned" | "none" | "relative" | "circular" | "circular-convolution";

/** All kinds of positions. */
export const VIT_POSITIONS: readonly VitPositions[] = [
  "learned",
  "none",
  "relative",
  "circular",
  "circular-convolution",
];

/** What positions need to know of the grid. */
export interface VitPositionPlan {
  /** The bias of attention, if positions are one. */
  readonly bias?: AttentionBiasPlan;
  /** The grid that is convolved, if positions are a convolution. */
  readonly convolved?: PositionGrid;
}

/**
 * Works out positions on a grid of tokens.
 *
 * @throws {PolyphaseError} if the grid has more than two axes and positions are not such that this makes no difference
 */
export function vitPositionPlan(
  { positions, classToken }: { readonly positions: VitPositions; readonly classToken: boolean },
  grid: TokenGrid,
): VitPositionPlan {
  if (positions === "learned" || positions === "none") return {};
  const [rows, columns] = gridOf(grid.shape);
  return positions === "circular-convolution"
    ? { convolved: [rows, columns] }
    : { bias: attentionBiasPlan(positions, { rows, columns, classToken }) };
}

/** A sequence is a grid of one row. */
function gridOf(shape: readonly number[]): PositionGrid {
  if (shape.length === 1) return [1, shape[0]];
  if (shape.length === 2) return [shape[0], shape[1]];
  throw new PolyphaseError(
    `vit got a grid [${shape}] of tokens, expected rows and columns, or one axis: set positions to learned or none`,
  );
}
