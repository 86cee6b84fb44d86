/**
 * `tf.cast` and `tf.clipByValue` on our kernels.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { tf } from "../../../../models/backend/tf.ts";
import { assertLikeCpu, drawn, gradientsOf } from "./cpu_reference.ts";
import { STRICT, withKernels } from "./reference.ts";

const ODD = [0.5, NaN, 0, -0, 256, -1, 1e-30, Infinity, 1, 2, 0, 0, 0.25, 0, 3, 0, 0, 0.1, -0.1];

Deno.test("casts between all types are those of the cpu backend", STRICT, async () => {
  const types = ["float32", "int32", "bool"] as const;
  await assertLikeCpu(
    types.flatMap((from) =>
      types.map((to) => ({
        name: `${from} to ${to}`,
        compute: () => {
          // The cpu backend makes no number of NaN, and ours none of what is beyond 32 bits.
          const usual = ODD.filter((value) => Math.abs(value) < 2 ** 31);
          const x = tf.tensor1d(from === "bool" ? usual.map((value) => value > 0) : usual, from);
          return [tf.cast(x, to)];
        },
      }))
    ),
    0,
  );
});

Deno.test("a number is true where it is not 0, a fraction, 256 and NaN too", STRICT, async () => {
  await withKernels(() =>
    tf.tidy(() => {
      for (let length = 0; length <= ODD.length; length++) {
        const values = ODD.slice(0, length);
        const bools = tf.cast(tf.tensor1d(values), "bool");
        assertEquals([...bools.dataSync()], values.map((value) => Number(value !== 0)));
      }
    })
  );
});

Deno.test(
  "clipped numbers of every remainder of four and their gradients are those of the cpu backend",
  STRICT,
  async () => {
    await assertLikeCpu(
      [0, 1, 2, 3, 4, 5, 7, 30].map((size) => ({
        name: `${size} numbers`,
        compute: () => {
          const x = drawn([size], size, 3);
          return [
            tf.clipByValue(x, -1, 2),
            tf.clipByValue(tf.cast(x, "int32"), -1, 2),
            ...size > 0 ? gradientsOf((x) => tf.clipByValue(x, -1, 2), [x]) : [],
          ];
        },
      })),
      0,
    );
  },
);

Deno.test("clipping hides no NaN", STRICT, async () => {
  await withKernels(() =>
    tf.tidy(() => {
      const y = tf.clipByValue(tf.tensor1d([NaN, -Infinity, Infinity, 0, NaN]), -2, 3);
      assertEquals([...y.dataSync()], [NaN, -2, 3, 0, NaN]);
    })
  );
});
