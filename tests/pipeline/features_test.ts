/**
 * Taking the code of images: what the model hands over, in the order of the images, with nothing left behind.
 *
 * @module
 */

import { assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { tf } from "../../models/backend/tf.ts";
import type { Model } from "../../models/model.ts";
import { adaptive } from "../../models/tokenizers/adaptive.ts";
import { patches1d } from "../../models/tokenizers/patches.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { codeOf } from "../../pipeline/features.ts";
import type { Predictor } from "../../pipeline/predict.ts";
import { keyOf } from "../../pipeline/random.ts";
import { brightestPixel, brightestPixelRecord, randomImages } from "./fixtures.ts";

/** Its code is twice the pixels, and minus the first one. */
const doubling: Model = {
  ...brightestPixel,
  name: "doubling",
  apply(params, tokens, options) {
    const flat = tf.reshape(tokens, [tokens.shape[0], -1]);
    options?.collect?.("other", flat);
    options?.collect?.("code", tf.concat([tf.mul(flat, 2), tf.neg(tf.slice(flat, [0, 0], [-1, 1]))], 1));
    return brightestPixel.apply(params, tokens, options);
  },
};

const images = randomImages(keyOf(1), { count: 2203, height: 2, width: 3, channels: 1 });
const record = brightestPixelRecord(images, new Array(2203).fill(0));
const predictor: Predictor = { ...record, model: doubling };

for (const backend of ["cpu", "wasm"] as const) {
  Deno.test(`codeOf: a row for each image in order, and no tensors left (${backend})`, async () => {
    await selectBackend(backend);
    const before = tf.memory().numTensors;
    const between: [done: number, total: number][] = [];
    const code = await codeOf(predictor, images, keyOf(0), {
      batchSize: 1000,
      between: (...at) => (between.push(at), Promise.resolve()),
    });
    assertEquals(tf.memory().numTensors, before);
    assertEquals(between, [[0, 2203], [1000, 2203], [2000, 2203], [2203, 2203]]);
    assertEquals(code.length, 2203 * 7);
    const expected = new Float32Array(code.length);
    for (let row = 0; row < 2203; row++) {
      for (let place = 0; place < 6; place++) {
        expected[row * 7 + place] = 2 * Math.fround(images.pixels[row * 6 + place] / 255);
      }
      expected[row * 7 + 6] = -Math.fround(images.pixels[row * 6] / 255);
    }
    assertEquals(code, expected);
  });
}

Deno.test("codeOf: a tokenizer that uses chance draws from the key", async () => {
  await selectBackend("cpu");
  const tokenizer = adaptive(patches1d({ size: 2 }), { order: "random" });
  const embedding = { weight: tf.ones([2, 1]), bias: tf.zeros([1]) };
  const model: Model = {
    ...doubling,
    embedding: () => embedding,
  };
  const chancy = { ...predictor, tokenizer, grid: tokenizer.grid(images), model };
  const first = await codeOf(chancy, images, keyOf(1));
  assertEquals(await codeOf(chancy, images, keyOf(1)), first);
  assertNotEquals(await codeOf(chancy, images, keyOf(2)), first);
  tf.dispose(embedding);
});

Deno.test("codeOf: a model without a code is refused in one line, and so are no images", async () => {
  await selectBackend("cpu");
  const before = tf.memory().numTensors;
  const none = await assertRejects(() => codeOf(record, images, keyOf(0)), PolyphaseError);
  assertMatch(
    none.message,
    /^Model "brightest-pixel" hands no code to collect, expected features \[batch, code\]: let /,
  );
  const flat: Model = {
    ...brightestPixel,
    apply(params, tokens, options) {
      options?.collect?.("code", tokens);
      return brightestPixel.apply(params, tokens, options);
    },
  };
  const wrong = await assertRejects(
    () => codeOf({ ...record, model: flat }, images, keyOf(0)),
    PolyphaseError,
  );
  assertMatch(wrong.message, /hands a code \[500,6,1\] to collect/);
  assertEquals(tf.memory().numTensors, before);
  const empty = { ...images, count: 0, pixels: new Uint8Array(0) };
  await assertRejects(() => codeOf(predictor, empty, keyOf(0)), PolyphaseError, "no images");
});
