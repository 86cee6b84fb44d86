/**
 * Looking up rows of a table of parameters at fixed places, with a gradient that every backend can work out.
 *
 * TensorFlow.js has the gradient of `tf.gather` add up rows by `UnsortedSegmentSum`, a kernel that not all backends have.
 * Where the places are known beforehand, the sum is a lookup too: each row of the table gathers what it was looked up for.
 *
 * @module
 */

import { PolyphaseError } from "../../pipeline/errors.ts";
import { differentiable } from "../backend/ops/differentiable.ts";
import { type Tensor, tf } from "../backend/tf.ts";

/** Which row of a table stands at each place, and at which places each row stands. */
export interface TableLookup {
  /** Rows of the table. */
  readonly rows: number;
  /** The row at each place, `[places]`. */
  readonly rowOf: Int32Array;
  /** The places of each row, `[rows, most]`; where a row has fewer than `most`, the number of places stands instead. */
  readonly placesOf: Int32Array;
  /** At how many places the most frequent row stands. */
  readonly most: number;
}

/**
 * The lookup that puts row `rowOf[place]` of a table of `rows` rows at each place.
 *
 * @throws {PolyphaseError} if the table has no such row
 */
export function tableLookup(rows: number, rowOf: Int32Array): TableLookup {
  const counts = new Int32Array(rows);
  for (const row of rowOf) {
    if (row < 0 || row >= rows) {
      throw new PolyphaseError(
        `tableLookup got row ${row}, expected one of a table of ${rows}: count rows from 0`,
      );
    }
    counts[row]++;
  }
  const most = counts.reduce((greatest, count) => Math.max(greatest, count), 0);
  const placesOf = new Int32Array(rows * most).fill(rowOf.length);
  const seen = new Int32Array(rows);
  rowOf.forEach((row, place) => placesOf[row * most + seen[row]++] = place);
  return { rows, rowOf, placesOf, most };
}

/** `[rows, width]` → `[places, width]`. Its derivatives of any order are right. */
export function lookUp(table: Tensor, lookup: TableLookup): Tensor {
  return differentiable(
    { table },
    () => tf.gather(table, tf.tensor1d(lookup.rowOf, "int32")),
    (dy) => ({ table: () => addUp(dy, lookup) }),
  );
}

/**
 * `[places, width]` → `[rows, width]`: each row is the sum of what stands at its places. Undoes no lookup: its transpose.
 */
function addUp(values: Tensor, lookup: TableLookup): Tensor {
  const { rows, most, placesOf } = lookup;
  const [places, width] = values.shape as [number, number];
  return differentiable(
    { values },
    () => {
      // A row of zeros for the places that a row has fewer than the most frequent one.
      const all = placesOf.includes(places) ? tf.pad(values, [[0, 1], [0, 0]]) : values;
      const found = tf.gather(all, tf.tensor1d(placesOf, "int32"));
      return tf.sum(tf.reshape(found, [rows, most, width]), 1);
    },
    (dy) => ({ values: () => lookUp(dy, lookup) }),
  );
}
