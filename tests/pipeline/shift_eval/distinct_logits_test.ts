/** Each different token sequence goes through the model once, and nothing else changes. @module */

import { assert, assertEquals } from "@std/assert";
import { selectBackend } from "../../../models/backend/select.ts";
import { tf } from "../../../models/backend/tf.ts";
import { disposeParams } from "../../../models/params.ts";
import { tokenMeanMlp } from "../../../models/token_mean_mlp.ts";
import { adaptive } from "../../../models/tokenizers/adaptive.ts";
import { patches1d, patches2d } from "../../../models/tokenizers/patches.ts";
import type { Tokenizer } from "../../../models/tokenizers/tokenizer.ts";
import { vit } from "../../../models/vit.ts";
import { predict, type Predictor } from "../../../pipeline/predict.ts";
import { foldIn, keyOf } from "../../../pipeline/random.ts";
import {
  distinctLogits,
  type DistinctOptions,
  type Variant,
} from "../../../pipeline/shift_eval/distinct_logits.ts";
import { listOffsets, shiftedBy, UNSHIFTED } from "../../../pipeline/shift_eval/offsets.ts";
import type { Images } from "../../../datasets/dataset.ts";
import { drawnRecord, noiseSplit } from "../shift_fixtures.ts";

const SANITIZED = { sanitizeOps: true, sanitizeResources: true };
const KEY = keyOf(7);
const CLASSES = 3;

/** Logits of every variant, `[variants][count * classes]`, and how many different token sequences there were. */
async function gather(
  predictor: Predictor,
  images: Images,
  variants: readonly Variant[],
  options: DistinctOptions = {},
): Promise<{ logits: Float32Array[]; distinct: number }> {
  const logits = variants.map(() => new Float32Array(images.count * CLASSES));
  let distinct = 0;
  for await (const run of distinctLogits(predictor, images, variants, KEY, options)) {
    distinct += run.distinct;
    variants.forEach((_, nth) => {
      for (let row = 0; row < run.count; row++) {
        const place = run.places[nth * run.count + row];
        const from = run.logits.subarray(place * CLASSES, (place + 1) * CLASSES);
        logits[nth].set(from, (run.first + row) * CLASSES);
      }
    });
  }
  return { logits, distinct };
}

const bitsOf = (
  values: Float32Array,
) => [...new Uint32Array(values.buffer, values.byteOffset, values.length)];

const CASES: readonly [name: string, tokenizer: Tokenizer, sequences: number][] = [
  ["fixed patches", patches2d({ size: 2 }), 36],
  ["adaptive patches, which rotate with the image", adaptive(patches2d({ size: 2 })), 9],
  ["adaptive patches in canonical order", adaptive(patches2d({ size: 2 }), { order: "canonical" }), 1],
  ["adaptive patches in random order", adaptive(patches2d({ size: 2 }), { order: "random" }), 36],
];

for (const [name, tokenizer, sequences] of CASES) {
  for (
    const architecture of [
      tokenMeanMlp({ embed: 8, hidden: 12 }),
      vit({ layers: 1, embed: 16, heads: 2, mlp: 24 }),
    ]
  ) {
    Deno.test(
      `distinctLogits: ${name}, ${architecture.name}: bit for bit what predict says`,
      SANITIZED,
      async () => {
        await selectBackend("wasm");
        const { images } = noiseSplit(5, 6);
        const record = await drawnRecord(architecture, tokenizer, noiseSplit(5, 6));
        const moves = listOffsets("all", "circular-2d", images).slice(1);
        const variants = [UNSHIFTED, ...moves.map((offset) => shiftedBy(offset, "circular-2d"))];
        const before = tf.memory().numTensors;
        const { logits, distinct } = await gather(record, images, variants);
        assertEquals(tf.memory().numTensors, before);
        assertEquals(distinct, sequences * images.count);
        for (const [nth, { name, change }] of variants.entries()) {
          const brute = await predict(record, change(images, 0), foldIn(KEY, name));
          assertEquals(bitsOf(logits[nth]), bitsOf(brute), name);
        }
        // Not one and the same number everywhere, which would agree with itself.
        assert(new Set(logits[0]).size > CLASSES);
        disposeParams(record.params);
      },
    );
  }
}

