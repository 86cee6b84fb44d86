/**
 * Softmax, its logarithm, the cross-entropy made of them, and their gradients against loops in double precision.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { runFused } from "../../../../models/backend/ops/fused_kernels.ts";
import { assertLikeCpu, assertNear, drawn, gradientsOf } from "./cpu_reference.ts";
import { numbers, STRICT, withKernels } from "./reference.ts";

/** Applies `f` to every row of `[rows, classes]`. */
function byRow(classes: number, lists: Float32Array[], f: (...rows: number[][]) => number[]): number[] {
  const rows = lists[0].length / classes;
  return Array.from(
    { length: rows },
    (_, row) => f(...lists.map((list) => [...list.subarray(row * classes, (row + 1) * classes)])),
  ).flat();
}

const total = (row: number[]) => row.reduce((sum, each) => sum + each, 0);

function logSumExp(row: number[]): number {
  const greatest = Math.max(...row);
  return greatest + Math.log(total(row.map((each) => Math.exp(each - greatest))));
}

const logarithms = (row: number[]) => row.map((each) => each - logSumExp(row));
const shares = (row: number[]) => logarithms(row).map(Math.exp);

const cases = fc.sample(
  fc.record({
    rows: fc.integer({ min: 1, max: 20 }),
    classes: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 21, max: 600 })),
    seed: fc.nat({ max: 1000 }),
    scale: fc.constantFrom(1, 20, 90),
    labelSmoothing: fc.constantFrom(0, 0.1, 1),
  }),
  { seed: 5, numRuns: 60 },
);

Deno.test("softmax and its logarithm with their gradients, of random shapes", STRICT, async () => {
  await withKernels(() => {
    for (const { rows, classes, seed, scale } of cases) {
      const x = numbers(rows * classes, seed).map((each) => scale * each);
      const dy = numbers(rows * classes, seed + 1);
      tf.tidy(() => {
        const matrix = (values: ArrayLike<number>) => tf.tensor2d(Float32Array.from(values), [rows, classes]);
        const check = (actual: Tensor, expected: number[], what: string) => {
          assertEquals(actual.shape, [rows, classes]);
          assertNear(actual.dataSync(), expected, 2e-6, `${what} of [${rows}, ${classes}]`);
        };
        const softmax = byRow(classes, [x], shares);
        const logSoftmax = byRow(classes, [x], logarithms);
        check(runFused("PolyphaseSoftmax", { x: matrix(x) }, {})[0], softmax, "softmax");
        check(tf.softmax(matrix(x)), softmax, "tf.softmax");
        check(runFused("PolyphaseLogSoftmax", { x: matrix(x) }, {})[0], logSoftmax, "logarithm");
        check(
          runFused("PolyphaseSoftmaxGrad", { dy: matrix(dy), y: matrix(softmax) }, {})[0],
          byRow(classes, [dy, x], (dy, x) => {
            const y = shares(x);
            const along = total(dy.map((each, j) => each * y[j]));
            return dy.map((each, j) => y[j] * (each - along));
          }),
          "gradient of softmax",
        );
        check(
          runFused("PolyphaseLogSoftmaxGrad", { dy: matrix(dy), y: matrix(logSoftmax) }, {})[0],
          byRow(classes, [dy, x], (dy, x) => shares(x).map((y, j) => dy[j] - y * total(dy))),
          "gradient of the logarithm",
        );
      });
    }
  });
});

Deno.test("cross-entropy and its gradient, of random shapes and label smoothings", STRICT, async () => {
  await withKernels(() => {
    for (const { rows, classes, seed, scale, labelSmoothing } of cases) {
      const x = numbers(rows * classes, seed).map((each) => scale * each);
      // Not one-hot, nor do they sum to 1: the gradient must mind that.
      const labels = numbers(rows * classes, seed + 1).map(Math.abs);
      const smooth = (row: number[]) => row.map((t) => t * (1 - labelSmoothing) + labelSmoothing / classes);
      const losses = byRow(classes, [x, labels], (x, labels) => {
        const level = logSumExp(x);
        return [total(smooth(labels).map((t, j) => t * (level - x[j])))];
      });
      const slopes = byRow(classes, [x, labels], (x, labels) => {
        const t = smooth(labels);
        return shares(x).map((p, j) => 0.7 / rows * (p * total(t) - t[j]));
      });
      const what = `[${rows}, ${classes}], label smoothing ${labelSmoothing}`;
      tf.tidy(() => {
        const inputs = {
          logits: tf.tensor2d(x, [rows, classes]),
          labels: tf.tensor2d(labels, [rows, classes]),
        };
        const [loss, level] = runFused("PolyphaseSoftmaxCrossEntropy", inputs, { labelSmoothing });
        assertEquals([loss.shape, level.shape], [[], [rows]]);
        assertNear(loss.dataSync(), [total(losses) / rows], 2e-6, `loss of ${what}`);
        assertNear(
          level.dataSync(),
          byRow(classes, [x], (row) => [logSumExp(row)]),
          1e-6,
          `level of ${what}`,
        );
        const grad = { ...inputs, dy: tf.scalar(0.7), logSumExp: level };
        const [dlogits] = runFused("PolyphaseSoftmaxCrossEntropyGrad", grad, { labelSmoothing });
        // Levels of 90 are rounded to 4e-6, which probabilities multiply.
        assertNear(dlogits.dataSync(), slopes, 2e-5, `gradient of ${what}`);
      });
    }
  });
});

Deno.test("large, infinite and missing numbers, and nothing", STRICT, async () => {
  await withKernels(() =>
    tf.tidy(() => {
      const softmax = (...rows: number[][]) => [
        ...runFused("PolyphaseSoftmax", { x: tf.tensor2d(rows) }, {})[0].dataSync(),
      ];
      assertEquals(softmax([1e30, -1e30, -Infinity], [-1e30, -1e30, -Infinity]), [1, 0, 0, 0.5, 0.5, 0]);
      assertEquals(softmax([-Infinity, -Infinity]), [NaN, NaN]);
      for (const at of [0, 3, 4, 5]) {
        const row = Array(6).fill(1);
        row[at] = NaN;
        assertEquals(softmax(row, [0, 0, 0, 0, 0, -Infinity]).map(Number.isNaN), [
          ...Array(6).fill(true),
          ...Array(6).fill(false),
        ]);
        row[at] = Infinity;
        assertEquals(softmax(row).map(Number.isNaN)[at], true);
      }
      assertEquals(tf.softmax(tf.zeros([0, 3])).shape, [0, 3]);
      assertEquals(tf.softmax(tf.zeros([3, 0])).shape, [3, 0]);
      const certain = { logits: tf.tensor2d([[800, 0]]), labels: tf.tensor2d([[0, 1]]) };
      const [loss] = runFused("PolyphaseSoftmaxCrossEntropy", certain, { labelSmoothing: 0 });
      assertEquals([...loss.dataSync()], [800]);
    })
  );
});

Deno.test("tf.softmax, tf.logSoftmax and their gradients as on the cpu backend", STRICT, async () => {
  await assertLikeCpu(
    [[7], [4, 17], [2, 3, 9]].flatMap((shape) =>
      (["softmax", "logSoftmax"] as const).map((f) => ({
        name: `${f} [${shape}]`,
        compute: () => {
          const x = drawn(shape, 4, 3);
          return [tf[f](x), ...gradientsOf((x) => tf[f](x), [x])];
        },
      }))
    ),
    2e-6,
  );
});
