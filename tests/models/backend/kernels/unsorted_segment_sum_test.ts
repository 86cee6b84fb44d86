/**
 * `tf.unsortedSegmentSum` on our kernels, and the gradient of `tf.gather` that is made of it.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { PolyphaseError } from "../../../../pipeline/errors.ts";
import { tf } from "../../../../models/backend/tf.ts";
import { assertLikeCpu, drawn, gradientsOf } from "./cpu_reference.ts";
import { STRICT, withKernels } from "./reference.ts";

const RUNS = { seed: 3, numRuns: 60 };

Deno.test("sums of random segments are those of the cpu backend", STRICT, async () => {
  const cases = fc.sample(
    fc.record({
      ids: fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 1, maxLength: 40 }),
      inner: fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 2 }),
      segments: fc.integer({ min: 1, max: 9 }),
      isInteger: fc.boolean(),
    }),
    RUNS,
  );
  await assertLikeCpu(
    cases.map(({ ids, inner, segments, isInteger }, index) => ({
      name: `${ids.length} rows [${inner}] into ${segments} segments`,
      compute: () => {
        const x = drawn([ids.length, ...inner], index, 9);
        return [
          tf.unsortedSegmentSum(isInteger ? tf.cast(x, "int32") : x, tf.tensor1d(ids, "int32"), segments),
        ];
      },
    })),
    1e-6,
  );
});

Deno.test("the gradient of gather is that of the cpu backend, along any axis", STRICT, async () => {
  const cases = fc.sample(
    fc.record({
      shape: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 }),
      axis: fc.nat({ max: 3 }),
      picks: fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 12 }),
      isMatrix: fc.boolean(),
    }),
    RUNS,
  );
  await assertLikeCpu(
    cases.map(({ shape, axis, picks, isMatrix }, index) => ({
      name: `[${shape}], axis ${axis % shape.length}, indices ${picks}`,
      compute: () => {
        const along = axis % shape.length;
        const indices = tf.tensor1d(picks.map((pick) => pick % shape[along]), "int32");
        const placed = isMatrix ? indices.expandDims(1) : indices;
        return gradientsOf((x) => tf.gather(x, placed, along), [drawn(shape, index)]);
      },
    })),
    1e-6,
  );
});

Deno.test(
  "ids beyond the segments are left out, empty inputs give zeros, NaN stays in its segment",
  STRICT,
  async () => {
    await withKernels(() =>
      tf.tidy(() => {
        const sums = (x: number[], ids: number[], segments: number) => [
          ...tf.unsortedSegmentSum(tf.tensor1d(x), tf.tensor1d(ids, "int32"), segments).dataSync(),
        ];
        assertEquals(sums([1, 2, 4, 8], [0, -1, 3, 2], 3), [1, 0, 8]);
        assertEquals(sums([], [], 4), [0, 0, 0, 0]);
        assertEquals(sums([1, NaN, Infinity, 2], [1, 0, 2, 1], 3), [NaN, 3, Infinity]);
        const none = tf.unsortedSegmentSum(tf.zeros([2, 0, 3]), tf.tensor1d([0, 1], "int32"), 5);
        assertEquals(none.shape, [5, 0, 3]);
      })
    );
  },
);

Deno.test("segment ids that do not fit are refused", STRICT, async () => {
  await withKernels(() => {
    assertThrows(
      () => tf.tidy(() => tf.unsortedSegmentSum(tf.ones([3, 2]), tf.tensor1d([0, 1], "int32"), 2)),
      PolyphaseError,
      "expected int32 [3]",
    );
  });
});
