/**
 * `tf.clone` on our kernels: numbers are shared, and live as long as anyone has them.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { tf } from "../../../../models/backend/tf.ts";
import { STRICT, withKernels } from "./reference.ts";

Deno.test("a clone takes no memory and outlives its original, in every type", STRICT, async () => {
  await withKernels(() => {
    for (const dtype of ["float32", "int32", "bool"] as const) {
      const x = tf.tensor2d([[1, 0, 1]], [1, 3], dtype);
      const buffers = tf.memory().numDataBuffers;
      const y = tf.clone(x);
      assertEquals(tf.memory().numDataBuffers, buffers);
      assertEquals([y.shape, y.dtype], [[1, 3], dtype]);
      x.dispose();
      // What comes next must not land on numbers that are still in use.
      const other = tf.tensor2d([[7, 7, 7]]);
      assertEquals([...y.dataSync()], [1, 0, 1]);
      tf.dispose([y, other]);
    }
  });
});

Deno.test("tensors that a gradient keeps are whole when it needs them", STRICT, async () => {
  await withKernels(() => {
    const x = tf.tensor1d([1, 2, 3]);
    const dx = tf.grad((x) =>
      tf.tidy(() => {
        const y = tf.square(x);
        const z = tf.mul(y, tf.exp(y));
        y.dispose();
        return tf.sum(z);
      })
    )(x);
    [...dx.dataSync()].forEach((slope, i) => {
      const y = (i + 1) ** 2;
      assertEquals(Math.abs(slope / (2 * (i + 1) * Math.exp(y) * (1 + y)) - 1) < 1e-6, true, `number ${i}`);
    });
    tf.dispose([x, dx]);
  });
});
