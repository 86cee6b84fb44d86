/**
 * Chance in the vision transformer: how it starts, and what it drops.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import type { Model, Params } from "../../models/model.ts";
import { disposeParams, flatten } from "../../models/params.ts";
import { patches2d } from "../../models/tokenizers/patches.ts";
import { vit } from "../../models/vit.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { keyOf } from "../../pipeline/random.ts";
import { relativeError } from "../golden.ts";
import { bitsOf } from "../pipeline/fixtures.ts";
import { drawn } from "./vit_drawn.ts";
import { goldenTokens, SHAPE } from "./vit_golden.ts";

Deno.test("vit: starts as torchvision's does, by key", async () => {
  await selectBackend("wasm");
  const model = vit({ layers: 2, heads: 4, embed: 64, mlp: 96, code: 32 })
    .build({ grid: patches2d({ size: 7 }).grid({ height: 28, width: 28, channels: 3 }), classes: 10 });
  const params = model.init(keyOf(1));
  const values = new Map(
    await Promise.all(flatten(params).map(async ([name, leaf]) => [name, [...await leaf.data()]] as const)),
  );
  const mean = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length;
  const square = (name: string) => mean(values.get(name)!.map((each) => each ** 2));
  const greatest = (name: string) => Math.max(...values.get(name)!.map(Math.abs));
  const isAll = (name: string, value: number) =>
    assert(values.get(name)!.every((each) => each === value), `${name} is ${value}`);
  const isNormal = (name: string, deviation: number, tolerance: number) => {
    assertAlmostEquals(Math.sqrt(square(name)) / deviation, 1, tolerance, name);
    assert(Math.abs(mean(values.get(name)!)) < tolerance * deviation, name);
    const inside = values.get(name)!.filter((each) => Math.abs(each) < deviation).length;
    assertAlmostEquals(inside / values.get(name)!.length, 0.6827, tolerance, name);
    // Not cut at two deviations.
    assert(greatest(name) > 2 * deviation, name);
  };
  const isUniform = (name: string, bound: number, tolerance = 0.07) => {
    assert(greatest(name) <= Math.fround(bound) && greatest(name) > 0.98 * bound, name);
    assertAlmostEquals(square(name) / (bound ** 2 / 3), 1, tolerance, name);
  };
  isAll("classToken", 0);
  isNormal("patchEmbedding.weight", Math.sqrt(1 / 147), 0.05);
  isAll("patchEmbedding.bias", 0);
  isNormal("positions", 0.02, 0.1);
  for (const block of ["blocks.0", "blocks.1"]) {
    for (const norm of ["norm1", "norm2"]) {
      isAll(`${block}.${norm}.weight`, 1);
      isAll(`${block}.${norm}.bias`, 0);
    }
    isUniform(`${block}.attention.qkv.weight`, Math.sqrt(6 / (4 * 64)));
    isUniform(`${block}.attention.proj.weight`, 1 / 8);
    isAll(`${block}.attention.qkv.bias`, 0);
    isAll(`${block}.attention.proj.bias`, 0);
    for (const name of ["fc1", "fc2"]) {
      isUniform(`${block}.mlp.${name}.weight`, Math.sqrt(6 / (64 + 96)));
      isNormal(`${block}.mlp.${name}.bias`, 1e-6, 0.35);
    }
  }
  isAll("norm.weight", 1);
  isAll("norm.bias", 0);
  isAll("head.weight", 0);
  isAll("head.bias", 0);
  isUniform("linear.weight", 1 / Math.sqrt(32), 0.2);
  assert(greatest("linear.bias") <= Math.fround(1 / Math.sqrt(32)) && greatest("linear.bias") > 0);
  const weights = [...values].filter(([name]) => /(?:qkv|proj|fc.|Embedding)\.weight|positions/.test(name));
  assertEquals(new Set(weights.map(([, [first]]) => first)).size, weights.length);
  const [same, other] = [model.init(keyOf(1)), model.init(keyOf(2))];
  assertEquals(await bitsOf(same), await bitsOf(params));
  assertNotEquals(await bitsOf(other), await bitsOf(params));
  [params, same, other].forEach(disposeParams);
});

Deno.test("vit: a fresh head gives the same logits for every image", async () => {
  await selectBackend("cpu");
  for (const code of [undefined, 5]) {
    const model = vit({ layers: 1, heads: 2, embed: 8, mlp: 8, code }).build(SHAPE);
    const params = model.init(keyOf(3));
    const logits = tf.tidy(() => model.apply(params, goldenTokens()));
    const bias = code === undefined
      ? new Float32Array(5)
      : await (params.linear as Params & { bias: Tensor }).bias.data();
    assertEquals([...await logits.data()], [...bias, ...bias]);
    logits.dispose();
    disposeParams(params);
  }
});

for (const backend of ["cpu", "wasm"] as const) {
  Deno.test(`vit: drops by key, in training alone (${backend})`, async () => {
    await selectBackend(backend);
    for (const rates of [{ dropout: 0.3 }, { attentionDropout: 0.4 }]) {
      const { model, params, tokens } = drawn({ ...rates, code: 5 });
      const before = tf.memory().numTensors;
      const logits = async (options: Parameters<Model["apply"]>[2]) => {
        const made = tf.tidy(() => model.apply(params, tokens, options));
        const values = [...await made.data()];
        made.dispose();
        return values;
      };
      const [training, collect] = [true, () => {}];
      const first = await logits({ training, key: keyOf(1) });
      assertEquals(await logits({ training, key: keyOf(1) }), first);
      assertEquals(await logits({ training, key: keyOf(1), collect }), first);
      assertNotEquals(await logits({ training, key: keyOf(2) }), first);
      const whole = await logits({});
      assertNotEquals(whole, first);
      assertEquals(await logits({ key: keyOf(1) }), whole);
      assertThrows(
        () => tf.tidy(() => model.apply(params, tokens, { training })),
        PolyphaseError,
        "no key to drop by",
      );
      assertEquals(tf.memory().numTensors, before);
      disposeParams(params);
      tokens.dispose();
    }
    const { model, params, tokens } = drawn({});
    const [trained, plain] = tf.tidy(() => [
      model.apply(params, tokens, { training: true }),
      model.apply(params, tokens),
    ]);
    assertEquals([...await trained.data()], [...await plain.data()]);
    tf.dispose([trained, plain, tokens]);
    disposeParams(params);
  });
}

Deno.test("vit: with everything dropped the head sees nothing but the last offset", async () => {
  await selectBackend("cpu");
  const { model, params, tokens } = drawn({ dropout: 1 });
  const [logits, expected] = tf.tidy(() => {
    const [norm, head] = [params.norm, params.head] as Record<string, Tensor>[];
    const made = tf.add(tf.matMul(tf.reshape(norm.bias, [1, 8]), head.weight), head.bias);
    return [model.apply(params, tokens, { training: true, key: keyOf(0) }), tf.tile(made, [3, 1])];
  });
  assert(relativeError(await logits.data(), await expected.data()) < 1e-6);
  tf.dispose([logits, expected, tokens]);
  disposeParams(params);
});
