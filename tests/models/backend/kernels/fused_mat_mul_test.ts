/**
 * `tf.fused.matMul` on our kernels: bias and activations.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import { PolyphaseError } from "../../../../pipeline/errors.ts";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { assertSums, numbers, product, STRICT, withKernels } from "./reference.ts";

const SLOPE = 0.3;
type Activation = NonNullable<Parameters<typeof tf.fused.matMul>[0]["activation"]>;

const ACTIVATIONS: Readonly<Record<Activation, (x: number, column: number) => number>> = {
  linear: (x) => x,
  relu: (x) => Math.max(x, 0),
  relu6: (x) => Math.min(Math.max(x, 0), 6),
  leakyrelu: (x) => x < 0 ? SLOPE * x : x,
  elu: (x) => x < 0 ? Math.expm1(x) : x,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  prelu: (x, column) => x < 0 ? (column + 1) / 20 * x : x,
};

/** Sizes with tiles of every kind: thin products, edges, several blocks. */
const SIZES = [[1, 9, 4], [2, 3, 5], [7, 13, 6], [6, 8, 300], [13, 520, 5], [5, 1, 7], [3, 4, 0]];

Deno.test("every activation, with and without bias, in all transpositions", STRICT, async () => {
  await withKernels(() => {
    for (const [name, activation] of Object.entries(ACTIVATIONS)) {
      for (const [rows, columns, depth] of SIZES) {
        for (const mode of [0, 1, 2, 3]) {
          const [transposeA, transposeB] = [(mode & 1) === 1, (mode & 2) === 2];
          for (const bias of [undefined, numbers(columns, 3).map((x) => 5 * x)]) {
            const [a, b] = [numbers(rows * depth, 1), numbers(depth * columns, 2)];
            const actual = tf.tidy(() =>
              tf.fused.matMul({
                a: tf.tensor2d(a, transposeA ? [depth, rows] : [rows, depth]),
                b: tf.tensor2d(b, transposeB ? [columns, depth] : [depth, columns]),
                transposeA,
                transposeB,
                bias: bias && tf.tensor1d(bias),
                activation: name as Activation,
                leakyreluAlpha: SLOPE,
                preluActivationWeights: tf.tensor1d(Array.from({ length: columns }, (_, j) => (j + 1) / 20)),
              }).dataSync()
            );
            const expected = product(a, b, rows, columns, depth, transposeA, transposeB).map((sum, i) =>
              activation(sum + (bias?.[i % columns] ?? 0), i % columns)
            );
            // The vanilla exponential of TensorFlow.js is off by more than rounding.
            assertSums(
              actual,
              expected,
              name === "elu" || name === "sigmoid" ? 60 : 30,
              `${name} ${rows}×${columns}×${depth}`,
            );
          }
        }
      }
    }
  });
});

Deno.test("NaN passes through bias and activations", STRICT, async () => {
  await withKernels(() => {
    for (const activation of ["linear", "relu", "relu6", "leakyrelu"] as const) {
      for (const rows of [1, 7]) {
        const y = tf.tidy(() =>
          tf.fused.matMul({
            a: tf.ones([rows, 2]),
            b: tf.tensor2d([1, NaN, -1, 1, 1, -1], [2, 3]),
            bias: tf.tensor1d([0, 0, NaN]),
            activation,
            leakyreluAlpha: SLOPE,
          }).dataSync()
        );
        assertEquals([...y.slice(-3)], [2, NaN, NaN]);
      }
    }
  });
});

Deno.test("a bias of another shape is broadcast", STRICT, async () => {
  await withKernels(() => {
    const fused = (bias: Tensor, activation: Activation) => [
      ...tf.fused.matMul({
        a: tf.tensor2d([[1, -1], [0, 2]]),
        b: tf.tensor2d([[1, -5], [2, 1]]),
        bias,
        activation,
        leakyreluAlpha: 0.5,
      }).dataSync(),
    ];
    // a b = [[-1, -6], [4, 2]]
    tf.tidy(() => {
      assertEquals(fused(tf.scalar(1), "linear"), [0, -5, 5, 3]);
      assertEquals(fused(tf.tensor1d([1]), "relu"), [0, 0, 5, 3]);
      assertEquals(fused(tf.tensor2d([[1], [3]]), "relu6"), [0, 0, 6, 5]);
      assertEquals(fused(tf.tensor2d([[1, 4], [-5, -2]]), "leakyrelu"), [0, -1, -0.5, 0]);
    });
  });
});

Deno.test("gradients with respect to operands and bias", STRICT, async () => {
  await withKernels(() => {
    const plain = (a: Tensor, b: Tensor, bias: Tensor) => tf.relu(tf.add(tf.matMul(a, b), bias));
    const fused = (a: Tensor, b: Tensor, bias: Tensor) => tf.fused.matMul({ a, b, bias, activation: "relu" });
    const gradients = (layer: typeof plain) =>
      tf.tidy(() => {
        const inputs = [
          tf.tensor2d(numbers(35, 1), [5, 7]),
          tf.tensor2d(numbers(42, 2), [7, 6]),
          tf.tensor1d(numbers(6, 3)),
        ];
        const loss = (a: Tensor, b: Tensor, bias: Tensor) => tf.sum(tf.square(layer(a, b, bias))).asScalar();
        return tf.grads(loss as Parameters<typeof tf.grads>[0])(inputs).map((g) => g.dataSync());
      });
    const expected = gradients(plain);
    for (const [i, gradient] of gradients(fused).entries()) {
      assertSums(gradient, expected[i], 30, `gradient ${i}`);
    }
  });
});

Deno.test("an activation that does not exist is refused, as is prelu without weights", STRICT, async () => {
  await withKernels(() => {
    const refused = (activation: string, said: string) =>
      assertThrows(
        () =>
          tf.tidy(() =>
            tf.fused.matMul({ a: tf.ones([2, 2]), b: tf.ones([2, 2]), activation: activation as Activation })
          ),
        PolyphaseError,
        said,
      );
    refused("mish", 'Unknown activation "mish"');
    refused("prelu", "give preluActivationWeights");
  });
});
