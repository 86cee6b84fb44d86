/**
 * `tf.transpose` on our kernels.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { sizeOf, STRICT, withKernels } from "./reference.ts";

/** The values of a contiguous array with its axes in another order. */
function permuted<T>(values: ArrayLike<T>, shape: readonly number[], perm: readonly number[]): T[] {
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const result: T[] = [];
  const visit = (axis: number, offset: number): void => {
    if (axis === perm.length) {
      result.push(values[offset]);
      return;
    }
    for (let i = 0; i < shape[perm[axis]]; i++) visit(axis + 1, offset + i * strides[perm[axis]]);
  };
  visit(0, 0);
  return result;
}

/** Checks one permutation of numbers that are all different. */
function check(shape: number[], perm: number[], dtype: "float32" | "int32" | "bool"): void {
  const size = sizeOf(shape);
  const values = Array.from({ length: size }, (_, i) => dtype === "bool" ? Number(i * 7 % 3 === 0) : i + 1);
  const actual = tf.tidy(() => {
    const y = tf.transpose(tf.tensor(values, shape, dtype), perm);
    return { shape: y.shape, dtype: y.dtype, values: y.dataSync() };
  });
  assertEquals([actual.shape, actual.dtype], [perm.map((axis) => shape[axis]), dtype]);
  const expected = permuted(values, shape, perm);
  const wrong = expected.findIndex((value, i) => actual.values[i] !== value);
  assert(wrong < 0, `[${shape}] by [${perm}] of ${dtype}: number ${wrong} is ${actual.values[wrong]}`);
}

Deno.test("transpose moves every element of any shape, order and type to its place", STRICT, async () => {
  const shapeAndOrder = fc.array(fc.integer({ min: 0, max: 7 }), { minLength: 1, maxLength: 6 }).chain((
    shape,
  ) =>
    fc.record({
      shape: fc.constant(shape),
      perm: fc.shuffledSubarray(shape.map((_, axis) => axis), { minLength: shape.length }),
    })
  );
  await withKernels(() => {
    fc.assert(
      fc.property(shapeAndOrder, fc.constantFrom("float32", "int32", "bool"), ({ shape, perm }, dtype) => {
        check(shape, perm, dtype);
      }),
      { seed: 22, numRuns: 500 },
    );
  });
});

Deno.test("transpose is right for every remainder of blocks of rows and columns", STRICT, async () => {
  await withKernels(() => {
    for (const rows of [1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 16, 19]) {
      for (const columns of [1, 2, 3, 4, 5, 8, 11, 70]) {
        check([rows, columns], [1, 0], "float32");
        check([2, rows, columns], [0, 2, 1], "float32");
        // Runs that are copied, the long ones by the engine's own copy.
        check([rows, 3, columns], [1, 0, 2], "int32");
      }
    }
    check([300, 517], [1, 0], "float32");
    check([2, 3, 2, 3, 2, 3], [5, 3, 1, 4, 2, 0], "float32");
    check([2, 3, 2, 3, 2, 3], [4, 2, 0, 3, 1, 5], "bool");
  });
});

Deno.test("transpose keeps the bits of numbers that are not finite", STRICT, async () => {
  await withKernels(() => {
    const values = [NaN, Infinity, -Infinity, -0, 1, 2];
    const y = tf.tidy(() => tf.transpose(tf.tensor2d(values, [2, 3])).dataSync());
    assertEquals([...y], [NaN, -0, Infinity, 1, -Infinity, 2]);
  });
});

Deno.test(
  "where the order in memory stays, the numbers are shared and outlive the operand",
  STRICT,
  async () => {
    await withKernels(() => {
      const x = tf.tensor([1, 2, 3, 4, 5, 6], [1, 2, 3]);
      const { numDataBuffers } = tf.memory();
      const y = tf.transpose(x, [1, 0, 2]);
      assertEquals(tf.memory().numDataBuffers, numDataBuffers);
      assertEquals(y.shape, [2, 1, 3]);
      x.dispose();
      tf.fill([6], 9).dispose();
      assertEquals([...y.dataSync()], [1, 2, 3, 4, 5, 6]);
      y.dispose();
    });
  },
);

Deno.test("the gradient of transpose is the opposite transpose", STRICT, async () => {
  await withKernels(() => {
    tf.tidy(() => {
      const weights = tf.range(0, 24).reshape([4, 2, 3]);
      const gradient = tf.grad((x: Tensor) => tf.sum(tf.mul(tf.transpose(x, [2, 0, 1]), weights)).asScalar())(
        tf.ones([2, 3, 4]),
      );
      assertEquals([...gradient.dataSync()], permuted([...weights.dataSync()], [4, 2, 3], [1, 2, 0]));
    });
  });
});
