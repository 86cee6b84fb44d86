/**
 * What each op means: known values, PyTorch's conventions, NaN and infinities, and what it refuses.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { attention } from "../../../../models/backend/ops/attention.ts";
import { avgPool } from "../../../../models/backend/ops/avg_pool.ts";
import { batchNorm } from "../../../../models/backend/ops/batch_norm.ts";
import { conv2d } from "../../../../models/backend/ops/conv2d.ts";
import { dropout, dropPath } from "../../../../models/backend/ops/dropout.ts";
import { layerNorm } from "../../../../models/backend/ops/layer_norm.ts";
import { linear } from "../../../../models/backend/ops/linear.ts";
import { logSoftmax } from "../../../../models/backend/ops/log_softmax.ts";
import { maxPool } from "../../../../models/backend/ops/max_pool.ts";
import { relu } from "../../../../models/backend/ops/relu.ts";
import { softmax } from "../../../../models/backend/ops/softmax.ts";
import { softmaxCrossEntropy } from "../../../../models/backend/ops/softmax_cross_entropy.ts";
import { windowOver } from "../../../../models/backend/ops/window.ts";
import { selectBackend } from "../../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { PolyphaseError } from "../../../../pipeline/errors.ts";
import { keyOf } from "../../../../pipeline/random.ts";
import { registerReferenceKernels, runs, unregisterReferenceKernels } from "./reference_kernels.ts";
import { assertClose, PLATFORMS, selectPlatform } from "./support.ts";

const FORMS = PLATFORMS.flatMap((platform) => [false, true].map((exact) => [platform, exact] as const));

/** Runs `check` in both forms on both backends, and counts tensors. */
function inEveryForm(name: string, check: (exact: boolean, label: string) => void): void {
  for (const [backend, exact] of FORMS) {
    const label = `${backend}, ${exact ? "exact" : "fast"}`;
    Deno.test(`${name} (${label})`, async () => {
      await selectPlatform(backend);
      const before = tf.memory().numTensors;
      tf.tidy(() => check(exact, label));
      assertEquals(tf.memory().numTensors, before);
    });
  }
}

function numbers(x: Tensor): number[] {
  return Array.from(x.dataSync());
}

inEveryForm("batchNorm: running statistics move as PyTorch's, to the unbiased variance", (exact, label) => {
  const x = tf.tensor4d([1, 10, 2, 20, 3, 30, 6, 40], [2, 2, 1, 2]);
  const [ones, zeros] = [tf.ones([2]), tf.zeros([2])];
  const result = batchNorm(x, ones, zeros, tf.tensor1d([1, 2]), tf.tensor1d([3, 4]), {
    training: true,
    exact,
  });
  // Means 3 and 25; squares about them sum to 14 and 500, over three degrees of freedom.
  assertClose(numbers(result.mean), [0.9 + 0.3, 1.8 + 2.5], 1e-6, label);
  assertClose(numbers(result.variance), [2.7 + 0.1 * 14 / 3, 3.6 + 0.1 * 500 / 3], 1e-6, label);
  const scales = [Math.sqrt(14 / 4 + 1e-5), Math.sqrt(125 + 1e-5)];
  const expected = numbers(x).map((value, index) => (value - [3, 25][index % 2]) / scales[index % 2]);
  assertClose(numbers(result.output), expected, 1e-5, label);
  const momentum = batchNorm(x, ones, zeros, zeros, ones, { training: true, exact, momentum: 0.5 });
  assertClose(numbers(momentum.mean), [1.5, 12.5], 1e-6, label);
});

inEveryForm("batchNorm: inference takes the running statistics and leaves them", (exact, label) => {
  const [mean, variance] = [tf.tensor1d([1, 2]), tf.tensor1d([4, 9])];
  const options = { training: false, exact, epsilon: 0 };
  const x = tf.tensor2d([[1, 2], [3, 5]]);
  const result = batchNorm(x, tf.tensor1d([2, 3]), tf.tensor1d([0, 1]), mean, variance, options);
  assertClose(numbers(result.output), [0, 1, 2, 4], 1e-6, label);
  assert(result.mean === mean && result.variance === variance);
});

