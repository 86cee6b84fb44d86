/**
 * `tf.slice`, `tf.stridedSlice`, `tf.split`, `tf.unstack` and `tf.reverse` on our kernels.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { assertLikeCpu, drawn, gradientsOf } from "./cpu_reference.ts";
import { STRICT, withKernels } from "./reference.ts";

const RUNS = { seed: 5, numRuns: 120 };

const dtypes = fc.constantFrom("float32" as const, "int32" as const, "bool" as const);

/** Numbers of a type, hardly any two alike unless it is bool. */
function typed(shape: readonly number[], dtype: "float32" | "int32" | "bool", seed: number): Tensor {
  const x = drawn(shape, seed, 100);
  return dtype === "bool" ? tf.greater(x, 0) : tf.cast(x, dtype);
}

/** An axis, the place in it where a slice begins, and the slice's length. */
const range = fc.integer({ min: 0, max: 7 }).chain((size) =>
  fc.nat({ max: size }).chain((begin) =>
    fc.record({ size: fc.constant(size), begin: fc.constant(begin), length: fc.nat({ max: size - begin }) })
  )
);

Deno.test(
  "slices of any rank, type and size are those of the cpu backend, and their gradients",
  STRICT,
  async () => {
    const cases = fc.sample(
      fc.record({ ranges: fc.array(range, { minLength: 1, maxLength: 6 }), dtype: dtypes }),
      RUNS,
    );
    await assertLikeCpu(
      cases.map(({ ranges, dtype }, index) => ({
        name: `slice ${JSON.stringify(ranges)} of ${dtype}`,
        compute: () => {
          const x = typed(ranges.map(({ size }) => size), dtype, index);
          const cut = (x: Tensor) =>
            tf.slice(x, ranges.map(({ begin }) => begin), ranges.map(({ length }) => length));
          const y = cut(x);
          // The pad of TensorFlow.js takes four axes, and no empty ones.
          const hasGradient = dtype === "float32" && y.size > 0 && y.rank <= 4;
          return [y, ...hasGradient ? gradientsOf(cut, [x]) : []];
        },
      })),
      0,
    );
  },
);

Deno.test("slices with strides, backwards too, are those of the cpu backend", STRICT, async () => {
  const axis = fc.record({
    size: fc.integer({ min: 1, max: 7 }),
    begin: fc.integer({ min: -7, max: 7 }),
    end: fc.integer({ min: -8, max: 8 }),
    stride: fc.constantFrom(1, 1, 2, 3, -1, -2),
  });
  const cases = fc.sample(
    fc.record({
      axes: fc.array(axis, { minLength: 1, maxLength: 4 }),
      dtype: dtypes,
      masks: fc.array(fc.nat({ max: 15 }), { minLength: 2, maxLength: 2 }),
      shrunk: fc.constantFrom(0, 0, 1, 2),
    }),
    RUNS,
  );
  await assertLikeCpu(
    cases.map(({ axes, dtype, masks, shrunk }, index) => ({
      name: `stridedSlice ${JSON.stringify({ axes, masks, shrunk })} of ${dtype}`,
      compute: () => {
        const x = typed(axes.map(({ size }) => size), dtype, index);
        // An axis that shrinks is one place in range.
        const isShrunk = (axis: number) => (shrunk >> axis & 1) === 1;
        return [
          tf.stridedSlice(
            x,
            axes.map(({ begin, size }, axis) => isShrunk(axis) ? Math.abs(begin) % size : begin),
            axes.map(({ end }) => end),
            // With an axis that shrinks, the cpu backend mixes up the others where there are strides.
            axes.map(({ stride }) => shrunk > 0 ? 1 : stride),
            masks[0] & ~shrunk,
            // Nor does it know an empty part where there are none.
            shrunk > 0 || axes.every(({ stride }) => stride === 1) ? 15 : masks[1],
            0,
            0,
            shrunk,
          ),
        ];
      },
    })),
    0,
  );
});

Deno.test("an axis may shrink while others go in strides", STRICT, async () => {
  await withKernels(() =>
    tf.tidy(() => {
      const x = tf.reshape(tf.range(0, 24), [2, 3, 4]);
      const y = tf.stridedSlice(x, [1, 2, 3], [2, -4, 0], [1, -2, -2], 0, 0, 0, 0, 1);
      assertEquals([y.shape, [...y.dataSync()]], [[2, 2], [23, 21, 15, 13]]);
    })
  );
});

Deno.test("split, unstack and reverse are those of the cpu backend along any axes", STRICT, async () => {
  const cases = fc.sample(
    fc.record({
      shape: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 }),
      axis: fc.nat({ max: 3 }),
      more: fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 3 }),
      turned: fc.nat({ max: 15 }),
      dtype: dtypes,
    }),
    RUNS,
  );
  await assertLikeCpu(
    cases.map(({ shape, axis: any, more, turned, dtype }, index) => ({
      name: `[${shape}] of ${dtype}, axis ${any % shape.length}, ${more}, ${turned}`,
      compute: () => {
        const axis = any % shape.length;
        const total = more.reduce((sum, size) => sum + size, 1);
        const x = typed(shape.with(axis, total), dtype, index);
        const axes = shape.map((_, each) => each).filter((each) => turned >> each & 1);
        return [
          ...tf.split(x, [...more, 1], axis),
          ...tf.unstack(x, axis - shape.length),
          ...axes.length > 0 ? [tf.reverse(x, axes)] : [],
        ];
      },
    })),
    0,
  );
});

Deno.test("gradients of split, unstack and reverse are those of the cpu backend", STRICT, async () => {
  await assertLikeCpu(
    [0, 1, 2].map((axis) => ({
      name: `axis ${axis}`,
      compute: () => {
        const x = drawn([4, 6, 2], 1);
        const weigh = (parts: Tensor[]) => tf.addN(parts.map((part, i) => tf.mul(part, i + 1)));
        return [
          ...gradientsOf((x) => weigh(tf.split(x, 2, axis)), [x]),
          ...gradientsOf((x) => weigh(tf.unstack(x, axis)), [x]),
          ...gradientsOf((x) => tf.reverse(x, axis), [x]),
        ];
      },
    })),
    1e-6,
  );
});

Deno.test("a slice beyond the tensor is refused; NaN and signed zeros keep their bits", STRICT, async () => {
  await withKernels(() =>
    tf.tidy(() => {
      assertThrows(() => tf.slice(tf.ones([3, 3]), [1, 0], [3, 3]), Error);
      assertThrows(() => tf.slice(tf.ones([3, 3]), [1, 0, 0], [1, 1, 1]), Error);
      const x = tf.tensor2d([[NaN, -0], [Infinity, 1]]);
      assertEquals([...tf.slice(x, [0, 0], [2, 1]).dataSync()], [NaN, Infinity]);
      assertEquals([...tf.reverse(x, 1).dataSync()], [-0, NaN, 1, Infinity]);
    })
  );
});

Deno.test("more axes than a call of the compiled kernel takes are taken one by one", STRICT, async () => {
  await assertLikeCpu([{
    name: "every second place of eight axes",
    compute: () => {
      const x = tf.reshape(tf.range(0, 3 ** 8), [27, 27, 9]);
      const shape = Array(8).fill(3);
      const deep = tf.reshape(x, shape);
      return [tf.slice(deep, [1, 0, 1, 0, 1, 0, 1, 0], Array(8).fill(2)).reshape([-1])];
    },
  }], 0);
});
