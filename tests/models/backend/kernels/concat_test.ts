/**
 * `tf.concat`, `tf.stack`, `tf.tile` and `tf.broadcastTo` on our kernels.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { assertLikeCpu, assertNear, drawn, gradientsOf } from "./cpu_reference.ts";
import { STRICT, withKernels } from "./reference.ts";

const RUNS = { seed: 6, numRuns: 80 };
const shapes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 });
const dtypes = fc.constantFrom("float32" as const, "int32" as const, "bool" as const);

function typed(shape: readonly number[], dtype: "float32" | "int32" | "bool", seed: number): Tensor {
  const x = drawn(shape, seed, 100);
  return dtype === "bool" ? tf.greater(x, 0) : tf.cast(x, dtype);
}

Deno.test(
  "concat and stack are those of the cpu backend along any axis, empty parts included",
  STRICT,
  async () => {
    const cases = fc.sample(
      fc.record({
        shape: shapes,
        axis: fc.nat({ max: 3 }),
        lengths: fc.array(fc.nat({ max: 70 }), { minLength: 1, maxLength: 3 }),
        dtype: dtypes,
      }),
      RUNS,
    );
    await assertLikeCpu(
      cases.map(({ shape, axis: any, lengths, dtype }, index) => ({
        name: `[${shape}] of ${dtype}, axis ${any % shape.length}, lengths ${lengths}`,
        compute: () => {
          const axis = any % shape.length;
          const parts = [...lengths, 2].map((length, part) =>
            typed(shape.with(axis, length), dtype, index + part)
          );
          const alike = lengths.map((_, part) => typed(shape, dtype, index + part));
          return [
            tf.concat(parts, axis),
            tf.stack(alike, any % (shape.length + 1)),
            tf.stack(alike, -1),
            ...dtype === "float32" && !lengths.includes(0)
              ? gradientsOf((...parts) => tf.concat(parts, axis), parts)
              : [],
            ...dtype === "float32" ? gradientsOf((...parts) => tf.stack(parts, axis), alike) : [],
          ];
        },
      })),
      1e-6,
    );
  },
);

Deno.test("the type of a concat is that of its first part", STRICT, async () => {
  await withKernels(() =>
    tf.tidy(() => {
      const y = tf.concat([tf.tensor1d([1.5, 2]), tf.tensor1d([3, 4], "int32"), tf.tensor1d([true], "bool")]);
      assertEquals([y.dtype, [...y.dataSync()]], ["float32", [1.5, 2, 3, 4, 1]]);
      assertThrows(() => tf.concat([tf.ones([2, 2]), tf.ones([3, 3])], 0), Error);
      assertThrows(() => tf.stack([tf.ones([2]), tf.ones([3])]), Error);
    })
  );
});

Deno.test("a part that is all of a concat is shared, and outlives its operand", STRICT, async () => {
  await withKernels(() => {
    const [x, none] = [tf.tensor2d([[1, 2]]), tf.zeros([0, 2])];
    const y = tf.concat([x, none]);
    tf.dispose([x, none]);
    tf.fill([2], 9).dispose();
    assertEquals([...y.dataSync()], [1, 2]);
    y.dispose();
  });
});

Deno.test("repetitions and their gradients are those of the cpu backend", STRICT, async () => {
  const cases = fc.sample(
    fc.record({
      axes: fc.array(
        fc.record({ size: fc.integer({ min: 1, max: 5 }), rep: fc.integer({ min: 1, max: 3 }) }),
        {
          minLength: 1,
          maxLength: 4,
        },
      ),
      dtype: dtypes,
    }),
    RUNS,
  );
  await assertLikeCpu(
    cases.map(({ axes, dtype }, index) => ({
      name: `${JSON.stringify(axes)} of ${dtype}`,
      compute: () => {
        const x = typed(axes.map(({ size }) => size), dtype, index);
        const wide = typed(axes.map(({ size, rep }) => rep === 1 ? size : 1), dtype, index);
        const repeat = (x: Tensor) => tf.tile(x, axes.map(({ rep }) => rep));
        const spread = (x: Tensor) => tf.broadcastTo(x, [2, ...axes.map(({ size }) => size)]);
        return [
          repeat(x),
          spread(wide),
          ...dtype === "float32" ? gradientsOf(repeat, [x]) : [],
        ];
      },
    })),
    1e-6,
  );
});

Deno.test(
  "gradients of repetitions of five axes, and second ones, are sums over the repetitions",
  STRICT,
  async () => {
    await withKernels(() =>
      tf.tidy(() => {
        const x = drawn([2, 1, 3, 2, 1], 1);
        const weights = drawn([4, 3, 3, 2, 5], 2);
        const loss = (x: Tensor) =>
          tf.sum(tf.mul(weights, tf.square(tf.tile(x, [2, 3, 1, 1, 5])))).asScalar();
        // d/dx Σ w (tile x)² = 2 x · Σ over repetitions of w, and once more 2 · that sum.
        const sums = tf.sum(tf.reshape(weights, [2, 2, 3, 3, 2, 5]), [0, 2, 5]).reshape(x.shape);
        assertNear(tf.grad(loss)(x).dataSync(), tf.mul(2, tf.mul(x, sums)).dataSync(), 1e-5, "first");
        const second = tf.grad((x: Tensor) => tf.sum(tf.grad(loss)(x)).asScalar())(x);
        assertNear(second.dataSync(), tf.mul(2, sums).dataSync(), 1e-5, "second");
        const same = tf.grad((x: Tensor) => tf.sum(tf.tile(x, [1, 1])).asScalar())(tf.ones([2, 3]));
        assertEquals([...same.dataSync()], [1, 1, 1, 1, 1, 1]);
      })
    );
  },
);