Deno.test("batchNorm: a single value a channel cannot train", async () => {
  await selectBackend("cpu");
  const [x, one] = [tf.ones([1, 3]), tf.ones([3])];
  assertThrows(
    () => batchNorm(x, one, one, one, one, { training: true }),
    PolyphaseError,
    "use a larger batch",
  );
  tf.dispose([x, one]);
});

inEveryForm("batchNorm: running statistics can be kept from within a gradient", (exact) => {
  const parameters = [tf.ones([2]), tf.zeros([2])];
  let mean: Tensor | undefined;
  const grads = tf.grads((x: Tensor, gamma: Tensor) => {
    const result = batchNorm(x, gamma, parameters[1], parameters[1], parameters[0], {
      training: true,
      exact,
    });
    mean = tf.keep(result.mean);
    return tf.sum(tf.square(result.output));
  })([tf.tensor2d([[1, 2], [3, 5], [4, 4]]), parameters[0]]);
  assertEquals(grads.map(({ shape }) => shape), [[3, 2], [2]]);
  assertClose(numbers(mean!), [0.1 * 8 / 3, 0.1 * 11 / 3], 1e-6, "mean");
  mean!.dispose();
});

inEveryForm("softmaxCrossEntropy: PyTorch's values, with and without label smoothing", (exact, label) => {
  const logits = tf.tensor2d([[0, Math.log(3)], [1000, 0]]);
  const labels = tf.tensor2d([[0, 1], [1, 0]]);
  const loss = (labelSmoothing: number) =>
    numbers(softmaxCrossEntropy(logits, labels, { labelSmoothing, exact }))[0];
  assertAlmostEquals(loss(0), Math.log(4 / 3) / 2, 1e-6, label);
  // Smoothing by s moves s/2 of the weight to the other class.
  assertAlmostEquals(loss(0.2), (0.9 * Math.log(4 / 3) + 0.1 * Math.log(4) + 0.1 * 1000) / 2, 1e-4, label);
  const whole = tf.cast(labels, "int32");
  assertAlmostEquals(numbers(softmaxCrossEntropy(logits, whole, { exact }))[0], loss(0), 0, label);
});

inEveryForm("softmax, logSoftmax: large values, minus infinity and rows of several axes", (exact, label) => {
  const x = tf.tensor3d([1000, 1000, -Infinity, 0, Math.log(3), -Infinity], [2, 1, 3]);
  assertClose(numbers(softmax(x, { exact })), [0.5, 0.5, 0, 0.25, 0.75, 0], 1e-6, label);
  assertEquals(softmax(x, { exact }).shape, [2, 1, 3]);
  assertClose(
    numbers(logSoftmax(x, { exact })),
    [0.5, 0.5, 0, 0.25, 0.75, 0].map(Math.log),
    1e-6,
    label,
  );
});

inEveryForm("attention: a query that sees no key gives zeros and takes no gradient", (exact, label) => {
  const q = tf.tensor4d([1, 2, 3, 4], [1, 1, 2, 2]);
  const [k, v] = [tf.tensor4d([1, 0, 0, 1], [1, 1, 2, 2]), tf.tensor4d([5, 7], [1, 1, 2, 1])];
  const mask = tf.tensor2d([[false, false], [false, true]], [2, 2], "bool");
  assertClose(numbers(attention(q, k, v, { mask, exact })), [0, 7], 1e-6, label);
  const dv = tf.grad((each: Tensor) => tf.sum(attention(q, k, each, { mask, exact })))(v);
  assertClose(numbers(dv), [0, 1], 1e-6, label);
  const dq = tf.grad((each: Tensor) => tf.sum(attention(each, k, v, { mask, exact })))(q);
  assertClose(numbers(dq), [0, 0, 0, 0], 1e-6, label);
  // Scores 0 and ln 3 by bias alone, and the scale.
  const bias = tf.tensor1d([0, Math.log(3)]);
  const zeros = tf.zerosLike(q) as typeof q;
  assertClose(numbers(attention(zeros, k, v, { bias, exact })), [6.5, 6.5], 1e-6, label);
  const one = tf.tensor4d([Math.log(3), 0], [1, 1, 1, 2]);
  assertClose(numbers(attention(one, k, v, { scale: 1, exact })), [5.5], 1e-6, label);
});

