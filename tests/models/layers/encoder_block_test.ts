/**
 * The encoder block: its parts in their order, the first tokens alone, and what it drops.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { selectBackend } from "../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../models/backend/tf.ts";
import {
  encoderBlock,
  type EncoderBlockOptions,
  type EncoderBlockParams,
  initEncoderBlock,
} from "../../../models/layers/encoder_block.ts";
import { layerNorm } from "../../../models/layers/layer_norm.ts";
import { mlp } from "../../../models/layers/mlp.ts";
import { multiHeadAttention } from "../../../models/layers/multi_head_attention.ts";
import { disposeParams } from "../../../models/params.ts";
import { keyOf, normal } from "../../../pipeline/random.ts";
import { relativeError } from "../../golden.ts";

const SHAPE = [2, 5, 6];
const EPSILON = { epsilon: 1e-6 };

function input(): Tensor {
  return tf.tensor(normal(keyOf(9), 60), SHAPE);
}

async function applied(
  params: EncoderBlockParams,
  options: Partial<EncoderBlockOptions>,
): Promise<Float32Array> {
  const result = tf.tidy(() => encoderBlock(params, input(), { heads: 2, ...options }));
  const values = await result.data<"float32">();
  result.dispose();
  return values;
}

for (const backend of ["cpu", "wasm"] as const) {
  Deno.test(`encoder block: normalizes before each part and adds what went around (${backend})`, async () => {
    await selectBackend(backend);
    const params = initEncoderBlock(keyOf(1), 6, 10);
    const before = tf.memory().numTensors;
    const [attended, whole, first] = tf.tidy(() => {
      const x = input();
      const attended = tf.add(
        x,
        multiHeadAttention(params.attention, layerNorm(params.norm1, x, EPSILON), { heads: 2 }),
      );
      const whole = tf.add(attended, mlp(params.mlp, layerNorm(params.norm2, attended, EPSILON)));
      return [attended, whole, tf.slice(whole, [0, 0, 0], [-1, 2, -1])];
    });
    let seen: Tensor | undefined;
    assert(
      relativeError(
        await applied(params, { collect: (each) => seen = tf.keep(tf.clone(each)) }),
        await whole.data(),
      ) < 1e-6,
    );
    assertEquals(seen!.shape, SHAPE);
    assert(relativeError(await seen!.data(), await attended.data()) < 1e-6);
    assert(relativeError(await applied(params, { first: 2 }), await first.data()) < 1e-6);
    tf.dispose([attended, whole, first, seen!]);
    assertEquals(tf.memory().numTensors, before);
    disposeParams(params);
  });

  Deno.test(`encoder block: drops by key (${backend})`, async () => {
    await selectBackend(backend);
    const params = initEncoderBlock(keyOf(1), 6, 10);
    const before = tf.memory().numTensors;
    const whole = await applied(params, {});
    for (const rates of [{ dropout: 0.4 }, { attentionDropout: 0.4 }]) {
      const dropped = await applied(params, { ...rates, key: keyOf(1) });
      assertNotEquals(dropped, whole);
      assertEquals(await applied(params, { ...rates, key: keyOf(1) }), dropped);
      assertNotEquals(await applied(params, { ...rates, key: keyOf(2) }), dropped);
      assertEquals(await applied(params, rates), whole);
    }
    // What went around is not dropped.
    const x = input();
    assert(relativeError(await applied(params, { dropout: 1, key: keyOf(1) }), await x.data()) < 1e-6);
    x.dispose();
    assertEquals(tf.memory().numTensors, before);
    disposeParams(params);
  });

  Deno.test(`mlp: two linear maps with GELU between, values dropped after each (${backend})`, async () => {
    await selectBackend(backend);
    const params = {
      fc1: { weight: tf.tensor2d([[1, -1, 2]]), bias: tf.tensor1d([0, 1, -2]) },
      fc2: { weight: tf.tensor2d([[1], [10], [100]]), bias: tf.tensor1d([0.5]) },
    };
    // At 1 the hidden values are GELU of 1, 0 and 0; at −1 of −1, 2 and −4.
    const expected = [0.8413447 + 0.5, -0.1586553 + 19.544997 + 100 * -4 * 3.1671241e-5 + 0.5];
    const at = async (options: Parameters<typeof mlp>[2]) => {
      const y = tf.tidy(() => mlp(params, tf.tensor2d([[1], [-1]]), options));
      const values = [...await y.data()];
      y.dispose();
      return values;
    };
    for (const options of [{}, { exact: true }, { dropout: 0.5 }, { key: keyOf(0) }]) {
      assert(relativeError(await at(options), expected) < 1e-5);
    }
    assertEquals(await at({ dropout: 1, key: keyOf(0) }), [0, 0]);
    const many = await Promise.all(
      Array.from({ length: 64 }, (_, seed) => at({ dropout: 0.5, key: keyOf(seed) })),
    );
    // The last value is dropped with probability 1/2, and so are hidden ones: some are kept alone, twice as large twice.
    const first = many.map(([each]) => each);
    assert(first.filter((each) => each === 0).length > 16 && first.filter((each) => each === 0).length < 48);
    assert(first.some((each) => Math.abs(each - 2 * (2 * 0.8413447 + 0.5)) < 1e-4));
    assert(first.some((each) => Math.abs(each - 2 * 0.5) < 1e-4));
    tf.dispose(params);
  });
}
