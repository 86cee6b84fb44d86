/**
 * The gradient of `tf.matMul` on our kernels.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { selectBackend } from "../../../../models/backend/select.ts";
import { assertSums, numbers, sizeOf, STRICT, withKernels } from "./reference.ts";

const TRANSPOSITIONS = [[false, false], [false, true], [true, false], [true, true]] as const;

/** The shape of matrices that are stored transposed. */
function stored(shape: readonly number[], transposed: boolean): number[] {
  return transposed ? [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!] : [...shape];
}

/**
 * Gradients of a weighted sum of `matMul` with respect to both operands.
 *
 * @param batch axes that both operands are broadcast to beforehand, if given
 */
function gradients(
  aShape: number[],
  bShape: number[],
  transposeA: boolean,
  transposeB: boolean,
  batch?: readonly number[],
): Float32Array[] {
  const spread = (x: Tensor) => batch === undefined ? x : tf.broadcastTo(x, [...batch, ...x.shape.slice(-2)]);
  const loss = (a: Tensor, b: Tensor) => {
    const y = tf.matMul(spread(a), spread(b), transposeA, transposeB);
    return tf.sum(tf.mul(y, tf.tensor(numbers(y.size, 8), y.shape))).asScalar();
  };
  return tf.tidy(() => {
    const a = tf.tensor(numbers(sizeOf(aShape), 6), aShape);
    const b = tf.tensor(numbers(sizeOf(bShape), 7), bShape);
    return tf.grads(loss as Parameters<typeof tf.grads>[0])([a, b]).map((gradient, i) => {
      assertEquals(gradient.shape, [aShape, bShape][i]);
      return gradient.dataSync<"float32">();
    });
  });
}

Deno.test("gradients of matMul equal those of the cpu backend in all transpositions", STRICT, async () => {
  const shapes = [[[5, 7], [7, 6]], [[3, 5, 7], [3, 7, 2]], [[2, 3, 1, 4], [2, 3, 4, 9]], [[33, 70], [
    70,
    20,
  ]]];
  const cases = shapes.flatMap(([a, b]) =>
    TRANSPOSITIONS.map(([s, t]) => [stored(a, s), stored(b, t), s, t] as const)
  );
  await selectBackend("cpu");
  const expected = cases.map((shapes) => gradients(...shapes));
  await withKernels(() => {
    for (const [i, shapes] of cases.entries()) {
      for (const [j, gradient] of gradients(...shapes).entries()) {
        assertSums(gradient, expected[i][j], 20, `gradient ${j} of ${JSON.stringify(shapes)}`);
      }
    }
  });
});

Deno.test(
  "gradients of broadcast operands are those of operands broadcast beforehand, summed",
  STRICT,
  async () => {
    const shapes = [
      { a: [4, 3, 5], b: [5, 2], batch: [4] },
      { a: [4, 3, 5], b: [1, 5, 2], batch: [4] },
      { a: [3, 5], b: [4, 5, 2], batch: [4] },
      { a: [2, 1, 3, 5], b: [1, 4, 5, 2], batch: [2, 4] },
      { a: [2, 4, 3, 5], b: [4, 5, 2], batch: [2, 4] },
      { a: [1, 3, 5], b: [5, 2], batch: [1] },
    ];
    await withKernels(() => {
      for (const { a, b, batch } of shapes) {
        for (const [s, t] of TRANSPOSITIONS) {
          const operands = [stored(a, s), stored(b, t), s, t] as const;
          const expected = gradients(...operands, batch);
          for (const [j, gradient] of gradients(...operands).entries()) {
            assertSums(gradient, expected[j], 20, `gradient ${j} of ${JSON.stringify(operands)}`);
          }
        }
      }
    });
  },
);

Deno.test("matMul can be differentiated twice", STRICT, async () => {
  await withKernels(() => {
    tf.tidy(() => {
      // f(x) = sum((x W)²), so its gradient is 2 x W Wᵀ, and the gradient of that one's sum is 2 · 1 W Wᵀ.
      const w = tf.tensor2d(numbers(12, 9), [3, 4]);
      const f = (x: Tensor) => tf.sum(tf.square(tf.matMul(x, w))).asScalar();
      const second = tf.grad((x: Tensor) => tf.sum(tf.grad(f)(x)).asScalar())(tf.ones([2, 3]));
      const expected = tf.mul(2, tf.matMul(tf.ones([2, 3]), tf.matMul(w, w, false, true)));
      assertSums(second.dataSync(), expected.dataSync(), 20, "second gradient");
    });
  });
});
