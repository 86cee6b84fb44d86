/**
 * Shares of a batch: together they are the batch, whatever in it comes by chance.
 *
 * @module
 */

import { assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { selectBackend } from "../../../models/backend/select.ts";
import { tf } from "../../../models/backend/tf.ts";
import { disposeParams } from "../../../models/params.ts";
import { tokenMeanMlp } from "../../../models/token_mean_mlp.ts";
import { adaptive } from "../../../models/tokenizers/adaptive.ts";
import { patches1d, patches2d } from "../../../models/tokenizers/patches.ts";
import {
  augment,
  type Augmentation,
  circularShift,
  rolledCopies,
  zeroShift,
} from "../../../pipeline/augment.ts";
import { makeBatch } from "../../../pipeline/batch.ts";
import { load } from "../../../pipeline/load.ts";
import { checksum, readFlat, writeFlat } from "../../../pipeline/parallel/flat.ts";
import { shardOf } from "../../../pipeline/parallel/shard.ts";
import { pipe, run } from "../../../pipeline/pipe.ts";
import { keyOf, permutation } from "../../../pipeline/random.ts";
import { tokenize } from "../../../pipeline/tokenize.ts";
import { tinyDataset } from "../fixtures.ts";

Deno.test("shard: shares cover every row once, and differ by one row at most", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 1, max: 20 }), (count, shares) => {
      const all = Array.from({ length: shares }, (_, index) => shardOf(count, shares, index));
      assertEquals(all[0].start, 0);
      assertEquals(all[shares - 1].end, count);
      all.slice(1).forEach(({ start }, index) => assertEquals(start, all[index].end));
      const lengths = all.map(({ start, end }) => end - start);
      assertEquals(Math.max(...lengths) - Math.min(...lengths) <= 1, true);
    }),
    { seed: 5 },
  );
});

const AUGMENTATIONS: readonly (readonly [name: string, augmentations: readonly Augmentation[]])[] = [
  ["nothing", []],
  ["a shift", [zeroShift({ max: 3 })]],
  ["copies and a shift", [rolledCopies({ max: 2 }), circularShift({ max: 3, axes: "flat" })]],
];
const TOKENIZERS = [
  ["patches", patches2d({ size: 4 })],
  ["adaptive", adaptive(patches1d({ size: 4 }), { order: "canonical" })],
  ["random", adaptive(patches1d({ size: 4 }), { order: "random" })],
] as const;

for (const [done, augmentations] of AUGMENTATIONS) {
  for (const [kind, tokenizer] of TOKENIZERS) {
    Deno.test(`shard: shares of ${kind} tokens after ${done} are the rows of the whole batch`, async () => {
      const data = await run(pipe(load(tinyDataset()), augment(...augmentations), tokenize(tokenizer)), {});
      const model = tokenMeanMlp({ embed: 4, hidden: 4 }).build({ grid: data.grid, classes: 3 });
      const params = model.init(keyOf(1));
      const before = tf.memory().numTensors;
      const copies = augmentations.reduce((product, each) => product * each.copies, 1);
      const picks = permutation(keyOf(2), 50 * copies).subarray(3, 16);
      const read = async (batch: Awaited<ReturnType<typeof makeBatch>>) => {
        const numbers = [...await batch.tokens.data(), ...await batch.labels.data()];
        const tokens = [...await batch.tokens.data()];
        const labels = numbers.slice(tokens.length);
        tf.dispose([batch.tokens, batch.labels]);
        return { tokens, labels };
      };
      const whole = await read(await makeBatch(data, picks, keyOf(7), { model, params }));
      const shares = [];
      for (const index of [0, 1, 2]) {
        const shard = shardOf(picks.length, 3, index);
        shares.push(await read(await makeBatch(data, picks, keyOf(7), { model, params }, shard)));
      }
      assertEquals(shares.flatMap(({ tokens }) => tokens), whole.tokens);
      assertEquals(shares.flatMap(({ labels }) => labels), whole.labels);
      assertEquals(tf.memory().numTensors, before);
      disposeParams(params);
    });
  }
}

for (const backend of ["wasm", "cpu"] as const) {
  Deno.test(`shard: tensors of shared numbers on ${backend} do not change with them`, async () => {
    await selectBackend(backend);
    const flat = new Float32Array(new SharedArrayBuffer(4 * 7));
    flat.set([1, 2, 3, 4, 5, 6, 7]);
    const tensors = readFlat(flat, [[2, 3], []]);
    flat.fill(0);
    assertEquals(tensors.map(({ shape }) => shape), [[2, 3], []]);
    const back = new Float32Array(7);
    await writeFlat(tensors, back);
    assertEquals([...back], [1, 2, 3, 4, 5, 6, 7]);
    tf.dispose(tensors);
  });
}

Deno.test("shard: a checksum tells one bit in any place", () => {
  const numbers = Float32Array.of(1, -0, 3, 4);
  const sum = checksum([numbers]);
  assertEquals(checksum([numbers.slice(0, 2), numbers.slice(2)]), sum);
  for (const [place, other] of [[0, 1.0000001], [1, 0], [3, 5]]) {
    assertNotEquals(checksum([numbers.with(place, other)]), sum);
  }
});
