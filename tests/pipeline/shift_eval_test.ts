/**
 * Evaluation under shift: by hand on a model whose predictions are known, and exactly 1 for an invariant tokenizer.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { SHIFT_MODES } from "../../datasets/shift.ts";
import { tf } from "../../models/backend/tf.ts";
import { sgd } from "../../models/optimizers/sgd.ts";
import { disposeParams } from "../../models/params.ts";
import { tokenMeanMlp } from "../../models/token_mean_mlp.ts";
import { adaptive, type TokenOrder } from "../../models/tokenizers/adaptive.ts";
import { patches1d, patches2d } from "../../models/tokenizers/patches.ts";
import { AbortedError, PolyphaseError } from "../../pipeline/errors.ts";
import { evaluate } from "../../pipeline/evaluate.ts";
import { load } from "../../pipeline/load.ts";
import { pipe, run } from "../../pipeline/pipe.ts";
import { shiftEval, type ShiftEvalOptions, type ShiftResult } from "../../pipeline/shift_eval.ts";
import { tokenize } from "../../pipeline/tokenize.ts";
import { train } from "../../pipeline/train.ts";
import { brightestPixelRecord, dots, tinyDataset } from "./fixtures.ts";

const SANITIZED = { sanitizeOps: true, sanitizeResources: true };

/** Classifies by the place of the bright pixel; places and labels are those of 2×3 pixels. */
async function byHand(
  places: number[],
  labels: number[],
  options: ShiftEvalOptions,
  seed = 0,
): Promise<ShiftResult> {
  const record = brightestPixelRecord(dots(places, 2, 3), labels);
  return (await run(shiftEval(options), { backend: "cpu", seed }, record)).shift;
}

Deno.test("shiftEval: circular flat shifts, worked out by hand", SANITIZED, async () => {
  // Shifted by d, the first three are predicted as (place + d) mod 6, and the grey image as class 0 always.
  const shift = await byHand([0, 1, 5, -1], [0, 2, 1, 0], {});
  assertEquals(shift.mode, "circular-flat");
  assertEquals(shift.offsets.map(({ dy, dx }) => [dy, dx]), [[0, 0], [0, 1], [0, 2], [0, 3], [0, 4], [0, 5]]);
  // Right at d: the first at 0, the second at 1, the third at 2, the grey one always.
  assertEquals(shift.offsets.map(({ accuracy }) => accuracy), [2 / 4, 2 / 4, 2 / 4, 1 / 4, 1 / 4, 1 / 4]);
  assertEquals(shift.offsets.map(({ consistency }) => consistency), [1, 1 / 4, 1 / 4, 1 / 4, 1 / 4, 1 / 4]);
  assertAlmostEquals(shift.meanAccuracy, (3 * 2 / 4 + 3 / 4) / 6, 1e-12);
  assertEquals(shift.worstAccuracy, 1 / 4);
  // The unshifted images agree with themselves and do not count.
  assertEquals(shift.consistency, 1 / 4);
  assertEquals([shift.unanimity, shift.robustAccuracy], [1 / 4, 1 / 4]);
  assert([1 / 4, 2 / 4].includes(shift.randomAccuracy));
});

Deno.test("shiftEval: zero-filled shifts, worked out by hand", SANITIZED, async () => {
  // A dot that is shifted out leaves a black image, which counts as class 0.
  const shift = await byHand([0, 4], [0, 4], { mode: "zero-flat", offsets: [-1, 2] });
  assertEquals(shift.offsets.map(({ dx }) => dx), [-1, 0, 1, 2]);
  assertEquals(shift.offsets.map(({ accuracy }) => accuracy), [1 / 2, 1, 0, 1 / 2 - 1 / 2]);
  assertEquals(shift.offsets.map(({ consistency }) => consistency), [1 / 2, 1, 0, 0]);
  assertAlmostEquals(shift.consistency, 1 / 6, 1e-12);
  assertEquals([shift.unanimity, shift.robustAccuracy, shift.worstAccuracy], [0, 0, 0]);
});

