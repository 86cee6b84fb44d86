/**
 * `tf.sum`, `tf.mean` and `tf.max` on our kernels.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { assertLikeCpu, drawn, gradientsOf } from "./cpu_reference.ts";
import { numbers, STRICT, withKernels } from "./reference.ts";

const REDUCTIONS = ["sum", "mean", "max"] as const;

const drawnCases = fc.sample(
  fc.record({
    shape: fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 6 }),
    reduced: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
    keepDims: fc.boolean(),
    how: fc.constantFrom(...REDUCTIONS),
    isNegative: fc.boolean(),
  }),
  { seed: 11, numRuns: 150 },
).map(({ shape, reduced, isNegative, ...rest }) => ({
  ...rest,
  shape,
  axes: shape.flatMap((_, axis) => reduced[axis] ? [isNegative ? axis - shape.length : axis] : []),
}));

Deno.test("random shapes and axes, values and gradients, as on the cpu backend", STRICT, async () => {
  await assertLikeCpu(
    drawnCases.map(({ shape, axes, keepDims, how }, index) => {
      const reduce = (x: Tensor) => tf[how](x, axes, keepDims);
      return {
        name: `${how} [${shape}] over [${axes}]${keepDims ? ", axes kept" : ""}`,
        compute: () => {
          const x = drawn(shape, index);
          return [reduce(x), ...gradientsOf(reduce, [x])];
        },
      };
    }),
    2e-6,
  );
});

Deno.test("all axes, one axis, and other types, as on the cpu backend", STRICT, async () => {
  await assertLikeCpu(
    REDUCTIONS.flatMap((how) => [
      { name: `${how} of all`, compute: () => [tf[how](drawn([5, 9, 3], 1))] },
      { name: `${how} of one axis`, compute: () => [tf[how](drawn([5, 9, 3], 2), 1)] },
      { name: `${how} of a number`, compute: () => [tf[how](tf.scalar(3))] },
      {
        name: `${how} of integers`,
        compute: () => [tf[how](tf.tensor2d([[1, 2], [5, -3]], [2, 2], "int32"), 0)],
      },
    ]),
    1e-6,
  );
});

Deno.test("long sums keep their digits along every axis", STRICT, async () => {
  await withKernels(() => {
    for (const [rows, columns] of [[1, 300007], [70001, 5], [5, 70001], [3001, 101]]) {
      const values = numbers(rows * columns, rows).map((x) => x + 1);
      const overRows = new Float64Array(columns);
      const overColumns = new Float64Array(rows);
      values.forEach((x, i) => {
        overRows[i % columns] += x;
        overColumns[Math.trunc(i / columns)] += x;
      });
      const check = (actual: Tensor, expected: Float64Array) =>
        actual.dataSync().forEach((y, i) => {
          const error = Math.abs(y - expected[i]) / expected[i];
          assert(error < 1e-6, `[${rows}, ${columns}]: sum ${i} is ${y}, expected ${expected[i]}`);
        });
      tf.tidy(() => {
        const x = tf.tensor2d(values, [rows, columns]);
        check(tf.sum(x, 0), overRows);
        check(tf.sum(x, 1), overColumns);
        check(tf.mean(x, 0), overRows.map((y) => y / rows));
        check(tf.sum(x), Float64Array.of(overColumns.reduce((sum, y) => sum + y, 0)));
      });
    }
  });
});

Deno.test("nothing to reduce, NaN and infinities", STRICT, async () => {
  await withKernels(() =>
    tf.tidy(() => {
      const values = (x: Tensor) => [...x.dataSync()];
      assertEquals(values(tf.sum(tf.zeros([0, 3]), 0)), [0, 0, 0]);
      assertEquals(values(tf.sum(tf.zeros([2, 0]), 1)), [0, 0]);
      assertEquals(values(tf.mean(tf.zeros([0, 2]), 0)), [NaN, NaN]);
      assertEquals(values(tf.max(tf.zeros([2, 0]), 1)), [-Infinity, -Infinity]);
      assertEquals(values(tf.max(tf.zeros([0, 2]), 0)), [-Infinity, -Infinity]);
      assertEquals(tf.sum(tf.zeros([0, 3]), 1).shape, [0]);
      for (const size of [3, 4, 7, 19]) {
        for (const at of [0, size - 1]) {
          for (const axis of [0, 1]) {
            const spoil = (value: number) => {
              const x = tf.buffer([size, size], "float32", new Float32Array(size * size).fill(-2));
              x.set(value, at, at);
              return x.toTensor();
            };
            const others = (x: Tensor) => values(x).filter((_, i) => i !== at);
            const sums = tf.sum(spoil(NaN), axis);
            assertEquals(values(sums)[at], NaN);
            assertEquals(others(sums), Array(size - 1).fill(-2 * size));
            assertEquals(values(tf.max(spoil(NaN), axis))[at], NaN);
            assertEquals(others(tf.max(spoil(NaN), axis)), Array(size - 1).fill(-2));
            assertEquals(values(tf.max(spoil(Infinity), axis))[at], Infinity);
            assertEquals(values(tf.mean(spoil(-Infinity), axis))[at], -Infinity);
          }
        }
      }
    })
  );
});

Deno.test("a sum over axes of size 1 shares the numbers, and outlives them", STRICT, async () => {
  await withKernels(() => {
    const x = tf.tensor2d([1, 2, 3], [3, 1]);
    const y = tf.sum(x, 1);
    x.dispose();
    assertEquals([...y.dataSync()], [1, 2, 3]);
    y.dispose();
  });
});
