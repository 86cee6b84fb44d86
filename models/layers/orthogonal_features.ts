/**
 * Random directions for random features: normally distributed each, and at right angles to each other as far as there is
 * room, which makes estimates vary less than independent ones.
 *
 * K. Choromanski et al., "Rethinking Attention with Performers", arXiv 2009.14794, section 2.4. F. Mezzadri, "How to
 * generate random matrices from the classical compact groups", arXiv math-ph/0609050.
 *
 * @module
 */

import { foldIn, type Key, normal } from "../../pipeline/random.ts";

/**
 * A matrix `[count, dim]` whose rows are those of random orthogonal matrices `[dim, dim]`, one below the other, each row of
 * the length of a normally distributed vector of its own. The orthogonal matrices are evenly distributed.
 *
 * @param key random key
 * @param count rows
 * @param dim columns
 */
export function orthogonalFeatures(key: Key, count: number, dim: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(count * dim);
  const lengths = rowsOf(normal(foldIn(key, "lengths"), count * dim), dim).map(lengthOf);
  for (let block = 0; block * dim < count; block++) {
    const rows = orthonormal(rowsOf(normal(foldIn(key, block), dim * dim), dim));
    for (let row = 0; row < dim && block * dim + row < count; row++) {
      const place = block * dim + row;
      out.set(rows[row].map((value) => value * lengths[place]), place * dim);
    }
  }
  return out;
}

function rowsOf(values: Float32Array, dim: number): Float64Array[] {
  return Array.from(
    { length: values.length / dim },
    (_, row) => Float64Array.from(values.subarray(row * dim, (row + 1) * dim)),
  );
}

/**
 * Rows made orthonormal one after another, by Gram and Schmidt. What this leaves of a row has a positive product with the
 * row, and that is what makes the matrix evenly distributed; other ways leave the signs to the library.
 */
function orthonormal(rows: readonly Float64Array[]): Float64Array[] {
  const done: Float64Array[] = [];
  for (const row of rows) {
    const left = row.slice();
    // Twice is enough to be orthogonal to the last digits.
    for (let pass = 0; pass < 2; pass++) {
      for (const other of done) {
        const along = dot(left, other);
        for (let index = 0; index < left.length; index++) left[index] -= along * other[index];
      }
    }
    const length = lengthOf(left);
    done.push(left.map((value) => value / length));
  }
  return done;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += a[index] * b[index];
  return sum;
}

function lengthOf(row: Float64Array): number {
  return Math.sqrt(dot(row, row));
}
