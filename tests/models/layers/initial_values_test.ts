/**
 * Initial values: their distributions, by key, and those of layer normalization.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { selectBackend } from "../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../models/backend/tf.ts";
import { initNormal, initUniform, initXavier } from "../../../models/layers/initial_values.ts";
import { initLayerNorm, layerNorm } from "../../../models/layers/layer_norm.ts";
import { type Key, keyOf } from "../../../pipeline/random.ts";
import { relativeError } from "../../golden.ts";

async function numbers(tensor: Tensor): Promise<number[]> {
  const values = [...await tensor.data()];
  tensor.dispose();
  return values;
}

for (
  const [name, make, deviation, bound] of [
    ["normal", (key: Key) => initNormal(key, [40, 50], 0.3), 0.3, Infinity],
    ["uniform", (key: Key) => initUniform(key, [40, 50], 0.3), 0.3 / Math.sqrt(3), 0.3],
    ["Xavier-uniform", (key: Key) => initXavier(key, 40, 50), Math.sqrt(2 / 90), Math.sqrt(6 / 90)],
  ] as const
) {
  Deno.test(`initial values: ${name}, by key`, async () => {
    await selectBackend("cpu");
    const tensor = make(keyOf(1));
    assertEquals(tensor.shape, [40, 50]);
    const values = await numbers(tensor);
    const mean = values.reduce((a, b) => a + b) / values.length;
    const square = values.reduce((sum, each) => sum + each ** 2, 0) / values.length;
    assert(Math.abs(mean) < 0.08 * deviation);
    assertAlmostEquals(Math.sqrt(square) / deviation, 1, 0.05);
    const greatest = Math.max(...values.map(Math.abs));
    assert(greatest <= Math.fround(bound) && greatest > 1.7 * deviation);
    assertEquals(await numbers(make(keyOf(1))), values);
    assertNotEquals(await numbers(make(keyOf(2))), values);
  });
}

for (const backend of ["cpu", "wasm"] as const) {
  Deno.test(`layer norm: a fresh one gives mean 0 and variance 1, then come scale and offset (${backend})`, async () => {
    await selectBackend(backend);
    const fresh = initLayerNorm(4);
    const x = tf.tensor2d([[1, 2, 3, 6], [-1, -1, 1, 1]]);
    const [s, t] = [Math.sqrt(3.5), 1];
    const expected = [-2 / s, -1 / s, 0, 3 / s, -1 / t, -1 / t, 1 / t, 1 / t];
    assert(relativeError(await numbers(layerNorm(fresh, x, { epsilon: 0 })), expected) < 1e-6);
    const params = { weight: tf.tensor1d([1, 2, 3, 4]), bias: tf.tensor1d([5, 6, 7, 8]) };
    const moved = expected.map((each, index) => each * (index % 4 + 1) + index % 4 + 5);
    assert(relativeError(await numbers(layerNorm(params, x, { epsilon: 0 })), moved) < 1e-6);
    // An epsilon of 3 halves what has variance 1.
    const halved = await numbers(layerNorm(fresh, x, { epsilon: 3 }));
    assert(relativeError(halved.slice(4), [-0.5, -0.5, 0.5, 0.5]) < 1e-6);
    tf.dispose([fresh, params, x]);
  });
}
