/**
 * Multi-head attention against plain loops, and what its options change.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { selectBackend } from "../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../models/backend/tf.ts";
import {
  initMultiHeadAttention,
  multiHeadAttention,
  type MultiHeadAttentionOptions,
} from "../../../models/layers/multi_head_attention.ts";
import { keyOf, normal } from "../../../pipeline/random.ts";
import { relativeError } from "../../golden.ts";

const [BATCH, TOKENS, EMBED, HEADS] = [2, 5, 6, 3];

/** Weights and input as numbers. */
const NUMBERS = {
  x: normal(keyOf(1), BATCH * TOKENS * EMBED),
  qkv: { weight: normal(keyOf(2), EMBED * 3 * EMBED), bias: normal(keyOf(3), 3 * EMBED) },
  proj: { weight: normal(keyOf(4), EMBED * EMBED), bias: normal(keyOf(5), EMBED) },
};

type Layer = { readonly weight: Float32Array; readonly bias: Float32Array };

/** `row · weight + bias`. */
function affine(row: readonly number[], { weight, bias }: Layer): number[] {
  return Array.from(
    bias,
    (offset, out) => row.reduce((sum, each, i) => sum + each * weight[i * bias.length + out], offset),
  );
}

/** A number that is added to each score, `[heads, tokens, tokens]`. */
const BIAS = normal(keyOf(6), HEADS * TOKENS * TOKENS);

/** The attention of one image, head by head and query by query. */
function byHand(tokens: readonly (readonly number[])[], bias: Float32Array): number[][] {
  const packed = tokens.map((token) => affine(token, NUMBERS.qkv));
  const dim = EMBED / HEADS;
  const part = (token: number, which: number, head: number) =>
    packed[token].slice(which * EMBED + head * dim, which * EMBED + (head + 1) * dim);
  return tokens.map((_, query) => {
    const joined = Array.from({ length: HEADS }, (_, head) => {
      const q = part(query, 0, head);
      const scores = tokens.map((_, key) =>
        Math.exp(
          part(key, 1, head).reduce((sum, each, i) => sum + each * q[i], 0) / Math.sqrt(dim) +
            bias[(head * TOKENS + query) * TOKENS + key],
        )
      );
      const total = scores.reduce((a, b) => a + b, 0);
      return q.map((_, i) =>
        scores.reduce((sum, score, key) => sum + score / total * part(key, 2, head)[i], 0)
      );
    }).flat();
    return affine(joined, NUMBERS.proj);
  });
}

async function applied(
  options: Partial<MultiHeadAttentionOptions>,
): Promise<{ shape: number[]; values: Float32Array }> {
  const result = tf.tidy((): Tensor => {
    const layer = ({ weight, bias }: Layer) => ({
      weight: tf.tensor(weight, [EMBED, bias.length]),
      bias: tf.tensor(bias),
    });
    const params = { qkv: layer(NUMBERS.qkv), proj: layer(NUMBERS.proj) };
    return multiHeadAttention(params, tf.tensor(NUMBERS.x, [BATCH, TOKENS, EMBED]), {
      heads: HEADS,
      ...options,
    });
  });
  const values = await result.data<"float32">();
  result.dispose();
  return { shape: result.shape, values };
}

const images = Array.from({ length: BATCH }, (_, image) =>
  Array.from({ length: TOKENS }, (_, token) => {
    const start = (image * TOKENS + token) * EMBED;
    return [...NUMBERS.x.subarray(start, start + EMBED)];
  }));
const EXPECTED = images.map((image) => byHand(image, new Float32Array(BIAS.length)));
const BIASED = images.map((image) => byHand(image, BIAS));

for (const backend of ["cpu", "wasm"] as const) {
  for (const exact of [undefined, true]) {
    Deno.test(`multi-head attention: is that of plain loops (${backend}${exact ? ", exact" : ""})`, async () => {
      await selectBackend(backend);
      const before = tf.memory().numTensors;
      const { shape, values } = await applied({ exact });
      assertEquals(shape, [BATCH, TOKENS, EMBED]);
      assert(relativeError(values, EXPECTED.flat(2)) < 1e-5);
      for (const first of [1, 3, TOKENS]) {
        const some = await applied({ exact, first });
        assertEquals(some.shape, [BATCH, first, EMBED]);
        assert(relativeError(some.values, EXPECTED.flatMap((image) => image.slice(0, first)).flat()) < 1e-5);
      }
      assertEquals(tf.memory().numTensors, before);
    });

    Deno.test(`multi-head attention: adds a bias to the scores (${backend}${exact ? ", exact" : ""})`, async () => {
      await selectBackend(backend);
      const before = tf.memory().numTensors;
      const bias = tf.tensor(BIAS, [HEADS, TOKENS, TOKENS]);
      // So rarely that it happens to none of these: the way that shows probabilities is the same function.
      for (const drops of [{}, { dropout: 1e-9, key: keyOf(1) }]) {
        const all = await applied({ exact, bias, ...drops });
        assert(relativeError(all.values, BIASED.flat(2)) < 1e-5);
        const first = tf.slice(bias, [0, 0, 0], [-1, 2, -1]);
        const some = await applied({ exact, bias: first, first: 2, ...drops });
        assert(relativeError(some.values, BIASED.flatMap((image) => image.slice(0, 2)).flat()) < 1e-5);
        first.dispose();
      }
      bias.dispose();
      assertEquals(tf.memory().numTensors, before);
    });
  }

  Deno.test(`multi-head attention: drops probabilities by key (${backend})`, async () => {
    await selectBackend(backend);
    const whole = (await applied({})).values;
    assertEquals((await applied({ dropout: 0.5 })).values, whole);
    assertEquals((await applied({ key: keyOf(1) })).values, whole);
    // So rarely that it happens to none of these: the way that shows probabilities is the same function.
    assert(relativeError((await applied({ dropout: 1e-9, key: keyOf(1) })).values, whole) < 1e-5);
    const dropped = (await applied({ dropout: 0.5, key: keyOf(1) })).values;
    assertEquals((await applied({ dropout: 0.5, key: keyOf(1) })).values, dropped);
    assertNotEquals(dropped, whole);
    assertNotEquals((await applied({ dropout: 0.5, key: keyOf(2) })).values, dropped);
    // Nobody is looked at, so that only the last offset is left.
    const none = Array.from({ length: BATCH * TOKENS }, () => [...NUMBERS.proj.bias]).flat();
    assert(relativeError((await applied({ dropout: 1, key: keyOf(1) })).values, none) < 1e-6);
  });
}

Deno.test("multi-head attention: starts without offsets, queries, keys and values as one Xavier-uniform matrix", async () => {
  await selectBackend("cpu");
  const params = initMultiHeadAttention(keyOf(1), keyOf(2), 48);
  for (
    const [layer, outputs, bound] of [["qkv", 144, Math.sqrt(6 / 192)], [
      "proj",
      48,
      Math.sqrt(1 / 48),
    ]] as const
  ) {
    const { weight, bias } = params[layer];
    assertEquals([weight.shape, bias.shape], [[48, outputs], [outputs]]);
    assert((await bias.data()).every((each) => each === 0));
    const greatest = Math.max(...(await weight.data()).map(Math.abs));
    assert(greatest <= Math.fround(bound) && greatest > 0.99 * bound, layer);
    tf.dispose([weight, bias]);
  }
});
