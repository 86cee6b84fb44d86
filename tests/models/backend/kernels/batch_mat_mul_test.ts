/**
 * `tf.matMul` on our kernels: every size and transposition, broadcasting, and numbers that are not finite.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { PolyphaseError } from "../../../../pipeline/errors.ts";
import { tf } from "../../../../models/backend/tf.ts";
import { assertSums, numbers, product, sizeOf, STRICT, withKernels } from "./reference.ts";

const TRANSPOSITIONS = [[false, false], [false, true], [true, false], [true, true]] as const;

/** Checks one product of single matrices against double precision. */
function check(rows: number, columns: number, depth: number, transposeA: boolean, transposeB: boolean): void {
  const a = numbers(rows * depth, 1);
  const b = numbers(depth * columns, 2);
  const actual = tf.tidy(() =>
    tf.matMul(
      tf.tensor2d(a, transposeA ? [depth, rows] : [rows, depth]),
      tf.tensor2d(b, transposeB ? [columns, depth] : [depth, columns]),
      transposeA,
      transposeB,
    ).dataSync()
  );
  const what = `${rows}×${columns}×${depth} ${transposeA ? "T" : "N"}${transposeB ? "T" : "N"}`;
  assertSums(
    actual,
    product(a, b, rows, columns, depth, transposeA, transposeB),
    depth + 8,
    what,
  );
}

Deno.test(
  "matMul equals a sum in double precision at every edge of tiles, panels and blocks",
  STRICT,
  async () => {
    await withKernels(() => {
      for (const rows of [1, 2, 3, 4, 5, 6, 7, 9, 13]) {
        for (const columns of [1, 2, 3, 4, 5, 7, 8, 9, 17, 24, 27]) {
          for (const depth of [0, 1, 2, 3, 4, 5, 9, 257]) {
            for (const [a, b] of TRANSPOSITIONS) check(rows, columns, depth, a, b);
          }
        }
      }
      for (const [a, b] of TRANSPOSITIONS) {
        check(14, 521, 17, a, b);
        check(5, 1030, 300, a, b);
        check(61, 33, 2000, a, b);
        check(1, 700, 700, a, b);
        check(700, 1, 700, a, b);
      }
    });
  },
);

Deno.test(
  "matMul equals a sum in double precision for random sizes, in all transpositions",
  STRICT,
  async () => {
    await withKernels(() => {
      const size = fc.oneof(
        { weight: 3, arbitrary: fc.integer({ min: 0, max: 40 }) },
        fc.integer({ min: 41, max: 150 }),
      );
      const depth = fc.oneof({ weight: 3, arbitrary: size }, fc.integer({ min: 0, max: 900 }));
      fc.assert(
        fc.property(size, size, depth, fc.boolean(), fc.boolean(), check),
        { seed: 20, numRuns: 150 },
      );
    });
  },
);

/** The right operand or the left one for each matrix of a broadcast batch. */
function matrixAt(
  x: Float32Array,
  shape: readonly number[],
  batch: readonly number[],
  index: number,
): Float32Array {
  const size = shape.at(-1)! * shape.at(-2)!;
  let offset = 0;
  let stride = size;
  for (let axis = batch.length - 1; axis >= 0; axis--) {
    const position = index % batch[axis];
    index = Math.floor(index / batch[axis]);
    const own = axis - batch.length + shape.length - 2;
    if (own < 0) continue;
    if (shape[own] !== 1) offset += position * stride;
    stride *= shape[own];
  }
  return x.subarray(offset, offset + size);
}

