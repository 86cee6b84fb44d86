/**
 * Decomposed relative positions: against plain loops, and circular ones under shifts of the grid before pooling.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type BackendName, selectBackend } from "../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../models/backend/tf.ts";
import {
  type DecomposedPositions,
  decomposedPositions,
  distancesOf,
  initDecomposedPositions,
  type PositionOrigins,
} from "../../../models/layers/decomposed_positions.ts";
import type { PhaseChoice } from "../../../models/layers/phases.ts";
import { keyOf, normal } from "../../../pipeline/random.ts";
import { relativeError } from "../../golden.ts";
import { modulo } from "../map_reference.ts";

const [BATCH, HEADS, DIM] = [3, 2, 4];
const POSITIONS: DecomposedPositions = {
  rows: { length: 4, queries: 2, keys: 4, queryStride: 2, keyStride: 1 },
  columns: { length: 12, queries: 6, keys: 3, queryStride: 2, keyStride: 4 },
  circular: false,
};

const random = (seed: number, shape: readonly number[]): Tensor =>
  tf.tensor(normal(keyOf(seed), shape.reduce((product, each) => product * each, 1)), [...shape]);
const placesOf = (rows: number[], columns: number[]): PhaseChoice => ({
  row: tf.tensor1d(rows),
  column: tf.tensor1d(columns),
  gap: tf.zeros([rows.length]),
});

/** The bias by its definition; `distance` is the row of the table for a query and a key along an axis. */
function expectedBias(
  tables: readonly number[][][],
  q: number[][][][][],
  { rows, columns }: DecomposedPositions,
  distance: (axis: 0 | 1, image: number, query: number, key: number) => number,
): number[] {
  const out: number[] = [];
  q.forEach((image, at) =>
    image.forEach((head) =>
      head.forEach((line, row) =>
        line.forEach((vector, column) => {
          for (let keyRow = 0; keyRow < rows.keys; keyRow++) {
            for (let keyColumn = 0; keyColumn < columns.keys; keyColumn++) {
              const [down, right] = [distance(0, at, row, keyRow), distance(1, at, column, keyColumn)];
              out.push(
                vector.reduce((sum, value, d) => sum + value * (tables[0][down][d] + tables[1][right][d]), 0),
              );
            }
          }
        })
      )
    )
  );
  return out;
}

for (const backend of ["wasm", "cpu"] satisfies BackendName[]) {
  Deno.test(`decomposedPositions: products of queries with vectors of distances (${backend})`, async () => {
    await selectBackend(backend);
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const q = random(1, [BATCH, HEADS, 2, 6, DIM]);
      const values = q.arraySync() as number[][][][][];
      const origins = { queries: [[0, 1, 1], [1, 0, 1]], keys: [[0, 0, 0], [3, 0, 2]] };
      const [queries, keys] = [
        placesOf(origins.queries[0], origins.queries[1]),
        placesOf(origins.keys[0], origins.keys[1]),
      ];
      for (
        const [circular, given] of [
          [false, {}],
          // Signed distances are of grids, and do not know where these began.
          [false, { queries, keys }],
          [true, {}],
          [true, { queries }],
          [true, { keys }],
          [true, { queries, keys }],
        ] satisfies [boolean, PositionOrigins][]
      ) {
        const positions = { ...POSITIONS, circular };
        assertEquals(distancesOf(positions), circular ? [4, 12] : [7, 11]);
        const params = initDecomposedPositions(keyOf(2), positions, DIM);
        const tables = [params.rows.arraySync() as number[][], params.columns.arraySync() as number[][]];
        assertEquals(
          tables.map((table) => [table.length, table[0].length]),
          distancesOf(positions).map((each) => [each, DIM]),
        );
        const expected = expectedBias(tables, values, positions, (axis, image, query, key) => {
          // Of rows there are half as many queries as keys, of columns twice as many: distances are on the finer grid.
          if (!circular) return axis === 0 ? 2 * query - key + 3 : query - 2 * key + 4;
          const { length, queryStride, keyStride } = axis === 0 ? POSITIONS.rows : POSITIONS.columns;
          const from = query * queryStride + (given.queries ? origins.queries[axis][image] : 0);
          return modulo(from - key * keyStride - (given.keys ? origins.keys[axis][image] : 0), length);
        });
        const found = decomposedPositions(params, q, positions, given);
        assertEquals(found.shape, [BATCH, HEADS, 12, 12]);
        assert(relativeError(found.dataSync(), expected) < 1e-5, `circular ${circular}`);
      }
    });
    assertEquals(tf.memory().numTensors, before);
  });
}

Deno.test("decomposedPositions: gradients are those of the definition", async () => {
  await selectBackend("wasm");
  tf.tidy(() => {
    const positions = { ...POSITIONS, circular: true };
    const [q, weight] = [random(3, [BATCH, HEADS, 2, 6, DIM]), random(4, [BATCH, HEADS, 12, 12])];
    const { rows, columns } = initDecomposedPositions(keyOf(5), positions, DIM);
    const queries = placesOf([1, 0, 1], [0, 1, 1]);
    const loss = (q: Tensor, rows: Tensor, columns: Tensor) =>
      tf.sum(tf.mul(weight, decomposedPositions({ rows, columns }, q, positions, { queries })));
    // It is linear in queries and in tables: the gradient times either gives the value.
    const value = loss(q, rows, columns).dataSync()[0];
    const [dq, drows, dcolumns] = tf.grads(loss)([q, rows, columns]);
    const along = (gradient: Tensor, x: Tensor) => tf.sum(tf.mul(gradient, x)).dataSync()[0];
    assert(relativeError([along(dq, q)], [value]) < 1e-4);
    assert(relativeError([along(drows, rows) + along(dcolumns, columns)], [value]) < 1e-4);
    // And a step along any direction changes the value by the gradient's part of it.
    const step = random(6, rows.shape);
    const moved = loss(q, tf.add(rows, step), columns).dataSync()[0];
    assert(relativeError([along(drows, step)], [moved - value]) < 1e-3);
  });
});
