/**
 * Random features and linear attention: golden numbers, what they stand for, gradients, and leaks.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { attention } from "../../../../models/backend/ops/attention.ts";
import { favorFeatures, linearAttention } from "../../../../models/backend/ops/linear_attention.ts";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { orthogonalFeatures } from "../../../../models/layers/orthogonal_features.ts";
import { PolyphaseError } from "../../../../pipeline/errors.ts";
import { foldIn, keyOf, normal } from "../../../../pipeline/random.ts";
import { floats, type GoldenArray, relativeError } from "../../../golden.ts";
import golden from "../../../golden/favor_softmax.json" with { type: "json" };
import { assertClose, PLATFORMS, selectPlatform } from "./support.ts";

const tensorOf = (array: GoldenArray) => tf.tensor(floats(array), array.shape);

const draw = (name: string, shape: readonly number[], scale = 1) =>
  tf.tensor(normal(foldIn(keyOf(3), name), shape.reduce((a, b) => a * b)).map((value) => value * scale), [
    ...shape,
  ]);

async function numbers(make: () => Tensor): Promise<Float32Array> {
  const tensor = tf.tidy(make);
  const values = await tensor.data() as Float32Array;
  tensor.dispose();
  return values;
}

for (const platform of PLATFORMS) {
  for (const exact of [false, true]) {
    Deno.test(`favor: features and attention are the golden ones (${platform}, ${exact ? "exact" : "fast"})`, async () => {
      await selectPlatform(platform);
      const before = tf.memory().numTensors;
      const parts = () => {
        const [q, k, v, projection] = [golden.q, golden.k, golden.v, golden.projection].map(tensorOf);
        const options = { exact };
        return {
          q: favorFeatures(q, projection, "query", options),
          k: favorFeatures(k, projection, "key", options),
          v,
        };
      };
      assert(relativeError(await numbers(() => parts().q), floats(golden.phi_q)) < 2e-6);
      assert(relativeError(await numbers(() => parts().k), floats(golden.phi_k)) < 2e-6);
      const found = await numbers(() => {
        const { q, k, v } = parts();
        return linearAttention(q, k, v);
      });
      assert(relativeError(found, floats(golden.attention)) < 5e-6);
      assertEquals(tf.memory().numTensors, before);
    });
  }

  Deno.test(`favor: fast gradients are those of automatic differentiation (${platform})`, async () => {
    await selectPlatform(platform);
    const before = tf.memory().numTensors;
    for (const role of ["query", "key"] as const) {
      const grads = await Promise.all([false, true].map((exact) =>
        numbers(() => {
          const [x, projection, weights] = [
            draw("x", [2, 3, 5, 4]),
            draw("projection", [7, 4]),
            draw("weights", [2, 3, 5, 7]),
          ];
          return tf.grad((x) => tf.sum(tf.mul(favorFeatures(x, projection, role, { exact }), weights)))(x);
        })
      ));
      assertClose(grads[0], grads[1], 2e-6, role);
      assert(grads[0].some((value) => Math.abs(value) > 0.01));
    }
    assertEquals(tf.memory().numTensors, before);
  });
}

Deno.test("favor: gradients of attention by features are differences of its values", async () => {
  await selectPlatform("cpu");
  for (const kernel of ["softmax", "relu"] as const) {
    const shapes = [[1, 2, 4, 3], [1, 2, 4, 3], [1, 2, 4, 2]];
    const inputs = shapes.map((shape, index) => draw(`input ${index}`, shape));
    const [projection, weights] = [draw("projection", [6, 3]), draw("weights", [1, 2, 4, 2])];
    // The stabilizer of keys moves their values, by way of epsilon alone: without that there is none to differ by.
    const loss = (q: Tensor, k: Tensor, v: Tensor) =>
      tf.sum(tf.mul(
        weights,
        linearAttention(
          favorFeatures(q, projection, "query", { kernel, epsilon: 1e-12 }),
          favorFeatures(k, projection, "key", { kernel, epsilon: 1e-12 }),
          v,
        ),
      ));
    const grads = tf.grads(loss)(inputs);
    for (const [index, grad] of grads.entries()) {
      const step = draw(`step ${index}`, shapes[index]);
      const moved = (by: number) =>
        tf.tidy(() => {
          const [q, k, v] = inputs.map((each, at) => at === index ? tf.add(each, tf.mul(step, by)) : each);
          return loss(q, k, v).dataSync()[0];
        });
      const slope = (moved(1e-3) - moved(-1e-3)) / 2e-3;
      const along = tf.tidy(() => tf.sum(tf.mul(grad, step)).dataSync()[0]);
      assertClose([along], [slope], 5e-3, `${kernel}, input ${index}`);
    }
    tf.dispose([...inputs, projection, weights, ...grads]);
  }
});

Deno.test("favor: with more features attention comes nearer to that of softmax", async () => {
  await selectPlatform("wasm");
  const shape = [1, 4, 40, 8];
  const errors: number[] = [];
  for (const features of [8, 64, 512]) {
    const [found, exact] = await Promise.all([false, true].map((exact) =>
      numbers(() => {
        const [q, k, v] = [draw("q", shape, 0.3), draw("k", shape, 0.3), draw("v", shape)];
        if (exact) return attention(q, k, v);
        const projection = tf.tensor(orthogonalFeatures(keyOf(5), features, 8), [features, 8]);
        return linearAttention(
          favorFeatures(q, projection, "query", { epsilon: 1e-8 }),
          favorFeatures(k, projection, "key", { epsilon: 1e-8 }),
          v,
        );
      })
    ));
    const norm = (values: Float32Array) => Math.hypot(...values);
    errors.push(norm(found.map((value, at) => value - exact[at])) / norm(exact));
  }
  assert(errors[1] < errors[0] && errors[2] < errors[1] && errors[2] < 0.1, errors.join(", "));
});

Deno.test("favor: equal values come out as they are, and an image does not see the others of its batch", async () => {
  await selectPlatform("wasm");
  const projection = draw("projection", [11, 4]);
  const apply = (q: Tensor, k: Tensor, v: Tensor) =>
    linearAttention(favorFeatures(q, projection, "query"), favorFeatures(k, projection, "key"), v);
  const [q, k, v] = ["q", "k", "v"].map((name) => draw(name, [3, 2, 6, 4]));
  const ones = await numbers(() => apply(q, k, tf.onesLike(v)));
  assertClose(ones, new Float32Array(ones.length).fill(1), 1e-6, "means of ones");
  const [whole, one] = await Promise.all([
    numbers(() =>
      tf.slice(apply(q, tf.mul(k, tf.tensor([1, 3, 9], [3, 1, 1, 1])), v), [0, 0, 0, 0], [1, -1, -1, -1])
    ),
    numbers(() => apply(...[q, k, v].map((each) => tf.slice(each, 0, 1)) as [Tensor, Tensor, Tensor])),
  ]);
  assertClose(whole, one, 1e-6, "first image");
  tf.dispose([projection, q, k, v]);
});

Deno.test("favor: features of relu are those of the definition", async () => {
  await selectPlatform("cpu");
  const values = await numbers(() =>
    favorFeatures(
      tf.tensor([2, -4, 6, 0], [1, 1, 1, 4]),
      tf.tensor([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]),
      "key",
      {
        kernel: "relu",
      },
    )
  );
  assertClose(values, [2, 0, 6].map((value) => value / Math.SQRT2 + 1e-3), 1e-6, "features");
});

Deno.test("favor: shapes that do not fit are refused", async () => {
  await selectPlatform("cpu");
  const before = tf.memory().numTensors;
  tf.tidy(() => {
    const x = tf.zeros([1, 2, 3, 4]);
    assertThrows(
      () => favorFeatures(x, tf.zeros([7, 5]), "key"),
      PolyphaseError,
      "favorFeatures got x [1,2,3,4] and projection [7,5], expected",
    );
    assertThrows(() => linearAttention(x, x, tf.zeros([1, 2, 4, 4])), PolyphaseError, "v [1,2,4,4]");
  });
  assertEquals(tf.memory().numTensors, before);
});
