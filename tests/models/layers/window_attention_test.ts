/**
 * Attention in windows: relative positions, cosines, and probabilities that are dropped. The rest of it is compared with
 * plain loops where the models are.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { selectBackend } from "../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../models/backend/tf.ts";
import { continuousPositions, initContinuousPositions } from "../../../models/layers/continuous_positions.ts";
import {
  cosineWindowAttention,
  initCosineWindowAttention,
} from "../../../models/layers/cosine_window_attention.ts";
import { positionBias, relativePositions } from "../../../models/layers/relative_positions.ts";
import { scaledUnitVectors } from "../../../models/layers/scaled_unit_vectors.ts";
import { initWindowAttention, windowAttention } from "../../../models/layers/window_attention.ts";
import { disposeParams } from "../../../models/params.ts";
import { keyOf, normal } from "../../../pipeline/random.ts";
import { relativeError } from "../../golden.ts";

const random = (seed: number, shape: readonly number[]): Tensor =>
  tf.tensor(normal(keyOf(seed), shape.reduce((product, each) => product * each, 1)), [...shape]);

Deno.test("relative positions: a bias for each difference, counted as it is or modulo the length", async () => {
  await selectBackend("wasm");
  tf.tidy(() => {
    for (const [down, across] of [[false, false], [true, false], [true, true]]) {
      const positions = relativePositions({ length: 3, circular: down }, { length: 4, circular: across });
      const { entries, differences } = positions;
      assertEquals([entries, positions.tokens], [(down ? 3 : 5) * (across ? 4 : 7), 12]);
      const table = random(1, [entries, 2]);
      const [rows, bias] = [table.arraySync() as number[][], positionBias(table, positions)];
      assertEquals(bias.shape, [1, 2, 12, 12]);
      const values = (bias.arraySync() as number[][][][])[0];
      for (let query = 0; query < 12; query++) {
        for (let key = 0; key < 12; key++) {
          const [dy, dx] = [Math.floor(query / 4) - Math.floor(key / 4), query % 4 - key % 4];
          const same = (a: number, b: number, length: number, circular: boolean) =>
            a === b || circular && Math.abs(a - b) === length;
          const at = rows.findIndex((_, entry) =>
            same(differences[2 * entry], dy, 3, down) && same(differences[2 * entry + 1], dx, 4, across)
          );
          assertEquals([values[0][query][key], values[1][query][key]], rows[at]);
        }
      }
      // Every entry has as much gradient as there are pairs that stand so.
      const counts = tf.grad((each) => tf.sum(positionBias(each, positions)))(table).dataSync<"float32">();
      assertEquals([counts.reduce((sum, each) => sum + each, 0), Math.min(...counts) > 0], [288, true]);
    }
    const ring = relativePositions({ length: 1, circular: false }, { length: 4, circular: true });
    assertEquals([...ring.differences], [0, 0, 0, 1, 0, 2, 0, -1]);
  });
});

Deno.test("continuous positions: depend on distances in windows, and stay between 0 and 16", async () => {
  await selectBackend("wasm");
  const params = initContinuousPositions(keyOf(1), 3);
  tf.tidy(() => {
    const axis = (length: number, circular: boolean) => ({ length, circular });
    const plain = relativePositions(axis(5, false), axis(5, false));
    const around = relativePositions(axis(5, true), axis(5, true));
    const all = continuousPositions(params, plain, [5, 5]).arraySync() as number[][];
    assertEquals([all.length, all[0].length], [81, 3]);
    assert(all.flat().every((each) => each > 0 && each < 16));
    // Differences that both know have the same numbers: those on the ring are in the units of the window.
    const ring = continuousPositions(params, around, [5, 5]).arraySync() as number[][];
    ring.forEach((row, entry) => {
      const [dy, dx] = around.differences.subarray(2 * entry, 2 * entry + 2);
      assertEquals(row, all[(dy + 4) * 9 + dx + 4]);
    });
  });
  disposeParams(params);
});

for (const backend of ["wasm", "cpu"] as const) {
  Deno.test(`scaled unit vectors: lengths, and derivatives of both orders (${backend})`, async () => {
    await selectBackend(backend);
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const [x, factors, weight] = [random(1, [4, 3, 5]), tf.tensor1d([2, 0.5]), random(2, [4, 3, 5])];
      const y = scaledUnitVectors(x, factors);
      const lengths = tf.norm(y, 2, 2).arraySync() as number[][];
      const own = tf.norm(x, 2, 2).arraySync() as number[][];
      lengths.forEach((row, at) => assert(relativeError(row, [2, 0.5, own[at][2]]) < 1e-6));
      const direct = (each: Tensor, scale: Tensor) => {
        const [some, rest] = [tf.slice(each, [0, 0, 0], [4, 2, 5]), tf.slice(each, [0, 2, 0], [4, 1, 5])];
        const unit = tf.div(some, tf.sqrt(tf.sum(tf.square(some), 2, true)));
        return tf.concat([tf.mul(unit, tf.reshape(scale, [1, 2, 1])), rest], 1);
      };
      assert(relativeError(y.dataSync(), direct(x, factors).dataSync()) < 1e-6);
      const loss = (make: typeof scaledUnitVectors) => (each: Tensor, scale: Tensor) =>
        tf.sum(tf.mul(weight, tf.square(make(each, scale))));
      const [dx, df] = tf.grads(loss(scaledUnitVectors))([x, factors]);
      const [ex, ef] = tf.grads(loss(direct))([x, factors]);
      assert(relativeError(dx.dataSync(), ex.dataSync()) < 1e-5);
      assert(relativeError(df.dataSync(), ef.dataSync()) < 1e-5);
      const second = (make: typeof scaledUnitVectors) =>
        tf.grad((each: Tensor) =>
          tf.sum(tf.square(tf.grad((inner: Tensor) => loss(make)(inner, factors))(each)))
        )(x);
      assert(relativeError(second(scaledUnitVectors).dataSync(), second(direct).dataSync()) < 1e-4);
      // Nothing to scale stays nothing, and has a gradient that is a number.
      const zero = tf.zeros([1, 3, 5]);
      assertEquals([...scaledUnitVectors(zero, factors).dataSync()], new Array(15).fill(0));
    });
    assertEquals(tf.memory().numTensors, before);
  });

  Deno.test(`window attention: dropping no probability changes nothing, and the key decides which (${backend})`, async () => {
    await selectBackend(backend);
    const [windows, tokens, embed, heads] = [4, 6, 8, 2];
    const positions = relativePositions({ length: 2, circular: false }, { length: 3, circular: false });
    const plain = initWindowAttention(keyOf(1), embed, heads, positions);
    const cosine = initCosineWindowAttention(keyOf(2), embed, heads);
    const x = random(3, [windows, tokens, embed]);
    const mask = tf.tensor4d(
      Uint8Array.from({ length: windows * 36 }, (_, at) => Number(at % 7 === 0 || at % 3 !== 0)),
      [windows, 1, tokens, tokens],
      "bool",
    );
    const before = tf.memory().numTensors;
    for (
      const attend of [
        (options: object) => windowAttention(plain, x, { heads, positions, mask, ...options }),
        (options: object) =>
          cosineWindowAttention(cosine, x, { heads, positions, window: [2, 3], mask, ...options }),
      ]
    ) {
      const values = async (options: object) => {
        const found = attend(options);
        const numbers = await found.data();
        found.dispose();
        return numbers;
      };
      const whole = await values({});
      assert(relativeError(await values({ dropout: 1e-9, key: keyOf(1) }), whole) < 1e-5);
      assertEquals(await values({ dropout: 0.5 }), whole);
      const dropped = await values({ dropout: 0.5, key: keyOf(1) });
      assertEquals(await values({ dropout: 0.5, key: keyOf(1) }), dropped);
      assertNotEquals(dropped, whole);
      assertNotEquals(await values({ mask: undefined }), whole);
    }
    assertEquals(tf.memory().numTensors, before);
    tf.dispose([x, mask]);
    disposeParams(plain);
    disposeParams(cosine);
  });
}
