/**
 * Kernel values, and the cache that keeps them.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { keyOf, normal } from "../../../pipeline/random.ts";
import { createKernelCache, LEAST_PIECES } from "../../../pipeline/svm/kernel_cache.ts";
import { kernelRows, rbfKernel } from "../../../pipeline/svm/rbf_kernel.ts";

const DIMS = 5;
const rows = kernelRows(Float64Array.from(normal(keyOf(0), 23 * DIMS)), DIMS);

function naive(gamma: number, a: number, b: number): number {
  let distance = 0;
  for (let place = 0; place < DIMS; place++) {
    distance += (rows.values[a * DIMS + place] - rows.values[b * DIMS + place]) ** 2;
  }
  return Math.exp(-gamma * distance);
}

Deno.test("rbf kernel: equals the definition, for any stretch of rows", () => {
  const kernel = rbfKernel(0.3, rows);
  for (const [first, last] of [[0, 23], [3, 4], [2, 9], [20, 23], [5, 5]]) {
    const wide = new Float64Array(last - first);
    const narrow = new Float32Array(last - first);
    kernel.wide(rows, 7, first, last, wide);
    kernel.narrow(rows, 7, first, last, narrow);
    wide.forEach((value, index) => assertAlmostEquals(value, naive(0.3, 7, first + index), 1e-14));
    assertEquals(narrow, Float32Array.from(wide));
  }
});

Deno.test("rbf kernel: symmetric to the bit, and 1 on the diagonal", () => {
  const kernel = rbfKernel(2, rows);
  const all = Array.from({ length: 23 }, (_, row) => {
    const line = new Float64Array(23);
    kernel.wide(rows, row, 0, 23, line);
    return line;
  });
  for (let a = 0; a < 23; a++) {
    assertEquals(all[a][a], 1);
    for (let b = 0; b < a; b++) assertEquals(all[a][b], all[b][a]);
  }
});

const STARTS = [0, 10, 16, 23];

Deno.test("kernel cache: a piece is worked out once, and dropped with its pair unless it is of one class", () => {
  const cache = createKernelCache({ rows, starts: STARTS, gamma: 0.5, maxBytes: 1e6 });
  const piece = cache.piece(3, 1);
  piece.forEach((value, index) => assertAlmostEquals(value, naive(0.5, 3, 10 + index), 1e-7));
  assertEquals([piece.length, cache.work(), cache.bytes()], [6, 6 * DIMS, 24]);
  assert(cache.piece(3, 1) === piece);
  assertEquals(cache.work(), 6 * DIMS);
  const own = cache.piece(3, 0);
  cache.endPair();
  assertEquals(cache.bytes(), 40);
  assert(cache.piece(3, 0) === own);
  assert(cache.piece(3, 1) !== piece);
  assertEquals(cache.work(), (6 + 10 + 6) * DIMS);
});

Deno.test("kernel cache: keeps to its bytes, and the pieces asked for last stay valid", () => {
  const cache = createKernelCache({ rows, starts: STARTS, gamma: 0.5, maxBytes: 0 });
  const limit = LEAST_PIECES * 10 * 4;
  const asked: { row: number; group: number; piece: Float32Array }[] = [];
  for (let turn = 0; turn < 200; turn++) {
    const row = (turn * 7) % 23;
    const group = (turn * 5) % 3;
    asked.push({ row, group, piece: cache.piece(row, group) });
    assert(cache.bytes() <= limit);
    for (const late of asked.slice(-LEAST_PIECES)) {
      late.piece.forEach((value, index) =>
        assertAlmostEquals(value, naive(0.5, late.row, STARTS[late.group] + index), 1e-7)
      );
    }
  }
  // The piece that nobody asked for the longest is the one that went.
  const before = cache.work();
  const { row, group, piece } = asked.at(-2)!;
  assert(cache.piece(row, group) === piece);
  assertEquals(cache.work(), before);
});
