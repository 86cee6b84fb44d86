/**
 * The convolution layer: initial values, bias and activation with their gradients, and filters without the taps that meet
 * no pixel.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { conv2d as conv2dOp } from "../../../models/backend/ops/conv2d.ts";
import { selectBackend } from "../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../models/backend/tf.ts";
import { conv2d, conv2dEntry, initConv2d, slideSize } from "../../../models/layers/conv2d.ts";
import { usedTaps } from "../../../models/layers/used_taps.ts";
import { disposeParams } from "../../../models/params.ts";
import { keyOf, normal } from "../../../pipeline/random.ts";
import { relativeError } from "../../golden.ts";
import { bitsOf } from "../../pipeline/fixtures.ts";

function drawn(seed: number, shape: number[]): Tensor {
  return tf.tensor(normal(keyOf(seed), shape.reduce((product, size) => product * size, 1)), shape);
}

Deno.test("conv2d: starts uniform within ±1/√(in · kernel²), like PyTorch's, by key", async () => {
  await selectBackend("cpu");
  const shape = { kernelSize: 5, inputs: 7, outputs: 40 };
  const [params, same, other] = [
    initConv2d(keyOf(1), shape),
    initConv2d(keyOf(1), shape),
    initConv2d(keyOf(2), shape),
  ];
  assertEquals([params.weight.shape, params.bias.shape], [[5, 5, 7, 40], [40]]);
  const bound = 1 / Math.sqrt(7 * 25);
  for (const values of [await params.weight.data<"float32">(), await params.bias.data<"float32">()]) {
    const greatest = Math.max(...values.map(Math.abs));
    assert(greatest <= Math.fround(bound) && greatest > 0.9 * bound, `${greatest} of ${bound}`);
  }
  const weights = await params.weight.data<"float32">();
  const variance = weights.reduce((sum, value) => sum + value ** 2, 0) / weights.length;
  assert(Math.abs(variance / (bound ** 2 / 3) - 1) < 0.05);
  assertEquals(await bitsOf(same), await bitsOf(params));
  assertNotEquals(await bitsOf(other), await bitsOf(params));
  assertEquals(conv2dEntry("here", "there", shape), {
    name: "here.weight",
    torch: "there.weight",
    shape: [40, 7, 5, 5],
    axes: [2, 3, 1, 0],
  });
  [params, same, other].forEach(disposeParams);
});

for (const backend of ["cpu", "wasm"] as const) {
  Deno.test(`conv2d: adds the bias and cuts off what is negative, forth and back (${backend})`, async () => {
    await selectBackend(backend);
    const before = tf.memory().numTensors;
    // A filter of one pixel that doubles the first channel and negates the second.
    const params = {
      weight: tf.tensor4d([2, 0, 0, -1], [1, 1, 2, 2]),
      bias: tf.tensor1d([1, -1]),
    };
    const x = tf.tensor4d([1, 2, -3, 4, 0, -5], [1, 1, 3, 2]);
    const [plain, active, bare] = [
      conv2d(params, x),
      conv2d(params, x, { activation: "relu" }),
      conv2d({ weight: params.weight }, x),
    ];
    assertEquals(tf.memory().numTensors - before, 6);
    assertEquals([...await plain.data()], [3, -3, -5, -5, 1, 4]);
    assertEquals([...await active.data()], [3, 0, 0, 0, 1, 4]);
    assertEquals([...await bare.data()].map((value) => value + 0), [2, -2, -6, -4, 0, 5]);
    const sums = tf.tensor4d([1, 10, 100, 1000, 10000, 100000], [1, 1, 3, 2]);
    const grads = tf.grads((x: Tensor, weight: Tensor, bias: Tensor) =>
      tf.sum(tf.mul(sums, conv2d({ weight, bias }, x, { activation: "relu" })))
    )([x, params.weight, params.bias]);
    assertEquals([...await grads[0].data()].map((value) => value + 0), [2, 0, 0, 0, 20000, -100000]);
    assertEquals([...await grads[1].data()], [1, 0, 2 + -5 * 10000, -5 * 100000]);
    assertEquals([...await grads[2].data()], [10001, 100000]);
    tf.dispose([plain, active, bare, x, sums, ...grads]);
    disposeParams(params);
    assertEquals(tf.memory().numTensors, before);
  });

  Deno.test(`usedTaps: the smaller filter makes the same of the image, with the same gradients (${backend})`, async () => {
    await selectBackend(backend);
    const cases = fc.record({
      height: fc.integer({ min: 1, max: 9 }),
      width: fc.integer({ min: 1, max: 9 }),
      half: fc.integer({ min: 0, max: 3 }),
      stride: fc.integer({ min: 1, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ height, width, half, stride }) => {
        const before = tf.memory().numTensors;
        const kernel = 2 * half + 1;
        const [x, filter] = [drawn(1, [2, height, width, 2]), drawn(2, [kernel, kernel, 2, 3])];
        const whole = (x: Tensor, filter: Tensor) => conv2dOp(x, filter, { strides: stride, padding: half });
        const part = (x: Tensor, filter: Tensor) => {
          const used = usedTaps([height, width], filter, stride, half);
          return conv2dOp(x, used.filter, { strides: stride, padding: used.padding });
        };
        const resultsOf = (op: typeof whole) =>
          tf.tidy(() => {
            const y = op(x, filter);
            const weights = drawn(3, y.shape);
            return [
              y,
              ...tf.grads((x: Tensor, filter: Tensor) => tf.sum(tf.mul(weights, op(x, filter))))([x, filter]),
            ];
          });
        const [expected, actual] = [resultsOf(whole), resultsOf(part)];
        assertEquals(expected[0].shape, [
          2,
          slideSize(height, kernel, stride, half),
          slideSize(width, kernel, stride, half),
          3,
        ]);
        for (const [index, tensor] of expected.entries()) {
          assertEquals(actual[index].shape, tensor.shape);
          assert(relativeError(await actual[index].data(), await tensor.data()) < 1e-5);
        }
        tf.dispose([x, filter, ...expected, ...actual]);
        assertEquals(tf.memory().numTensors, before);
      }),
      { numRuns: 60, seed: 1 },
    );
  });
}

Deno.test("usedTaps: leaves nothing that only meets padding, and what meets the image alone as it is", async () => {
  await selectBackend("cpu");
  tf.tidy(() => {
    const filter = drawn(1, [3, 3, 2, 2]);
    const shapeOf = (size: number, stride: number) => usedTaps([size, size], filter, stride, 1);
    assertEquals(shapeOf(1, 1).filter.shape, [1, 1, 2, 2]);
    assertEquals(shapeOf(1, 1).padding, [[0, 0], [0, 0]]);
    assertEquals(shapeOf(2, 2).filter.shape, [2, 2, 2, 2]);
    assertEquals(shapeOf(2, 1).filter, filter);
    assertEquals(shapeOf(4, 2).filter, filter);
    assertEquals(usedTaps([1, 5], filter, 1, 1).filter.shape, [1, 3, 2, 2]);
    assertEquals(usedTaps([1, 5], filter, 1, 1).padding, [[0, 0], [1, 1]]);
  });
});
