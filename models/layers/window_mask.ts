/**
 * Which tokens of a shifted window see each other: those that were neighbours before the map was rolled.
 *
 * Z. Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows", arXiv 2103.14030.
 *
 * @module
 */

import type { RowsColumns } from "./window_partition.ts";

/**
 * For windows that begin at `shift`, and so reach around the border: 1 where a token sees another, `[windows, tokens,
 * tokens]` row by row. Undefined without a shift, where every token sees all of its window.
 */
export function windowMask(
  [height, width]: RowsColumns,
  [rows, columns]: RowsColumns,
  [down, right]: RowsColumns,
): Uint8Array | undefined {
  if (down === 0 && right === 0) return undefined;
  // Only the last window along an axis reaches around; its last `shift` places come from the other side.
  const isWrapped = (place: number, length: number, shift: number) => place >= length - shift;
  const [tokens, across] = [rows * columns, width / columns];
  const windows = height / rows * across;
  const mask = new Uint8Array(windows * tokens * tokens);
  const sides = Array.from({ length: windows * tokens }, (_, index) => {
    const [window, token] = [Math.floor(index / tokens), index % tokens];
    const y = Math.floor(window / across) * rows + Math.floor(token / columns);
    const x = window % across * columns + token % columns;
    return 2 * Number(isWrapped(y, height, down)) + Number(isWrapped(x, width, right));
  });
  for (let index = 0; index < mask.length; index++) {
    const query = Math.floor(index / tokens);
    const key = Math.floor(query / tokens) * tokens + index % tokens;
    mask[index] = Number(sides[query] === sides[key]);
  }
  return mask;
}
