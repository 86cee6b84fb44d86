/**
 * Layers: initial values, and values against closed forms.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { selectBackend } from "../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../models/backend/tf.ts";
import { gelu } from "../../../models/backend/ops/gelu.ts";
import { initLinear, linear } from "../../../models/layers/linear.ts";
import { keyOf } from "../../../pipeline/random.ts";
import { bitsOf } from "../../pipeline/fixtures.ts";

Deno.test("linear: starts uniform within ±1/√in, like PyTorch's, by key", async () => {
  await selectBackend("cpu");
  for (const [inputs, outputs] of [[4, 300], [196, 20], [1, 50]]) {
    const params = initLinear(keyOf(1), inputs, outputs);
    assertEquals([params.weight.shape, params.bias.shape], [[inputs, outputs], [outputs]]);
    const bound = 1 / Math.sqrt(inputs);
    for (const values of [await params.weight.data(), await params.bias.data()]) {
      const greatest = Math.max(...Array.from(values, Math.abs));
      assert(greatest <= Math.fround(bound) && greatest > 0.8 * bound, `${greatest} of ${bound}`);
    }
    const weights = await params.weight.data();
    const variance = Array.from(weights).reduce((sum, value) => sum + value ** 2, 0) / weights.length;
    if (weights.length > 1000) assertAlmostEquals(variance / (bound ** 2 / 3), 1, 0.1);
    const [same, other] = [initLinear(keyOf(1), inputs, outputs), initLinear(keyOf(2), inputs, outputs)];
    assertEquals(await bitsOf(same), await bitsOf(params));
    assertNotEquals(await bitsOf(other), await bitsOf(params));
    tf.dispose([params, same, other]);
  }
});

for (const backend of ["cpu", "wasm"] as const) {
  Deno.test(`linear: x · weight + bias (${backend})`, async () => {
    await selectBackend(backend);
    const params = { weight: tf.tensor2d([[1, 2, 3], [4, 5, 6]]), bias: tf.tensor1d([10, 20, 30]) };
    const x = tf.tensor2d([[1, 0], [0, 1], [2, -1]]);
    const y = linear(params, x);
    assertEquals(y.shape, [3, 3]);
    assertEquals([...await y.data()], [11, 22, 33, 14, 25, 36, 8, 19, 30]);
    tf.dispose([params, x, y]);
  });

  Deno.test(`gelu: x times the normal distribution function, with its derivative (${backend})`, async () => {
    await selectBackend(backend);
    // x, x Φ(x) and Φ(x) + x φ(x).
    const known: [x: number, y: number, slope: number][] = [
      [0, 0, 0.5],
      [1, 0.8413447460685429, 1.0833154705876863],
      [-1, -0.15865525393145707, -0.0833154705876863],
      [2, 1.9544997361036416, 1.085231801078197],
      [-3, -0.004049694095009, -0.01194564720418392],
      [10, 10, 1],
      [-10, 0, 0],
    ];
    const x = tf.tensor1d(known.map(([each]) => each));
    const y = gelu(x);
    const slope = tf.grad((each: Tensor) => tf.sum(gelu(each)))(x);
    const [values, slopes] = [await y.data(), await slope.data()];
    known.forEach(([, value, derivative], index) => {
      assertAlmostEquals(values[index], value, 2e-6);
      assertAlmostEquals(slopes[index], derivative, 2e-6);
    });
    tf.dispose([x, y, slope]);
  });
}