Deno.test("shiftEval: shifts of rows and columns, worked out by hand", SANITIZED, async () => {
  const shift = await byHand([0, 4], [0, 1], { mode: "circular-2d" });
  assertEquals(shift.offsets.map(({ dy, dx }) => [dy, dx]), [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]);
  // Place 4 is row 1, column 1: it comes to place 1 by one row, where the first is wrong.
  assertEquals(shift.offsets.map(({ accuracy }) => accuracy), [1 / 2, 0, 0, 1 / 2, 0, 0]);
  const zero = await byHand([0, 4], [0, 1], { mode: "zero-2d", offsets: [-1, 1] });
  assertEquals(zero.offsets.length, 9);
  const up = zero.offsets.find(({ dy, dx }) => dy === -1 && dx === 0)!;
  // The first leaves at the top and counts as class 0 all the same; the second comes to place 1.
  assertEquals([up.accuracy, up.consistency], [1, 1 / 2]);
});

Deno.test(
  "shiftEval: offsets that leave out the unshifted image, and ranges over the border",
  SANITIZED,
  async () => {
    const shift = await byHand([0], [1], { offsets: [1, 7] });
    assertEquals(shift.offsets.map(({ accuracy }) => accuracy), [1, 0, 0, 0, 0, 0, 1]);
    // Six pixels on is all the way around.
    assertEquals(shift.offsets.map(({ consistency }) => consistency), [0, 0, 0, 0, 0, 1, 0]);
    const only = await byHand([0, 1], [0, 0], { offsets: [0, 0] });
    assertEquals([only.consistency, only.unanimity, only.meanAccuracy], [1, 1, 1 / 2]);
  },
);

Deno.test(
  "shiftEval: the random protocol shares an offset in a batch, and follows the seed",
  SANITIZED,
  async () => {
    const places = new Array(40).fill(0);
    // Every image is right at offset 1 alone, so the accuracy counts the batches that drew it.
    const accuracy = async (seed: number, batchSize: number) =>
      (await byHand(places, new Array(40).fill(1), { random: [1, 4], batchSize, offsets: [0, 0] }, seed))
        .randomAccuracy;
    const whole = await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map((seed) => accuracy(seed, 40)));
    assertEquals(new Set(whole), new Set([0, 1]));
    assertEquals(await accuracy(3, 40), whole[3]);
    for (const seed of [0, 1, 2]) {
      assert(
        Number.isInteger(await accuracy(seed, 8) * 5),
        "five batches of eight",
      );
    }
    const single = await Promise.all([0, 1, 2, 3].map((seed) => accuracy(seed, 1)));
    assertAlmostEquals(single.reduce((sum, each) => sum + each) / 4, 1 / 4, 0.12);
  },
);

for (
  const [mode, patches] of [["circular-flat", patches1d({ size: 4 })], [
    "circular-2d",
    patches2d({ size: 2 }),
  ]] as const
) {
  const experiment = (order: TokenOrder) =>
    pipe(
      load(tinyDataset({ test: 20 })),
      tokenize(adaptive(patches, { order })),
      train(tokenMeanMlp({ embed: 4, hidden: 8 }), {
        optimizer: sgd({ learningRate: 0.2 }),
        batchSize: 10,
        epochs: 25,
      }),
      evaluate(),
      shiftEval({ mode }),
    );

  Deno.test(`shiftEval: an invariant tokenizer is exactly consistent (${mode})`, SANITIZED, async () => {
    const { shift, evaluation, params } = await run(experiment("canonical"), {});
    disposeParams(params);
    assertEquals(shift.offsets.length, 64);
    // A model that always says the same would be as consistent.
    assert(evaluation.accuracy > 0.5 && new Set(evaluation.predictions).size > 1, `${evaluation.accuracy}`);
    assertEquals([shift.consistency, shift.unanimity], [1, 1]);
    for (const { accuracy, consistency } of shift.offsets) {
      assertEquals([accuracy, consistency], [evaluation.accuracy, 1]);
    }
    const shares = [shift.worstAccuracy, shift.robustAccuracy, shift.randomAccuracy];
    assertEquals(shares, new Array(3).fill(evaluation.accuracy));
    assertAlmostEquals(shift.meanAccuracy, evaluation.accuracy, 1e-12);
  });

  Deno.test(
    `shiftEval: an equivariant tokenizer under a head that sees positions is not (${mode})`,
    SANITIZED,
    async () => {
      const { shift, params } = await run(experiment("polyphase"), {});
      disposeParams(params);
      assert(shift.consistency < 0.95 && shift.unanimity < 0.5, `${shift.consistency}, ${shift.unanimity}`);
    },
  );
}