for (const over of ["logits", "probabilities"] as const) {
  Deno.test(`distinctLogits: the mean of the ${over} of views is that of predict`, SANITIZED, async () => {
    const split = noiseSplit(4, 6, 3);
    const offsets = listOffsets("all", "circular-2d", split.images);
    const views = { offsets, mode: "circular-2d", over } as const;
    for (
      const [tokenizer, sequences] of [
        [patches2d({ size: 2 }), 36],
        [adaptive(patches2d({ size: 2 })), 9],
        [adaptive(patches2d({ size: 2 }), { order: "random" }), 36 * 3],
      ] as const
    ) {
      const record = await drawnRecord(tokenMeanMlp({ embed: 4, hidden: 8 }), tokenizer, split);
      const variants = [UNSHIFTED, ...offsets.slice(1, 3).map((each) => shiftedBy(each, "circular-2d"))];
      const { logits, distinct } = await gather({ ...record, views }, split.images, variants);
      // Shifts of shifts are shifts: as many sequences as without views, but where chance makes each another.
      assertEquals(distinct, sequences * 4);
      for (const [nth, { name, change }] of variants.entries()) {
        const brute = await predict({ ...record, views }, change(split.images, 0), foldIn(KEY, name));
        assertEquals(bitsOf(logits[nth]), bitsOf(brute), name);
      }
      disposeParams(record.params);
    }
  });
}

Deno.test("distinctLogits: small batches and little memory change nothing", SANITIZED, async () => {
  await selectBackend("wasm");
  const split = noiseSplit(7, 6, 1);
  const record = await drawnRecord(
    tokenMeanMlp({ embed: 4, hidden: 8 }),
    adaptive(patches1d({ size: 4 })),
    split,
  );
  const variants = listOffsets("all", "circular-flat", split.images).map((each) =>
    shiftedBy(each, "circular-flat")
  );
  const whole = await gather(record, split.images, variants);
  const sizes = [];
  for (const memory of [0, 36 * 36 * 2, 36 * 36 * 3 + 5]) {
    const totals = new Set<number>();
    const seen: number[] = [];
    const between = (done: number, total: number) => {
      totals.add(total);
      seen.push(done);
      return Promise.resolve();
    };
    const parts = await gather(record, split.images, variants, { batchSize: 4, memory, between });
    assertEquals(parts.logits.map(bitsOf), whole.logits.map(bitsOf));
    assertEquals(parts.distinct, whole.distinct);
    const [total] = totals;
    assertEquals([totals.size, seen[0], seen.at(-1)], [1, 0, total]);
    // Once before each variant and each forward pass of four sequences, of which some are of two variants.
    assert(seen.length > total + whole.distinct / 4, `${seen.length} pauses`);
    assert(seen.every((done, at) => at === 0 || [0, 1].includes(done - seen[at - 1])), `${seen}`);
    sizes.push(total / 36);
  }
  assertEquals(sizes, [7, 4, 3]);
  disposeParams(record.params);
});

Deno.test("distinctLogits: three channels, and sequences that differ in one byte", SANITIZED, async () => {
  await selectBackend("cpu");
  const split = noiseSplit(2, 4, 2, 3);
  const record = await drawnRecord(tokenMeanMlp({ embed: 4, hidden: 8 }), patches2d({ size: 2 }), split);
  const touched = (at: number, name: string): Variant => ({
    name,
    change(images) {
      const pixels = images.pixels.slice();
      pixels[at] ^= 1;
      return { ...images, pixels };
    },
  });
  const variants = [UNSHIFTED, touched(0, "first"), touched(47, "last"), { ...UNSHIFTED, name: "again" }];
  const { logits, distinct } = await gather(record, split.images, variants);
  // The bytes touched are those of the first image; the second stays the same four times.
  assertEquals(distinct, 3 + 1);
  assertEquals(logits[3], logits[0]);
  assert(logits[1].some((value, at) => value !== logits[0][at]));
  assert(logits[2].some((value, at) => value !== logits[0][at]));
  disposeParams(record.params);
});
