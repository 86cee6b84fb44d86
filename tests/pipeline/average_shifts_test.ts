/**
 * Averaging over shifts: by hand, and the invariance that it brings.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { shiftImages } from "../../datasets/shift.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import type { Model } from "../../models/model.ts";
import { disposeParams } from "../../models/params.ts";
import { patches2d, pixels } from "../../models/tokenizers/patches.ts";
import { averageShifts, type AverageShiftsOptions, phaseOffsets } from "../../pipeline/average_shifts.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { evaluate } from "../../pipeline/evaluate.ts";
import { load } from "../../pipeline/load.ts";
import { pipe, run } from "../../pipeline/pipe.ts";
import { predict } from "../../pipeline/predict.ts";
import { keyOf, normal } from "../../pipeline/random.ts";
import type { Trained } from "../../pipeline/records.ts";
import { shiftEval } from "../../pipeline/shift_eval.ts";
import { distinctLogits } from "../../pipeline/shift_eval/distinct_logits.ts";
import { tokenize } from "../../pipeline/tokenize.ts";
import { brightestPixelRecord, dots, randomImages, tinyDataset } from "./fixtures.ts";

/** A model that knows where each pixel is: three logits of random weights. */
const placeful: Model = {
  name: "placeful",
  config: { name: "placeful" },
  init: () => ({ weight: tf.tensor(normal(keyOf(11), 3 * 24), [24, 3]) }),
  apply: (params, tokens): Tensor =>
    tf.matMul(tf.square(tf.reshape(tokens, [tokens.shape[0], -1])), params.weight as Tensor),
};

/** A record of random images of 4×6 pixels. */
function record(model: Partial<Trained>): Trained & { kind: "trained" } {
  const images = randomImages(keyOf(12), { count: 7, height: 4, width: 6, channels: 1 });
  const labels = [0, 1, 2, 0, 1, 2, 0];
  return { ...brightestPixelRecord(images, labels), classes: ["a", "b", "c"], ...model };
}

async function averaged(trained: Trained & { kind: "trained" }, options: AverageShiftsOptions) {
  return await run(averageShifts(options), { backend: "wasm" }, trained);
}

/** By how much the logits of a record change at most, over every circular shift, as a share of the greatest. */
async function change(trained: Trained): Promise<number> {
  const { images } = trained.test;
  const still = await predict(trained, images, keyOf(0));
  let worst = 0;
  for (let place = 0; place < images.height * images.width; place++) {
    const offset = { dy: Math.floor(place / images.width), dx: place % images.width };
    const moved = await predict(trained, shiftImages(images, [offset], "circular-2d"), keyOf(0));
    moved.forEach((each, index) => worst = Math.max(worst, Math.abs(each - still[index])));
  }
  return worst / Math.max(...still.map(Math.abs));
}

Deno.test("averageShifts: means of logits and of probabilities, by hand", async () => {
  // The logits are the pixels: a dot of 200 at the first of four places, seen there and one to the right.
  const trained = brightestPixelRecord(dots([0], 2, 2), [0]);
  const offsets = [{ dy: 0, dx: 0 }, { dy: 0, dx: 1 }];
  const bright = 200 / 255;
  const logits = await averaged(trained, { offsets, over: "logits" });
  const means = await predict(logits, trained.test.images, keyOf(0));
  [bright / 2, bright / 2, 0, 0].forEach((expected, label) =>
    assertAlmostEquals(means[label], expected, 1e-6)
  );
  const probabilities = await averaged(trained, { offsets });
  const logarithms = await predict(probabilities, trained.test.images, keyOf(0));
  const [high, low] = [Math.exp(bright), 1].map((each) => each / (Math.exp(bright) + 3));
  [(high + low) / 2, (high + low) / 2, low, low].forEach((expected, label) =>
    assertAlmostEquals(logarithms[label], Math.log(expected), 1e-6)
  );
  const { evaluation } = await run(evaluate(), { backend: "wasm" }, probabilities);
  assertAlmostEquals(evaluation.loss, -Math.log((high + low) / 2), 1e-6);
});

Deno.test("averageShifts: over all shifts, any model is invariant to them", async () => {
  const params = placeful.init(keyOf(0));
  const trained = record({ model: placeful, params });
  assert(await change(trained) > 0.1);
  for (const over of ["logits", "probabilities"] as const) {
    const all = await averaged(trained, { over });
    assertEquals(all.views.offsets.length, 24);
    assert(await change(all) < 1e-6);
    const unanimity = async (each: Trained & { kind: "trained" }) =>
      (await run(shiftEval({ mode: "circular-2d" }), { backend: "wasm" }, each)).shift.unanimity;
    assert(await unanimity(trained) < 1);
    assertEquals(await unanimity(all), 1);
  }
  const flat = await averaged(trained, { mode: "circular-flat" });
  assertEquals(flat.views.offsets.at(-1), { dy: 0, dx: 23 });
  const { images } = trained.test;
  const [still, moved] = [images, shiftImages(images, [{ dy: 0, dx: 5 }], "circular-flat")];
  const [one, other] = [await predict(flat, still, keyOf(0)), await predict(flat, moved, keyOf(0))];
  one.forEach((each, index) => assertAlmostEquals(each, other[index], 1e-5));
  // Half of the shifts are not all of them.
  const half = await averaged(trained, { offsets: flat.views.offsets.slice(0, 6) });
  assert(await change(half) > 1e-3);
  disposeParams(params);
});