inEveryForm("conv2d: same and valid padding, and PyTorch's lengths", (exact, label) => {
  const x = tf.tensor4d([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3, 1]);
  const sum = tf.ones([2, 2, 1, 1]);
  assertClose(numbers(conv2d(x, sum, { exact })), [12, 16, 24, 28], 1e-6, label);
  // An even kernel is padded at the bottom and right.
  const same = conv2d(x, sum, { padding: "same", exact });
  assertClose(numbers(same), [12, 16, 9, 24, 28, 15, 15, 17, 9], 1e-6, label);
  assertEquals(conv2d(x, sum, { padding: 1, strides: 2, exact }).shape, [1, 2, 2, 1]);
  assertClose(numbers(conv2d(x, sum, { padding: 1, strides: 2, exact })), [1, 5, 11, 28], 1e-6, label);
  const depthwise = conv2d(tf.concat([x, tf.mul(x, 10)], 3), tf.ones([1, 1, 1, 4]), { groups: 2, exact });
  assertClose(numbers(depthwise).slice(0, 4), [1, 1, 10, 10], 1e-6, label);
});

inEveryForm(
  "maxPool: padding is minus infinity, and the first of equal maxima takes the gradient",
  (exact, label) => {
    const x = tf.tensor4d([-1, -2, -3, -1, -1, -1, -5, -6, -7], [1, 3, 3, 1]);
    const pooled = maxPool(x, { size: 3, strides: 2, padding: 1, exact });
    assertClose(numbers(pooled), [-1, -1, -1, -1], 0, label);
    const grad = (size: number) =>
      numbers(tf.grad((each: Tensor) => tf.sum(maxPool(each, { size, strides: 1, exact })))(x));
    assertEquals(grad(3), [1, 0, 0, 0, 0, 0, 0, 0, 0], label);
    assertEquals(grad(2), [1, 0, 0, 1, 2, 0, 0, 0, 0], label);
    const broken = tf.tensor4d([1, NaN, 3, 4], [1, 2, 2, 1]);
    if (exact) assertEquals(numbers(maxPool(broken, { size: 2, exact })), [NaN], label);
  },
);

inEveryForm("avgPool: padding counts unless told, in value and gradient", (exact, label) => {
  const x = tf.tensor4d([1, 2, 3, 4], [1, 2, 2, 1]);
  const options = { size: 2, strides: 1, padding: 1, exact };
  const counted = [1, 3, 2, 4, 10, 6, 3, 7, 4].map((sum) => sum / 4);
  assertClose(numbers(avgPool(x, options)), counted, 1e-6, label);
  const left = [1, 1.5, 2, 2, 2.5, 3, 3, 3.5, 4];
  assertClose(numbers(avgPool(x, { ...options, countIncludePad: false })), left, 1e-6, label);
  const grad = tf.grad((each: Tensor) => tf.sum(avgPool(each, { ...options, countIncludePad: false })))(x);
  assertClose(numbers(grad), [2.25, 2.25, 2.25, 2.25], 1e-6, label);
});

inEveryForm("NaN spoils just what depends on it", (exact, label) => {
  const spoiled = (y: Tensor) => numbers(y).flatMap((value, index) => Number.isNaN(value) ? [index] : []);
  const x = tf.tensor2d([[1, NaN], [2, 3]]);
  const [weight, ones, zeros] = [tf.tensor2d([[1, 0, 2], [0, 0, 1]]), tf.ones([2]), tf.zeros([2])];
  // A weight of zero does not hide a NaN.
  assertEquals(spoiled(linear(x, weight, null, { exact })), [0, 1, 2], label);
  assertEquals(spoiled(softmax(x, { exact })), [0, 1], label);
  assertEquals(spoiled(logSoftmax(x, { exact })), [0, 1], label);
  assertEquals(spoiled(layerNorm(x, ones, zeros, { exact })), [0, 1], label);
  assertEquals(
    spoiled(batchNorm(x, ones, zeros, zeros, ones, { training: true, exact }).output),
    [1, 3],
    label,
  );
  assertEquals(spoiled(softmaxCrossEntropy(x, tf.tensor2d([[1, 0], [1, 0]]), { exact })), [0], label);
  const heads = tf.reshape(x, [1, 2, 1, 2]);
  assertEquals(spoiled(attention(heads, heads, tf.ones([1, 2, 1, 2]), { exact })), [0, 1], label);
  const image = tf.reshape(tf.tensor1d([1, 2, NaN, 4]), [1, 1, 4, 1]);
  assertEquals(spoiled(conv2d(image, tf.zeros([1, 2, 1, 1]), { exact })), [1, 2], label);
  assertEquals(spoiled(relu(x)), [1], label);
});

