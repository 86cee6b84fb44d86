/**
 * Decomposed relative positions: to the score of a query and a key is added the product of the query with a learned
 * vector for the distance of their rows, and one for that of their columns.
 *
 * `plain` distances are those of MViTv2 (Y. Li et al., arXiv 2112.01526): signed, on the finer of the two grids. `circular`
 * distances go around the border, on the grid that queries and keys were pooled from and from the pixel each was pooled
 * at: no circular shift of that grid changes them ("Making Vision Transformers Truly Shift-Equivariant", arXiv 2305.16316).
 *
 * @module
 */

import { foldIn, type Key } from "../../pipeline/random.ts";
import { detached } from "../backend/ops/differentiable.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import { initNormal } from "./initial_values.ts";
import type { PhaseChoice } from "./phases.ts";

/** Parameters of decomposed relative positions. */
export type DecomposedPositionsParams = {
  /** A vector for each distance of rows, `[distances, dim]`. */
  readonly rows: Tensor;
  /** A vector for each distance of columns, `[distances, dim]`. */
  readonly columns: Tensor;
};

/** One axis of the grids that distances are between. */
export interface PositionAxis {
  /** Places before pooling. */
  readonly length: number;
  /** Queries along the axis. */
  readonly queries: number;
  /** Keys along the axis. */
  readonly keys: number;
  /** Places from query to query. */
  readonly queryStride: number;
  /** Places from key to key. */
  readonly keyStride: number;
}

/** Rows and columns, and how distances are taken. */
export interface DecomposedPositions {
  /** From top to bottom. */
  readonly rows: PositionAxis;
  /** From left to right. */
  readonly columns: PositionAxis;
  /** Whether distances go around the border. */
  readonly circular: boolean;
}

/** Where adaptive strides began; absent where a stride began at the origin, or there was none. */
export interface PositionOrigins {
  /** The polyphase of queries. */
  readonly queries?: PhaseChoice;
  /** The polyphase of keys. */
  readonly keys?: PhaseChoice;
}

/** Standard deviation of fresh vectors. */
const DEVIATION = 0.02;

/** Fresh parameters, normal of deviation 0.02. */
export function initDecomposedPositions(
  key: Key,
  positions: DecomposedPositions,
  dim: number,
): DecomposedPositionsParams {
  const [rows, columns] = distancesOf(positions);
  return {
    rows: initNormal(foldIn(key, "rows"), [rows, dim], DEVIATION),
    columns: initNormal(foldIn(key, "columns"), [columns, dim], DEVIATION),
  };
}

/** How many distances there are along rows and columns: `2 · max(queries, keys) − 1`, or `length` if they are circular. */
export function distancesOf(
  { rows, columns, circular }: DecomposedPositions,
): readonly [rows: number, columns: number] {
  const along = ({ length, queries, keys }: PositionAxis) =>
    circular ? length : 2 * Math.max(queries, keys) - 1;
  return [along(rows), along(columns)];
}

/**
 * What is added to the scores, `[batch, heads, queries, keys]`, queries and keys row by row.
 *
 * @param q queries `[batch, heads, rows, columns, dim]`
 * @param origins where adaptive strides began; circular distances alone depend on it
 */
export function decomposedPositions(
  params: DecomposedPositionsParams,
  q: Tensor,
  positions: DecomposedPositions,
  origins: PositionOrigins = {},
): Tensor {
  return tf.tidy(() => {
    const { rows, columns } = positions;
    const [batch, heads] = q.shape as [number, number];
    const byRow = axisProducts(q, 2, vectors(params.rows, positions, "row", origins));
    const byColumn = axisProducts(q, 3, vectors(params.columns, positions, "column", origins));
    const queries = batch * heads * rows.queries * columns.queries;
    const sum = tf.add(
      tf.reshape(byRow, [queries, rows.keys, 1]),
      tf.reshape(byColumn, [queries, 1, columns.keys]),
    );
    return tf.reshape(sum, [batch, heads, rows.queries * columns.queries, rows.keys * columns.keys]);
  });
}