Deno.test("averageShifts: the places on a patch are enough for a model with no sense of place", async () => {
  const tokenizer = patches2d({ size: 2 });
  const trained = record({});
  const grid = tokenizer.grid(trained.image);
  // Tokens in any order are the same to it.
  const model: Model = {
    name: "bag-of-patches",
    config: { name: "bag-of-patches" },
    init: () => ({ weight: tf.tensor(normal(keyOf(13), 12), [4, 3]) }),
    apply: (params, tokens): Tensor =>
      tf.mean(
        tf.relu(
          tf.matMul(tokens, tf.tile(tf.expandDims(params.weight as Tensor, 0), [tokens.shape[0], 1, 1])),
        ),
        1,
      ),
  };
  const params = model.init(keyOf(1));
  const patched = { ...trained, tokenizer, grid, model, params };
  assert(await change(patched) > 1e-3);
  assert(await change(await averaged(patched, { offsets: phaseOffsets(2) })) < 1e-6);
  assert(await change(await averaged(patched, { offsets: phaseOffsets(2).slice(0, 3) })) > 1e-4);
  // Nor are they for a model that has one.
  const placed = { ...trained, tokenizer: pixels(), model: placeful, params: placeful.init(keyOf(0)) };
  assert(await change(await averaged(placed, { offsets: phaseOffsets(2) })) > 1e-2);
  [params, placed.params].forEach(disposeParams);
});

Deno.test("averageShifts: distant logits keep the loss finite, and no tensors are left", async () => {
  const far: Model = { ...placeful, apply: (params, tokens) => tf.mul(placeful.apply(params, tokens), 1e4) };
  const params = placeful.init(keyOf(0));
  const trained = record({ model: far, params });
  const before = tf.memory().numTensors;
  const all = await averaged(trained, { offsets: phaseOffsets(1) });
  const { evaluation } = await run(evaluate(), { backend: "wasm" }, all);
  assert(Number.isFinite(evaluation.loss) && evaluation.loss > 100, `${evaluation.loss}`);
  assertEquals(tf.memory().numTensors, before);
  disposeParams(params);
});

Deno.test("averageShifts: each view has a key of its own", async () => {
  const keys: string[] = [];
  const tokenizer = pixels();
  const trained = record({
    tokenizer: {
      ...tokenizer,
      tokenize: (images, context) => {
        keys.push(`${context?.key}`);
        return tokenizer.tokenize(images, context);
      },
    },
  });
  await predict(await averaged(trained, { offsets: phaseOffsets(2) }), trained.test.images, keyOf(5));
  assertEquals(new Set(keys).size, 4);
});

Deno.test("averageShifts: variants of images are averaged as predict does, with no forward pass twice", async () => {
  const params = placeful.init(keyOf(0));
  let passed = 0;
  const counting: Model = {
    ...placeful,
    apply(params, tokens, options) {
      passed += tokens.shape[0]!;
      return placeful.apply(params, tokens, options);
    },
  };
  const trained = record({ model: counting, params });
  const { images } = trained.test;
  const offsets = phaseOffsets(3);
  const variants = offsets.map((offset) => ({
    name: `${offset.dy},${offset.dx}`,
    change: (each: typeof images) => shiftImages(each, [offset], "circular-2d"),
  }));
  for (const over of ["logits", "probabilities"] as const) {
    const all = await averaged(trained, { over });
    passed = 0;
    // Room for the tokens of all variants of three images, so that there are several runs.
    const memory = 24 * 24 * 9 * 3;
    let rows = 0;
    for await (const run of distinctLogits(all, images, variants, keyOf(0), { memory })) {
      assertEquals(run.distinct, 24 * run.count);
      for (const [nth, variant] of variants.entries()) {
        const expected = await predict({ ...all, model: placeful }, variant.change(images), keyOf(0));
        for (let row = 0; row < run.count; row++) {
          const place = run.places[nth * run.count + row];
          [0, 1, 2].forEach((label) =>
            assertAlmostEquals(run.logits[3 * place + label], expected[3 * (run.first + row) + label], 1e-5)
          );
        }
      }
      rows += run.count;
    }
    assertEquals([rows, passed], [7, 7 * 24]);
  }
  disposeParams(params);
});

Deno.test("averageShifts: the configuration holds what determines it", () => {
  assertEquals(averageShifts().config, { offsets: "all", mode: "circular-2d", over: "probabilities" });
  assertEquals(averageShifts({ offsets: [{ dy: 1, dx: -2 }], over: "logits" }).config, {
    offsets: [{ dy: 1, dx: -2 }],
    mode: "circular-2d",
    over: "logits",
  });
  assertEquals(phaseOffsets(2), [{ dy: 0, dx: 0 }, { dy: 0, dx: 1 }, { dy: 1, dx: 0 }, { dy: 1, dx: 1 }]);
});

Deno.test("averageShifts: refuses what is no shift, and comes after training", () => {
  const refuses = (options: AverageShiftsOptions, text: string) =>
    assertThrows(() => averageShifts(options), PolyphaseError, text);
  refuses({ offsets: [] }, "no offsets");
  refuses({ offsets: [{ dy: 0, dx: 0.5 }] }, "dx 0.5");
  refuses({ offsets: [{ dy: 1, dx: 0 }], mode: "circular-flat" }, "and dy 0");
  refuses({ mode: "zero-2d" as "circular-2d" }, 'mode "zero-2d"');
  refuses({ over: "votes" as "logits" }, 'over "votes"');
  assertThrows(() => phaseOffsets(0), PolyphaseError, "size 0");
  const untrained = pipe(load(tinyDataset()), tokenize(pixels()));
  // @ts-expect-error: there is no trained model to average.
  pipe(untrained, averageShifts());
});
