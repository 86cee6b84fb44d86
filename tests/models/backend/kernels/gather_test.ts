/**
 * `tf.gather` on our kernels.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { PolyphaseError } from "../../../../pipeline/errors.ts";
import { tf } from "../../../../models/backend/tf.ts";
import { assertLikeCpu, drawn } from "./cpu_reference.ts";
import { STRICT, withKernels } from "./reference.ts";

Deno.test(
  "slices picked along any axis, with batches and of any type, are those of the cpu backend",
  STRICT,
  async () => {
    const cases = fc.sample(
      fc.record({
        shape: fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 }),
        axis: fc.nat({ max: 3 }),
        batch: fc.nat({ max: 2 }),
        picks: fc.array(fc.nat({ max: 50 }), { maxLength: 9 }),
        width: fc.constantFrom(1, 2, 5, 65, 130),
        dtype: fc.constantFrom("float32" as const, "int32" as const, "bool" as const),
      }),
      { seed: 7, numRuns: 100 },
    );
    await assertLikeCpu(
      cases.map(({ shape: head, axis: any, batch, picks, width, dtype }, index) => ({
        name: JSON.stringify({ head, any, batch, picks, width, dtype }),
        compute: () => {
          const shape = [...head, width];
          const axis = any % head.length;
          const batchDims = Math.min(batch, axis);
          const lead = shape.slice(0, batchDims);
          const count = lead.reduce((a, b) => a * b, 1);
          const numbers = Array.from(
            { length: count },
            (_, i) => picks.map((pick) => (pick + i) % shape[axis]),
          ).flat();
          const x = drawn(shape, index, 100);
          return [
            tf.gather(
              dtype === "bool" ? tf.greater(x, 0) : tf.cast(x, dtype),
              tf.tensor(numbers, [...lead, picks.length], "int32"),
              axis,
              batchDims,
            ),
          ];
        },
      })),
      0,
    );
  },
);

Deno.test(
  "an index that is not of the axis is refused in one line and leaves nothing over",
  STRICT,
  async () => {
    await withKernels(() => {
      for (const index of [-1, 3, 2 ** 31 - 1]) {
        tf.tidy(() => {
          assertThrows(
            () => tf.gather(tf.ones([2, 3]), tf.tensor1d([0, index], "int32"), 1),
            PolyphaseError,
            `index ${index} for axis 1 of x [2,3], expected one in [0, 3)`,
          );
        });
      }
    });
  },
);

Deno.test("gathering nothing gives nothing", STRICT, async () => {
  await withKernels(() =>
    tf.tidy(() => {
      assertEquals(tf.gather(tf.ones([2, 3]), tf.tensor1d([], "int32")).shape, [0, 3]);
      assertEquals(tf.gather(tf.ones([2, 0]), tf.tensor1d([1, 1, 0], "int32")).shape, [3, 0]);
    })
  );
});