/** Multiply-adds of the products with queries of one image, all heads together `embed` wide. */
export function decomposedPositionsMultiplyAdds(
  { rows, columns }: DecomposedPositions,
  embed: number,
): number {
  return rows.queries * columns.queries * (rows.keys + columns.keys) * embed;
}

/** The vector of each query's and key's distance along an axis, `[1 or batch, queries, keys, dim]`. */
function vectors(
  table: Tensor,
  { rows, columns, circular }: DecomposedPositions,
  along: "row" | "column",
  origins: PositionOrigins,
): Tensor {
  const axis = along === "row" ? rows : columns;
  const [distances, dim] = table.shape as [number, number];
  const places = detached(() => {
    const own = circular ? circularDistances(axis) : tf.tensor3d(plainDistances(axis), undefined, "float32");
    const start = circular ? startOf(origins, along) : undefined;
    const found = start === undefined ? own : wrapped(tf.add(own, start.reshape([-1, 1, 1])), axis.length);
    // Not tf.oneHot, which refuses a table of a single row, as that of a signal's rows.
    return tf.cast(tf.equal(tf.reshape(found, [-1, 1]), tf.range(0, distances)), "float32");
  });
  // A product with ones and zeros in place of a lookup: every backend has its gradient.
  return tf.reshape(tf.matMul(places, table), [-1, axis.queries, axis.keys, dim]);
}

/** Index of the signed distance on the finer grid, the least being 0: `[1, queries, keys]`. */
function plainDistances({ queries, keys }: PositionAxis): number[][][] {
  const [queryStep, keyStep] = [Math.max(keys / queries, 1), Math.max(queries / keys, 1)];
  return [Array.from(
    { length: queries },
    (_, query) =>
      Array.from({ length: keys }, (_, key) => Math.trunc(query * queryStep + (keys - 1 - key) * keyStep)),
  )];
}

/** Distance around the border of the grid before pooling, from pixel to pixel of polyphase 0: `[1, queries, keys]`. */
function circularDistances({ length, queries, keys, queryStride, keyStride }: PositionAxis): Tensor {
  const line = (count: number, stride: number) => tf.mul(tf.range(0, count), stride);
  const asked = tf.reshape(line(queries, queryStride), [1, queries, 1]);
  return wrapped(tf.sub(asked, tf.reshape(line(keys, keyStride), [1, 1, keys])), length);
}

/** How far queries of each image began after keys, `[batch]`. */
function startOf({ queries, keys }: PositionOrigins, along: "row" | "column"): Tensor | undefined {
  if (queries === undefined) return keys && tf.neg(keys[along]);
  return keys === undefined ? queries[along] : tf.sub(queries[along], keys[along]);
}

/** The remainder in [0, `length`) of whole numbers. */
function wrapped(x: Tensor, length: number): Tensor {
  return tf.sub(x, tf.mul(tf.floor(tf.div(tf.add(x, 0.5), length)), length));
}

/**
 * Products of queries `[batch, heads, rows, columns, dim]` with the vectors of their place along an axis, `[1 or batch,
 * places, keys, dim]`: `[batch, heads, rows, columns, keys]`.
 */
function axisProducts(q: Tensor, axis: 2 | 3, vectors: Tensor): Tensor {
  const [images, places, keys, dim] = vectors.shape as [number, number, number, number];
  const others = [1, axis === 2 ? 3 : 2];
  // Queries that share their vectors stand together: those of all images, if no image has a start of its own.
  const order = images === 1 ? [axis, 0, ...others, 4] : [0, axis, ...others, 4];
  const turned = tf.transpose(q, order);
  const groups = tf.reshape(turned, [images * places, q.size / dim / places / images, dim]);
  const products = tf.matMul(groups, tf.reshape(vectors, [images * places, keys, dim]), false, true);
  const back = [0, 1, 2, 3, 4].map((each) => order.indexOf(each));
  return tf.transpose(tf.reshape(products, [...turned.shape.slice(0, 4), keys]), back);
}