for (const backend of PLATFORMS) {
  Deno.test(`empty batches: empty values, and gradients of zero (${backend})`, async () => {
    await selectPlatform(backend);
    // What sums over nothing find in memory, if they look.
    tf.dispose(tf.fill([64], 3));
    tf.tidy(() => {
      const x = tf.zeros([0, 3]);
      const [weight, one] = [tf.ones([3, 2]), tf.ones([3])];
      const check = (f: (...each: Tensor[]) => Tensor, inputs: Tensor[]) => {
        const { value, grads } = tf.valueAndGrads((...each: Tensor[]) => tf.sum(f(...each)))(inputs);
        grads.forEach((grad, index) => {
          assertEquals(grad.shape, inputs[index].shape);
          assert(numbers(grad).every((slope) => slope === 0));
        });
        return value;
      };
      check((a, b, c) => linear(a, b, c, { activation: "gelu" }), [x, weight, tf.ones([2])]);
      check((a, b, c) => layerNorm(a, b, c), [x, one, one]);
      check((a, b, c) => batchNorm(a, b, c, one, one, { training: false }).output, [x, one, one]);
      const labels = tf.zeros([0, 3]);
      assertEquals(numbers(check((a) => softmaxCrossEntropy(a, labels), [x])), [NaN]);
      assertEquals(softmax(x).shape, [0, 3]);
    });
  });
}

Deno.test("dropout: by key, at its rate, keeping the mean; dropPath drops whole samples", async () => {
  await selectBackend("cpu");
  tf.tidy(() => {
    const x = tf.ones([100, 50]);
    const y = numbers(dropout(x, 0.2, keyOf(3)));
    assertEquals(y, numbers(dropout(x, 0.2, keyOf(3))));
    assert(String(y) !== String(numbers(dropout(x, 0.2, keyOf(4)))));
    assertEquals([...new Set(y)].sort(), [0, 1.25]);
    assertAlmostEquals(y.filter((value) => value === 0).length / y.length, 0.2, 0.02);
    const rows = tf.unstack(dropPath(x, 0.5, keyOf(3))).map((row) => [...new Set(numbers(row))]);
    assert(rows.every((values) => values.length === 1 && (values[0] === 0 || values[0] === 2)));
    assertAlmostEquals(rows.filter(([value]) => value === 0).length / 100, 0.5, 0.15);
    assertEquals(numbers(dropout(x, 0, keyOf(3))), numbers(x));
    assert(numbers(dropout(tf.fill([9], Infinity), 1, keyOf(3))).every((value) => value === 0));
    const slope = tf.grad((each: Tensor) => tf.sum(dropout(each, 0.2, keyOf(3))))(x);
    assertEquals(numbers(slope), y);
    for (const rate of [-0.1, 1.1, NaN]) {
      assertThrows(() => dropout(x, rate, keyOf(3)), PolyphaseError, "0 to 1");
      assertThrows(() => dropPath(x, rate, keyOf(3)), PolyphaseError, "0 to 1");
    }
  });
});

Deno.test("dropout: a kernel for the mask gives the same", async () => {
  await selectBackend("cpu");
  tf.tidy(() => {
    const x = tf.ones([7, 3]);
    const plain = [dropout(x, 0.3, keyOf(5)), dropPath(x, 0.3, keyOf(5))].map(numbers);
    registerReferenceKernels();
    try {
      assertEquals([dropout(x, 0.3, keyOf(5)), dropPath(x, 0.3, keyOf(5))].map(numbers), plain);
      assertEquals(runs.get("PolyphaseDropoutMask"), 2);
    } finally {
      unregisterReferenceKernels();
    }
  });
});

