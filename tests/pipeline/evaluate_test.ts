/**
 * Evaluating: predictions, confusion, accuracy and loss of a model that can be worked out by hand.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { tf } from "../../models/backend/tf.ts";
import { l2 } from "../../models/losses.ts";
import type { Model } from "../../models/model.ts";
import { adaptive } from "../../models/tokenizers/adaptive.ts";
import { patches1d } from "../../models/tokenizers/patches.ts";
import { evaluate, oneHot } from "../../pipeline/evaluate.ts";
import { run } from "../../pipeline/pipe.ts";
import { argmaxRows, predict } from "../../pipeline/predict.ts";
import { keyOf } from "../../pipeline/random.ts";
import { brightestPixel, brightestPixelRecord, dots, randomImages } from "./fixtures.ts";

for (const backend of ["cpu", "wasm"] as const) {
  Deno.test({
    name: `evaluate: confusion, accuracy and loss by hand (${backend})`,
    sanitizeOps: true,
    sanitizeResources: true,
    async fn() {
      // Places 0 to 3 are the classes; the grey image has no brightest pixel and counts as the first class.
      const record = brightestPixelRecord(dots([0, 1, 1, 3, 2, -1], 2, 2), [0, 1, 2, 3, 3, 1]);
      const { evaluation, kind, dataset } = await run(evaluate(), { backend }, record);
      assertEquals([kind, dataset], ["trained", "by-hand"]);
      assertEquals([...evaluation.predictions], [0, 1, 1, 3, 2, 0]);
      assertEquals(evaluation.confusion, [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1]]);
      assertEquals(evaluation.accuracy, 3 / 6);
      const bright = 200 / 255;
      const sum = Math.log(Math.exp(bright) + 3);
      const expected = (3 * (sum - bright) + 2 * sum + Math.log(4)) / 6;
      assertAlmostEquals(evaluation.loss, expected, 1e-6);
      const squares = await run(evaluate({ loss: l2() }), { backend }, record);
      const grey = 90 / 255;
      assertAlmostEquals(
        squares.evaluation.loss,
        (3 * (bright - 1) ** 2 + 2 * (bright ** 2 + 1) + 3 * grey ** 2 + (grey - 1) ** 2) / 24,
        1e-6,
      );
    },
  });
}

Deno.test("evaluate: the configuration holds the loss", () => {
  assertEquals(evaluate().config, { loss: { name: "cross-entropy" } });
  assertEquals(evaluate({ loss: l2() }).config, { loss: { name: "l2" } });
});

Deno.test("evaluate: leaves no tensors", async () => {
  const record = brightestPixelRecord(dots([0, 1], 2, 2), [0, 1]);
  await run(evaluate(), { backend: "wasm" }, record);
  const before = tf.memory().numTensors;
  await run(evaluate(), { backend: "wasm" }, record);
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("predict: the batches it works in do not show, also where the last is smaller", async () => {
  const images = randomImages(keyOf(1), { count: 1203, height: 2, width: 3, channels: 1 });
  const record = brightestPixelRecord(images, new Array(1203).fill(0));
  const sizes: number[] = [];
  const model: Model = {
    ...brightestPixel,
    apply: (params, tokens, options) => {
      sizes.push(tokens.shape[0]!);
      return brightestPixel.apply(params, tokens, options);
    },
  };
  const logits = await predict({ ...record, model }, images, keyOf(0));
  assertEquals(logits, Float32Array.from(images.pixels, (byte) => byte / 255));
  assertEquals(sizes.reduce((sum, size) => sum + size), 1203);
  assert(sizes.length > 1);
});

Deno.test("predict: a tokenizer that uses chance draws from the key, and anew for each batch", async () => {
  const images = dots(new Array(600).fill(0), 2, 4);
  const tokenizer = adaptive(patches1d({ size: 2 }), { order: "random" });
  const model: Model = {
    ...brightestPixel,
    embedding: () => ({ weight: tf.tensor2d([[1], [0.5]]), bias: tf.tensor1d([0]) }),
  };
  const predictor = {
    ...brightestPixelRecord(images, new Array(600).fill(0)),
    tokenizer,
    model,
    grid: tokenizer.grid(images),
  };
  const classes = async (seed: number) => argmaxRows(await predict(predictor, images, keyOf(seed)), 8);
  const first = await classes(1);
  assertEquals(await classes(1), first);
  const share = (left: Uint8Array, right: Uint8Array) =>
    left.filter((label, row) => label === right[row]).length / left.length;
  assert(share(await classes(2), first) < 0.5);
  // The second batch of images, all alike, does not repeat the draws of the first.
  assert(share(first.subarray(0, 100), first.subarray(500)) < 0.6);
});

Deno.test("oneHot and argmaxRows; of equal logits the first is taken", () => {
  assertEquals([...oneHot(Uint8Array.from([2, 0]), 3)], [0, 0, 1, 1, 0, 0]);
  assertEquals([...argmaxRows(new Float32Array([0, 2, 1, 5, 5, 5, -3, -2, -1]), 3)], [1, 0, 2]);
});