Deno.test("shiftEval: the same seed gives the same result; no tensors are left", SANITIZED, async () => {
  const record = await run(
    pipe(
      load(tinyDataset({ test: 20 })),
      tokenize(adaptive(patches1d({ size: 4 }), { order: "random" })),
      train(tokenMeanMlp({ embed: 4, hidden: 8 }), { optimizer: sgd({ learningRate: 0.2 }), epochs: 1 }),
    ),
    {},
  );
  const before = tf.memory().numTensors;
  const shift = async (seed: number) => (await run(shiftEval({ offsets: [0, 20] }), { seed }, record)).shift;
  assertEquals(await shift(1), await shift(1));
  assertEquals(tf.memory().numTensors, before);
  disposeParams(record.params);
});

Deno.test(
  "shiftEval: ranges that are none, and all zero-filled shifts, are refused in one line",
  SANITIZED,
  async () => {
    for (const mode of SHIFT_MODES.filter((each) => each.startsWith("zero"))) {
      const { message } = await assertRejects(() => byHand([0], [0], { mode }), PolyphaseError);
      assertEquals(message, `shiftEval: mode "${mode}" has no end of offsets: give a range such as [-4, 4]`);
    }
    for (const offsets of [[2, 1], [0, 1.5], [NaN, 1], [0, Infinity]] as const) {
      const { message } = await assertRejects(() => byHand([0], [0], { offsets }), PolyphaseError);
      assertMatch(message, /^shiftEval: offsets from \S+ to \S+ are no range: give whole numbers in order$/);
      await assertRejects(
        () => byHand([0], [0], { offsets: [0, 1], random: offsets }),
        PolyphaseError,
        "are no range",
      );
    }
  },
);

for (const batchSize of [0, -3, 1.5]) {
  Deno.test(`shiftEval: a batch size of ${batchSize} is refused`, SANITIZED, async () => {
    await assertRejects(async () => await byHand([0], [0], { batchSize }), PolyphaseError);
  });
}

Deno.test("shiftEval: a signal stops it, and progress tells how far it is", SANITIZED, async () => {
  const controller = new AbortController();
  const done: number[] = [];
  const options = {
    backend: "cpu",
    signal: controller.signal,
    progress: (event: { done?: number; total?: number }) => {
      done.push(event.done!);
      assertEquals(event.total, 6);
      if (event.done === 3) controller.abort();
    },
  } as const;
  const record = brightestPixelRecord(dots([0], 2, 3), [0]);
  await assertRejects(() => run(shiftEval(), options, record), AbortedError, "shiftEval");
  assertEquals(done, [0, 1, 2, 3]);
});

Deno.test("shiftEval: the configuration holds every setting, defaults included", () => {
  assertEquals(shiftEval().config, { mode: "circular-flat", offsets: "all", random: "all", batchSize: 32 });
  assertEquals(shiftEval({ offsets: [1, 4] }).config, {
    mode: "circular-flat",
    offsets: [1, 4],
    random: [1, 4],
    batchSize: 32,
  });
});