Deno.test("matMul broadcasts batches as NumPy does", STRICT, async () => {
  const axis = fc.record({
    size: fc.integer({ min: 1, max: 4 }),
    left: fc.boolean(),
    right: fc.boolean(),
  });
  const small = fc.integer({ min: 1, max: 9 });
  await withKernels(() => {
    fc.assert(
      fc.property(
        fc.array(axis, { minLength: 0, maxLength: 4 }),
        fc.nat(4),
        fc.tuple(small, small, small),
        fc.tuple(fc.boolean(), fc.boolean()),
        (axes, missing, [rows, columns, depth], [transposeA, transposeB]) => {
          const aShape = [
            ...axes.map(({ size, left }) => left ? size : 1),
            ...(transposeA ? [depth, rows] : [rows, depth]),
          ];
          const bShape = [
            ...axes.map(({ size, right }) => right ? size : 1).slice(Math.min(missing, axes.length)),
            ...(transposeB ? [columns, depth] : [depth, columns]),
          ];
          const bBatch = bShape.slice(0, -2);
          const batch = aShape.slice(0, -2).map((size, i) =>
            Math.max(size, bBatch[i - axes.length + bBatch.length] ?? 1)
          );
          const a = numbers(sizeOf(aShape), 3);
          const b = numbers(sizeOf(bShape), 4);
          const result = tf.tidy(() => {
            const y = tf.matMul(tf.tensor(a, aShape), tf.tensor(b, bShape), transposeA, transposeB);
            return { shape: y.shape, values: y.dataSync() };
          });
          assertEquals(result.shape, [...batch, rows, columns]);
          for (let i = 0; i < sizeOf(batch); i++) {
            assertSums(
              result.values.subarray(i * rows * columns, (i + 1) * rows * columns),
              product(
                matrixAt(a, aShape, batch, i),
                matrixAt(b, bShape, batch, i),
                rows,
                columns,
                depth,
                transposeA,
                transposeB,
              ),
              depth,
              `[${aShape}] × [${bShape}], matrix ${i}`,
            );
          }
        },
      ),
      { seed: 21, numRuns: 200 },
    );
  });
});

Deno.test("an empty sum is zero, and an empty result is empty", STRICT, async () => {
  await withKernels(() => {
    const shapes: [number[], number[], number[]][] = [
      [[2, 0], [0, 3], [2, 3]],
      [[5, 1, 0], [5, 0, 4], [5, 1, 4]],
      [[0, 2], [2, 3], [0, 3]],
      [[2, 3], [3, 0], [2, 0]],
      [[0, 2, 3], [0, 3, 2], [0, 2, 2]],
    ];
    for (const [a, b, shape] of shapes) {
      // Something that is not zero where the result will lie.
      tf.fill([64], 7).dispose();
      const y = tf.tidy(() => {
        const result = tf.matMul(tf.ones(a), tf.ones(b));
        return { shape: result.shape, values: [...result.dataSync()] };
      });
      assertEquals(y, { shape, values: Array(sizeOf(shape)).fill(0) });
    }
  });
});

Deno.test(
  "NaN and infinity pass through, zeros do not hide them, and they stay in their row and column",
  STRICT,
  async () => {
    await withKernels(() => {
      for (const [rows, columns, depth] of [[7, 9, 5], [1, 9, 6], [9, 1, 6], [2, 3, 1], [20, 20, 300]]) {
        for (const [transposeA, transposeB] of TRANSPOSITIONS) {
          const a = new Float32Array(rows * depth);
          const b = numbers(depth * columns, 5).map(Math.abs);
          const k = depth - 1;
          a[transposeA ? k * rows : k] = NaN;
          if (rows > 1) a[transposeA ? k * rows + 1 : depth + k] = Infinity;
          const y = tf.tidy(() =>
            tf.matMul(
              tf.tensor2d(a, transposeA ? [depth, rows] : [rows, depth]),
              tf.tensor2d(b, transposeB ? [columns, depth] : [depth, columns]),
              transposeA,
              transposeB,
            ).dataSync()
          );
          const expected = Array.from(
            { length: rows * columns },
            (_, i) => [NaN, Infinity][Math.floor(i / columns)] ?? 0,
          );
          assertEquals([...y], expected);
        }
      }
      const zeros = tf.tidy(() =>
        tf.matMul(tf.tensor2d([[0, 0]]), tf.tensor2d([[Infinity, 1], [1, -Infinity]])).dataSync()
      );
      assertEquals([...zeros], [NaN, NaN]);
    });
  },
);

Deno.test(
  "shapes that do not fit are refused in one line, as are types without a kernel",
  STRICT,
  async () => {
    await withKernels(() => {
      const refused = (a: number[], b: number[], said: string) =>
        assertThrows(() => tf.tidy(() => tf.matMul(tf.ones(a), tf.ones(b))), PolyphaseError, said);
      refused([2, 3], [4, 5], "[2,3] times [4,5]: inner axes are 3 and 4");
      refused([2, 2, 3], [3, 3, 5], "leading axes must be equal or 1");
      // As TensorFlow.js does, whose kernel this is.
      assertThrows(
        () => tf.tidy(() => tf.matMul(tf.ones([2, 3], "int32"), tf.ones([3, 2], "int32"))),
        Error,
        "float32",
      );
    });
  },
);
