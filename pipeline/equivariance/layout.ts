/**
 * Where the numbers of an activation lie in space, as far as its shape tells.
 *
 * @module
 */

import type { TokenGrid } from "../../models/tokenizers/tokenizer.ts";

/** How the numbers of one image lie in space. */
export interface Layout {
  /** A map `[height, width, channels]`, tokens on a grid, or a vector that has no places. */
  readonly kind: "map" | "tokens" | "vector";
  /** Numbers before the grid that belong to no place: those of a class token. */
  readonly before: number;
  /** Rows of the grid; 1 for a vector. */
  readonly height: number;
  /** Columns of the grid; 1 for a vector. */
  readonly width: number;
  /** Numbers at each place. */
  readonly channels: number;
}

/**
 * The layout of an activation `[batch, ...]` of a model on a token grid.
 *
 * `[batch, height, width, channels]` is a map. `[batch, tokens, channels]` is a set of tokens where there are as many as
 * on the grid, or on the grid merged by a whole number along each axis, with a class token in front where there is one
 * more. Everything else is a vector.
 */
export function layoutOf(shape: readonly number[], grid: Pick<TokenGrid, "shape">): Layout {
  const [, first, second, third] = shape;
  if (shape.length === 4) return { kind: "map", before: 0, height: first, width: second, channels: third };
  if (shape.length === 3) {
    const [height, width] = grid.shape.length === 1 ? [1, grid.shape[0]] : grid.shape;
    for (const classTokens of [0, 1]) {
      const merged = mergedGrid(height, width, first - classTokens);
      if (merged === undefined) continue;
      return { kind: "tokens", before: classTokens * second, ...merged, channels: second };
    }
  }
  const channels = shape.slice(1).reduce((product, length) => product * length, 1);
  return { kind: "vector", before: 0, height: 1, width: 1, channels };
}

/** The grid of so many tokens that merging by a whole number along each axis makes. A grid of one row keeps it. */
function mergedGrid(
  height: number,
  width: number,
  tokens: number,
): { readonly height: number; readonly width: number } | undefined {
  for (let by = 1; by <= Math.max(height, width); by++) {
    const rows = height === 1 ? 1 : height / by;
    const columns = width === 1 ? 1 : width / by;
    if (rows * columns < tokens) return undefined;
    if (Number.isInteger(rows) && Number.isInteger(columns) && rows * columns === tokens) {
      return { height: rows, width: columns };
    }
  }
  return undefined;
}