Deno.test("layers: linear without bias and with an activation", async () => {
  await selectBackend("cpu");
  tf.tidy(() => {
    const [x, weight] = [tf.tensor3d([1, -1, 2, 3], [2, 1, 2]), tf.tensor2d([[1], [2]])];
    assertEquals(numbers(linear(x, weight, null)), [-1, 8]);
    assertEquals(linear(x, weight, null).shape, [2, 1, 1]);
    assertEquals(numbers(linear(x, weight, tf.tensor1d([-1]), { activation: "relu" })), [0, 7]);
    assertEquals(numbers(linear(tf.tensor1d([1, 1]), weight, null)), [3]);
  });
});

Deno.test("ops: refuse what does not fit, in one line that says the mend", async () => {
  await selectBackend("cpu");
  tf.tidy(() => {
    const [x, three, image] = [tf.ones([2, 3]), tf.ones([3]), tf.ones([1, 4, 4, 2])];
    const head = tf.ones([1, 2, 3, 4]);
    const faults: [() => unknown, string][] = [
      [() => linear(x, tf.ones([2, 2]), null), "linear got x [2,3] and weight [2,2]"],
      [() => linear(x, tf.ones([3, 2]), three), "linear got bias [3], expected [2]"],
      [() => layerNorm(x, tf.ones([2]), three), "layerNorm got gamma [2], expected [3]"],
      [() => batchNorm(x, three, three, tf.ones([1]), three, { training: false }), "batchNorm got mean [1]"],
      [() => softmax(tf.scalar(1)), "softmax got a scalar"],
      [() => softmaxCrossEntropy(x, three), "give labels as one-hot"],
      [() => softmaxCrossEntropy(x, x, { labelSmoothing: 2 }), "labelSmoothing 2, expected 0 to 1"],
      [() => attention(head, tf.ones([1, 2, 3, 5]), head), "attention got q [1,2,3,4]"],
      [() => attention(head, head, head, { bias: tf.ones([2, 3]) }), "attention got a bias [2,3]"],
      [() => attention(head, head, head, { mask: tf.ones([3, 3]) }), "expected bool"],
      [
        () => conv2d(image, tf.ones([3, 3, 1, 2])),
        "conv2d got x [1,4,4,2] and filter [3,3,1,2] with 1 groups",
      ],
      [
        () => conv2d(image, tf.ones([5, 5, 2, 2])),
        "conv2d got 4 pixels with padding 0 + 0, expected 5 or more",
      ],
      [() => conv2d(image, tf.ones([1, 1, 2, 2]), { strides: 0 }), "conv2d got stride 0"],
      [() => conv2d(image, tf.ones([1, 1, 2, 2]), { padding: -1 }), "conv2d got padding -1"],
      [() => maxPool(x, { size: 2 }), "maxPool got x [2,3]"],
      [() => maxPool(image, { size: 2, padding: 2 }), "pad at most half a window"],
      [() => avgPool(image, { size: 1, padding: 1 }), "pad at most half a window"],
    ];
    for (const [act, said] of faults) {
      const { message } = assertThrows(act, PolyphaseError, said);
      assert(!message.includes("\n"));
    }
  });
});

Deno.test("windowOver: lengths are those of PyTorch and TensorFlow", () => {
  const lengths = (options: Partial<Parameters<typeof windowOver>[2]>) => {
    const { rows, columns } = windowOver("op", [1, 28, 27, 1], {
      kernel: 3,
      strides: 1,
      padding: 0,
      ...options,
    });
    return [rows.output, columns.output, rows.before, rows.after, columns.before, columns.after];
  };
  assertEquals(lengths({}), [26, 25, 0, 0, 0, 0]);
  assertEquals(lengths({ kernel: 7, strides: 2, padding: 3 }), [14, 14, 3, 3, 3, 3]);
  assertEquals(lengths({ padding: "same", strides: 2 }), [14, 14, 0, 1, 1, 1]);
  assertEquals(lengths({ padding: "same", dilations: 2 }), [28, 27, 2, 2, 2, 2]);
  assertEquals(lengths({ padding: [1, 0] }), [28, 25, 1, 1, 0, 0]);
  assertEquals(lengths({ padding: [[1, 2], [0, 1]], kernel: [1, 2] }), [31, 27, 1, 2, 0, 1]);
});
