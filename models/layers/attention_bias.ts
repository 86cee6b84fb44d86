/**
 * Positions as a bias of attention: to the score of a query and a key is added a learned number that depends on where they
 * stand to each other alone.
 *
 * `relative` looks it up by the difference of rows and columns, `(2h − 1)(2w − 1)` of them on a grid of `h` by `w` tokens
 * (Z. Liu et al., "Swin Transformer", arXiv 2103.14030). A circular shift of the tokens changes differences where it wraps
 * around, so this is not equivariant. `circular` looks it up by the difference modulo `h` and `w`, `h · w` of them: a
 * block-circulant matrix, and those are all the biases that commute with every circular shift (R. A. Rojas-Gomez et al.,
 * "Making Vision Transformers Truly Shift-Equivariant", arXiv 2305.16316).
 *
 * A class token stands nowhere. It has one number a head for its look at a patch, and one for a patch's look at it, which
 * no shift changes; its look at itself gets none, which softmax makes no difference of.
 *
 * @module
 */

import { modulo } from "../../datasets/shift.ts";
import { foldIn, type Key } from "../../pipeline/random.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import { initNormal } from "./initial_values.ts";
import { lookUp, type TableLookup, tableLookup } from "./table_lookup.ts";

/** What the number is looked up by: the difference of places, or that modulo the grid. */
export type AttentionBiasKind = "relative" | "circular";

/** The tokens that attention is about. */
export interface AttentionBiasGrid {
  /** Rows of tokens: 1 for a sequence. */
  readonly rows: number;
  /** Columns of tokens. */
  readonly columns: number;
  /** Whether a class token stands before them. */
  readonly classToken: boolean;
}

/** Parameters of the bias of one attention. */
export type AttentionBiasParams = {
  /**
   * A number for each difference, query less key, and head, `[entries, heads]`: row by row from the least difference on, 0
   * for `circular`, `1 − h` and `1 − w` for `relative`.
   */
  readonly table: Tensor;
  /** Those of the class token's look at a patch and of a patch's look at the class token, `[2, heads]`. */
  readonly classToken?: Tensor;
};

/** Where in its table a bias is looked up. */
export interface AttentionBiasPlan {
  /** Rows of the table. */
  readonly entries: number;
  /** Tokens, the class token with them. */
  readonly tokens: number;
  /** Whether one of them is a class token. */
  readonly classToken: boolean;
  /** The lookup of `[tokens · tokens]`, in the table with what belongs to the class token below. */
  readonly lookup: TableLookup;
}

/** Standard deviation of fresh biases. */
const DEVIATION = 0.02;

/** Works out where in its table the bias of every query and key is. */
export function attentionBiasPlan(kind: AttentionBiasKind, grid: AttentionBiasGrid): AttentionBiasPlan {
  const { rows, columns, classToken } = grid;
  const [down, right] = kind === "circular" ? [rows, columns] : [2 * rows - 1, 2 * columns - 1];
  const entries = down * right;
  const along = (query: number, key: number, length: number) =>
    kind === "circular" ? modulo(query - key, length) : query - key + length - 1;
  const first = Number(classToken);
  const tokens = rows * columns + first;
  const rowOf = new Int32Array(tokens * tokens);
  for (let query = 0; query < tokens; query++) {
    for (let key = 0; key < tokens; key++) {
      const [from, to] = [query - first, key - first];
      // Below the table: the class token's look at patches, patches' look at it, and 0 for its look at itself.
      rowOf[query * tokens + key] = from < 0
        ? entries + (to < 0 ? 2 : 0)
        : to < 0
        ? entries + 1
        : along(Math.floor(from / columns), Math.floor(to / columns), rows) * right +
          along(from % columns, to % columns, columns);
    }
  }
  return { entries, tokens, classToken, lookup: tableLookup(entries + 3 * first, rowOf) };
}

/** Fresh parameters, normal with deviation 0.02 as Swin's. */
export function initAttentionBias(
  key: Key,
  { entries, classToken }: AttentionBiasPlan,
  heads: number,
): AttentionBiasParams {
  return {
    table: initNormal(foldIn(key, "table"), [entries, heads], DEVIATION),
    ...classToken ? { classToken: initNormal(foldIn(key, "classToken"), [2, heads], DEVIATION) } : {},
  };
}

/**
 * The bias `[heads, queries, tokens]` of the first tokens' look at all.
 *
 * @param queries how many tokens look. Default all
 */
export function attentionBias(
  { table, classToken }: AttentionBiasParams,
  { tokens, lookup }: AttentionBiasPlan,
  queries: number = tokens,
): Tensor {
  return tf.tidy(() => {
    const heads = table.shape[1]!;
    const all = classToken === undefined ? table : tf.concat([table, classToken, tf.zeros([1, heads])]);
    const found = tf.reshape(lookUp(all, lookup), [tokens, tokens, heads]);
    return tf.transpose(queries === tokens ? found : tf.slice(found, [0, 0, 0], [queries, -1, -1]), [
      2,
      0,
      1,
    ]);
  });
}
