/**
 * Where tokens stand to each other, axis by axis, as places in a table of learned numbers.
 *
 * Along an axis a difference is either counted as it is, `2n − 1` of them for n places, as in Swin (arXiv 2103.14030), or
 * modulo n, which every circular shift leaves as it is (A-RPE, arXiv 2305.16316). Inside windows that were chosen by their
 * content the first is safe too; where one window is the whole map, only the second is.
 *
 * @module
 */

import { modulo } from "../../datasets/shift.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import { lookUp, type TableLookup, tableLookup } from "./table_lookup.ts";

/** Tokens along one axis. */
export interface PositionAxis {
  /** How many there are. */
  readonly length: number;
  /** Whether their differences are counted modulo that. */
  readonly circular: boolean;
}

/** The differences of tokens on a grid, and which one every query and key have. */
export interface RelativePositions {
  /** Tokens of the grid. */
  readonly tokens: number;
  /** How many differences there are: rows of a table. */
  readonly entries: number;
  /**
   * Rows and columns of each difference, query less key, `[entries, 2]`: those modulo n as the nearest to 0, so that
   * they are distances on the ring.
   */
  readonly differences: Float32Array<ArrayBuffer>;
  /** The difference of each query and key, `[tokens · tokens]`. */
  readonly lookup: TableLookup;
}

/** The relative positions on a grid of rows and columns; differences are ordered row by row, from the least on. */
export function relativePositions(rows: PositionAxis, columns: PositionAxis): RelativePositions {
  const [down, right] = [differencesOf(rows), differencesOf(columns)];
  const tokens = rows.length * columns.length;
  const place = (axis: PositionAxis, query: number, key: number) =>
    axis.circular ? modulo(query - key, axis.length) : query - key + axis.length - 1;
  const rowOf = Int32Array.from({ length: tokens * tokens }, (_, index) => {
    const [query, key] = [Math.floor(index / tokens), index % tokens];
    const y = place(rows, Math.floor(query / columns.length), Math.floor(key / columns.length));
    return y * right.length + place(columns, query % columns.length, key % columns.length);
  });
  const entries = down.length * right.length;
  return {
    tokens,
    entries,
    differences: Float32Array.from(down.flatMap((dy) => right.flatMap((dx) => [dy, dx]))),
    lookup: tableLookup(entries, rowOf),
  };
}

function differencesOf({ length, circular }: PositionAxis): number[] {
  if (!circular) return Array.from({ length: 2 * length - 1 }, (_, index) => index - length + 1);
  return Array.from({ length }, (_, index) => index > length / 2 ? index - length : index);
}

/** The bias of attention that a table `[entries, heads]` gives: `[1, heads, tokens, tokens]`. */
export function positionBias(table: Tensor, { tokens, lookup }: RelativePositions): Tensor {
  return tf.tidy(() => {
    const found = tf.transpose(lookUp(table, lookup));
    return tf.reshape(found, [1, table.shape[1]!, tokens, tokens]);
  });
}
