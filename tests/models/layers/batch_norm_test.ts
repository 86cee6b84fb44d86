/**
 * The batch norm layer: by hand, in training and out of it, with what follows it; and its running statistics.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { selectBackend } from "../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../models/backend/tf.ts";
import {
  batchNorm,
  batchNormEntries,
  type BatchNormLayerOptions,
  initBatchNorm,
  isBatchNormBuffer,
} from "../../../models/layers/batch_norm.ts";
import { countParams, disposeParams, flatten } from "../../../models/params.ts";
import { keyOf, normal } from "../../../pipeline/random.ts";
import { relativeError } from "../../golden.ts";

Deno.test("batchNorm: starts as PyTorch's, and two of its four vectors are buffers", async () => {
  await selectBackend("cpu");
  const params = initBatchNorm(3);
  const values = await Promise.all(
    flatten(params).map(async ([name, tensor]) => [name, [...await tensor.data()]]),
  );
  assertEquals(Object.fromEntries(values), {
    weight: [1, 1, 1],
    bias: [0, 0, 0],
    runningMean: [0, 0, 0],
    runningVar: [1, 1, 1],
  });
  assertEquals(countParams(params, { isBuffer: isBatchNormBuffer }), 6);
  assertEquals(["bn1.runningMean", "layer1.0.bn1.runningVar"].every(isBatchNormBuffer), true);
  assertEquals(["bn1.weight", "runningMean.bias", "drunningVar"].some(isBatchNormBuffer), false);
  assertEquals(batchNormEntries("here", "there", 3), [
    { name: "here.weight", torch: "there.weight", shape: [3] },
    { name: "here.bias", torch: "there.bias", shape: [3] },
    { name: "here.runningMean", torch: "there.running_mean", shape: [3] },
    { name: "here.runningVar", torch: "there.running_var", shape: [3] },
  ]);
  disposeParams(params);
});

for (const backend of ["cpu", "wasm"] as const) {
  Deno.test(`batchNorm: training uses the batch's statistics and moves the running ones by a tenth (${backend})`, async () => {
    await selectBackend(backend);
    const before = tf.memory().numTensors;
    const params = {
      weight: tf.tensor1d([2, 1]),
      bias: tf.tensor1d([1, 0]),
      runningMean: tf.tensor1d([10, 1]),
      runningVar: tf.tensor1d([4, 9]),
    };
    // Means 3 and 0; biased variances 5 and 1; unbiased ones 20/3 and 4/3.
    const x = tf.tensor4d([0, 1, 2, -1, 4, 1, 6, -1], [2, 1, 2, 2]);
    const moved = new Map<string, number[]>();
    const update = (name: string, value: Tensor) => void moved.set(name, [...value.dataSync()]);
    const resultOf = async (options: BatchNormLayerOptions) => {
      const y = tf.tidy(() => batchNorm(params, x, options));
      const values = [...await y.data()];
      y.dispose();
      return values;
    };
    const first = (value: number) => (value - 3) / Math.sqrt(5 + 1e-5) * 2 + 1;
    const second = (value: number) => value / Math.sqrt(1 + 1e-5);
    const expected = [first(0), second(1), first(2), second(-1), first(4), second(1), first(6), second(-1)];
    const trained = await resultOf({ training: true, update });
    trained.forEach((value, index) => assertAlmostEquals(value, expected[index], 1e-5));
    const [means, variances] = [moved.get("runningMean")!, moved.get("runningVar")!];
    [9.3, 0.9].forEach((value, index) => assertAlmostEquals(means[index], value, 1e-5));
    [3.6 + 2 / 3, 8.1 + 4 / 30].forEach((value, index) => assertAlmostEquals(variances[index], value, 1e-5));
    moved.clear();
    const still = await resultOf({ update });
    assertEquals(moved.size, 0);
    const [scale, other] = [2 / Math.sqrt(4 + 1e-5), 1 / Math.sqrt(9 + 1e-5)];
    [0, 1, 2, -1, 4, 1, 6, -1].forEach((value, index) =>
      assertAlmostEquals(still[index], index % 2 === 0 ? (value - 10) * scale + 1 : (value - 1) * other, 1e-5)
    );
    // The very tensors that were given stay as they are.
    assertEquals([...await params.runningMean.data()], [10, 1]);
    x.dispose();
    disposeParams(params);
    assertEquals(tf.memory().numTensors, before);
  });

  Deno.test(`batchNorm: adds the residual before the activation, and gives it its gradient (${backend})`, async () => {
    await selectBackend(backend);
    const before = tf.memory().numTensors;
    const shape: [number, number, number, number] = [3, 2, 2, 5];
    const [x, residual, sums] = [1, 2, 3].map((seed) => tf.tensor4d(normal(keyOf(seed), 60), shape));
    const params = initBatchNorm(5);
    const gradsOf = (op: (x: Tensor, residual: Tensor) => Tensor) =>
      tf.grads((x: Tensor, residual: Tensor) => tf.sum(tf.mul(sums, op(x, residual))))([x, residual]);
    const options = { training: true, activation: "relu" } as const;
    const apart = (x: Tensor, residual: Tensor) =>
      tf.maximum(tf.add(batchNorm(params, x, { training: true }), residual), 0);
    const together = (x: Tensor, residual: Tensor) => batchNorm(params, x, { ...options, residual });
    const [expected, actual] = tf.tidy(() => [
      [apart(x, residual), ...gradsOf(apart)],
      [together(x, residual), ...gradsOf(together)],
    ]);
    for (const [index, tensor] of expected.entries()) {
      assert(relativeError(await actual[index].data(), await tensor.data()) < 1e-6);
    }
    const alone = tf.tidy(() => batchNorm(params, x, options));
    const values = await alone.data<"float32">();
    assert(Math.min(...values) === 0 && Math.max(...values) > 1);
    tf.dispose([x, residual, sums, alone, ...expected, ...actual]);
    disposeParams(params);
    assertEquals(tf.memory().numTensors, before);
  });
}
