/** The figures of shiftEval beyond the classes at each offset: logits, pairs, further modes, some of the images. @module */

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import type { Images } from "../../../datasets/dataset.ts";
import { resizeImages } from "../../../datasets/resize.ts";
import { tf } from "../../../models/backend/tf.ts";
import { disposeParams } from "../../../models/params.ts";
import { adaptive } from "../../../models/tokenizers/adaptive.ts";
import { patches2d, pixels } from "../../../models/tokenizers/patches.ts";
import { tokenMeanMlp } from "../../../models/token_mean_mlp.ts";
import { AbortedError, PolyphaseError } from "../../../pipeline/errors.ts";
import { run } from "../../../pipeline/pipe.ts";
import { rebuild } from "../../../pipeline/rebuild.ts";
import { registry } from "../../../pipeline/registry.ts";
import { shiftEval, type ShiftEvalOptions, type ShiftResult } from "../../../pipeline/shift_eval.ts";
import { brightestPixelRecord, dots } from "../fixtures.ts";
import { circularMaps, drawnRecord, noiseSplit, watched } from "../shift_fixtures.ts";

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

Deno.test(
  "shiftEval: unshifted accuracy, pairs of all offsets and token sequences, by hand",
  SANITIZED,
  async () => {
    // A dot is somewhere else at each of six offsets; the grey image is class 0 and the same tokens at all of them.
    const shift = await byHand([0, 1, 5, -1], [0, 2, 5, 1], {});
    assertEquals([shift.images, shift.unshiftedAccuracy], [4, 2 / 4]);
    assertAlmostEquals(shift.pairConsistency, (3 * (1 / 6) + 1) / 4, 1e-15);
    assertEquals(shift.tokenSequences, (3 * 6 + 1) / 4);
    assertEquals([shift.logits, shift.modes, shift.pairs], [undefined, undefined, undefined]);
    assertEquals(Object.keys(shift.offsets[0]), ["dy", "dx", "accuracy", "consistency"]);
    // At -1, 0 and 1 the dot of the second is at 0, 1 and 2; the first leaves to the left, black, and counts as class 0.
    const zero = await byHand([0, 1], [0, 1], { mode: "zero-flat", offsets: [-1, 1] });
    assertAlmostEquals(zero.pairConsistency, ((2 * 2 + 1) / 9 + 3 / 9) / 2, 1e-15);
  },
);

Deno.test("shiftEval: differences of logits, by hand", SANITIZED, async () => {
  // Logits are bytes / 255: moving the dot of 200 changes two of them by 200 / 255.
  const shift = await byHand([0, -1, -1, -1], [0, 0, 0, 0], { logits: true });
  const { logits, offsets } = shift;
  assertEquals([logits!.tolerance, logits!.exact, logits!.alwaysExact], [1e-3, 3 / 4, 3 / 4]);
  assertAlmostEquals(logits!.maxDifference, 200 / 255, 1e-6);
  assertEquals(offsets.map(({ exact }) => exact), [1, 3 / 4, 3 / 4, 3 / 4, 3 / 4, 3 / 4]);
  assertEquals(offsets[0].logitDifference, 0);
  assertAlmostEquals(offsets[1].logitDifference!, 200 / 255, 1e-6);
  const loose = await byHand([0, -1, -1, -1], [0, 0, 0, 0], { logits: true, tolerance: 0.8 });
  assertEquals([loose.logits!.exact, loose.logits!.alwaysExact, loose.logits!.tolerance], [1, 1, 0.8]);
  // Only the offset that moves nothing: it is all there is to go by.
  const still = await byHand([0], [0], { logits: true, offsets: [0, 0] });
  assertEquals([still.logits!.exact, still.logits!.maxDifference], [1, 0]);
});

for (const isAdaptive of [true, false]) {
  Deno.test(
    `shiftEval: ${isAdaptive ? "an adaptive" : "a plain"} model ${
      isAdaptive ? "keeps" : "does not keep"
    } its logits at every offset`,
    SANITIZED,
    async () => {
      const record = await drawnRecord(circularMaps(isAdaptive), pixels(), noiseSplit(6, 6, 3));
      const before = tf.memory().numTensors;
      const { shift } = await run(
        shiftEval({ mode: "circular-2d", logits: true, tolerance: 1e-5, pairs: [{ draws: 20 }] }),
        { backend: "wasm" },
        record,
      );
      assertEquals(tf.memory().numTensors, before);
      assertEquals([shift.offsets.length, shift.tokenSequences], [36, 36]);
      const { exact, alwaysExact, maxDifference } = shift.logits!;
      if (isAdaptive) {
        assertEquals([exact, alwaysExact, shift.unanimity, shift.pairConsistency], [1, 1, 1, 1]);
        assert(maxDifference < 1e-5, `${maxDifference}`);
        assertEquals([shift.pairs![0].exact, shift.pairs![0].consistency], [1, 1]);
      } else {
        // Shifts by even numbers of rows and columns are followed: 8 of the 35 others.
        assertAlmostEquals(exact, 8 / 35, 1e-12);
        assertEquals(alwaysExact, 0);
        assert(maxDifference > 1e-3, `${maxDifference}`);
        assertAlmostEquals(shift.pairs![0].exact!, 1 / 4, 0.12);
      }
      disposeParams(record.params);
    },
  );
}

Deno.test("shiftEval: further modes are tried like the first", SANITIZED, async () => {
  const both = await byHand([0, 4], [0, 1], {
    modes: [{ mode: "circular-2d" }, { mode: "zero-flat", offsets: [-1, 2] }],
  });
  const { randomAccuracy: _, ...second } = await byHand([0, 4], [0, 1], { mode: "circular-2d" });
  const { randomAccuracy: __, ...third } = await byHand([0, 4], [0, 1], {
    mode: "zero-flat",
    offsets: [-1, 2],
  });
  assertEquals(both.mode, "circular-flat");
  assertEquals(both.modes, [second, third]);
});

Deno.test(
  "shiftEval: all offsets on some of the images, pairs and random offsets on all",
  SANITIZED,
  async () => {
    const options = { images: 2, pairs: [{ mode: "circular-flat", draws: 2 }], random: [0, 0] } as const;
    const shift = await byHand([0, 1, -1, -1], [0, 2, 0, 0], options);
    assertEquals([shift.images, shift.unshiftedAccuracy, shift.unanimity], [2, 1 / 2, 0]);
    assertEquals([shift.randomAccuracy, shift.pairs![0].images, shift.pairs![0].unshiftedAccuracy], [
      3 / 4,
      4,
      3 / 4,
    ]);
    assertEquals((await byHand([0, 1], [0, 1], { images: 9 })).images, 2);
    // Dots and grey images in turn: the first 20 are half of each, random ones vary, and are the same for every run.
    const places = Array.from({ length: 60 }, (_, index) => (index < 20 ? 0 : index < 40 ? -1 : 3));
    const chosen = async (choose: "first" | "random", seed: number) => (await byHand(
      places,
      places.map(() => 0),
      { images: 20, choose, offsets: [0, 1] },
      seed,
    ));
    assertEquals((await chosen("first", 0)).unshiftedAccuracy, 1);
    const random = await chosen("random", 0);
    assert(random.unshiftedAccuracy < 1 && random.unanimity > 0 && random.unanimity < 1);
    assertEquals((await chosen("random", 5)).offsets, random.offsets);
  },
);

Deno.test(
  "pairs: the share of equal places of uniform offsets, and the accuracy on them",
  SANITIZED,
  async () => {
    const places = new Array(300).fill(4);
    const labels = new Array(300).fill(4);
    const record = brightestPixelRecord(dots(places, 3, 3), labels);
    const options: ShiftEvalOptions = {
      offsets: [0, 0],
      pairs: [
        { draws: 5 },
        { mode: "zero-2d", max: 1, draws: 5 },
        { mode: "zero-2d", max: 5, draws: 5 },
        { mode: "circular-flat", draws: 5 },
      ],
    };
    const { shift } = await run(shiftEval(options), { backend: "cpu" }, record);
    const [circular, near, far, flat] = shift.pairs!;
    assertEquals(shift.pairs!.map(({ mode, max }) => [mode, max]), [
      ["circular-2d", "all"],
      ["zero-2d", 1],
      ["zero-2d", 5],
      ["circular-flat", "all"],
    ]);
    for (const pair of [circular, near, flat]) {
      // Nine places, each as likely as the others: offsets of at most 1 do not push the dot in the middle out.
      assertAlmostEquals(pair.consistency, 1 / 9, 0.03);
      assertAlmostEquals(pair.accuracy, 1 / 9, 0.03);
      assertEquals(pair.unshiftedAccuracy, 1);
    }
    // Of 121 offsets 112 push it out, and black images count as class 0, with one more that lands there.
    assertAlmostEquals(far.consistency, (113 ** 2 + 8) / 121 ** 2, 0.03);
  },
);

Deno.test("pairs: they follow their own seed, not that of the run", SANITIZED, async () => {
  const places = Array.from({ length: 30 }, (_, index) => index % 6);
  const pairs = async (seed: number, own?: number) =>
    (await byHand(places, places, { offsets: [0, 0], pairs: [{ draws: 3, seed: own }] }, seed)).pairs;
  const first = await pairs(0);
  assertEquals(await pairs(1), first);
  assertEquals(await pairs(0, 0), first);
  const other = await pairs(0, 1);
  assert(other![0].consistency !== first![0].consistency || other![0].accuracy !== first![0].accuracy);
});

Deno.test("pairs: crops are windows of the enlarged image", SANITIZED, async () => {
  const { images } = noiseSplit(40, 4, 5, 3);
  const seen: Images[] = [];
  const record = {
    ...await drawnRecord(tokenMeanMlp({ embed: 2, hidden: 2 }), pixels(), {
      images,
      labels: new Uint8Array(40),
    }),
    tokenizer: watched(pixels(), (each) => seen.push(each)),
  };
  await run(shiftEval({ offsets: [0, 0], pairs: [{ mode: "crop-2d", max: 2, draws: 4 }] }), {
    backend: "cpu",
  }, record);
  disposeParams(record.params);
  const large = resizeImages(images, { height: 8, width: 8 });
  const window = (image: number, top: number, left: number) =>
    Array.from({ length: 4 }, (_, y) => {
      const start = ((image * 8 + top + y) * 8 + left) * 3;
      return [...large.pixels.subarray(start, start + 12)];
    }).flat().join();
  const found = new Set<string>();
  // What came first: the images themselves, for the offset and for the random offset, and for the pairs.
  const crops = seen.slice(-8);
  assertEquals(crops.length, 8);
  for (const { pixels, count } of crops) {
    assertEquals(count, 40);
    for (let image = 0; image < count; image++) {
      const crop = pixels.subarray(image * 48, (image + 1) * 48).join();
      const places = [0, 1, 2, 3, 4].flatMap((top) => [0, 1, 2, 3, 4].map((left) => [top, left]));
      const place = places.find(([top, left]) => window(image, top, left) === crop);
      assert(place !== undefined, "a crop that is no window");
      found.add(place.join());
    }
  }
  assertEquals(found.size, 25);
});

Deno.test("shiftEval: settings out of range are refused in one line", () => {
  for (
    const [options, expected] of [
      [{ images: 0 }, /0 is no number of images/],
      [{ images: 1.5 }, /1.5 is no number of images/],
      [{ tolerance: -1 }, /tolerance -1/],
      [{ tolerance: NaN }, /tolerance NaN/],
      [{ pairs: [{ mode: "zero-2d" }] }, /"zero-2d" have no end/],
      [{ pairs: [{ mode: "crop-2d" }] }, /"crop-2d" have no end/],
      [{ pairs: [{ max: 0 }] }, /max 0/],
      [{ pairs: [{ max: 1.5 }] }, /max 1.5/],
      [{ pairs: [{ draws: 0 }] }, /0 draws/],
      [{ pairs: [{ seed: -1 }] }, /seed -1/],
    ] as const satisfies readonly (readonly [ShiftEvalOptions, RegExp])[]
  ) {
    const { message } = assertThrows(() => shiftEval(options), PolyphaseError);
    assertMatch(message, expected);
    assert(!message.includes("\n"));
  }
});

Deno.test("shiftEval: an end of offsets is asked of further modes as well", SANITIZED, async () => {
  await assertRejects(
    () => byHand([0], [0], { modes: [{ mode: "zero-2d" }] }),
    PolyphaseError,
    "no end of offsets",
  );
});

Deno.test("shiftEval: a configuration with every setting builds the same stage again", () => {
  const options: ShiftEvalOptions = {
    mode: "circular-2d",
    offsets: "all",
    random: [1, 2],
    batchSize: 8,
    modes: [{ mode: "circular-flat" }, { mode: "zero-2d", offsets: [-1, 1] }],
    images: 5,
    choose: "random",
    logits: true,
    tolerance: 1e-4,
    pairs: [{}, { mode: "crop-2d", max: 2, draws: 3, seed: 4 }],
  };
  const { config } = shiftEval(options);
  assertEquals(config, {
    ...options,
    modes: [{ mode: "circular-flat", offsets: "all" }, { mode: "zero-2d", offsets: [-1, 1] }],
    pairs: [
      { mode: "circular-2d", max: "all", draws: 1, seed: 0 },
      { mode: "crop-2d", max: 2, draws: 3, seed: 4 },
    ],
  });
  const [again] = rebuild({ stages: [{ name: "shiftEval", config }] }, registry).stages;
  assertEquals(again.config, config);
});

Deno.test("shiftEval: pairs tell how far they are, and stop at a signal", SANITIZED, async () => {
  const record = brightestPixelRecord(dots([0, 1], 2, 3), [0, 1]);
  const texts = new Set<string>();
  const controller = new AbortController();
  const stage = shiftEval({ offsets: [0, 0], modes: [{ mode: "circular-2d" }], pairs: [{}, { draws: 2 }] });
  const options = {
    backend: "cpu",
    signal: controller.signal,
    progress: ({ text, done, total }: { text: string; done?: number; total?: number }) => {
      texts.add(text);
      if (text.startsWith("comparing") && total === 5 && done === 2) controller.abort();
    },
  } as const;
  await assertRejects(() => run(stage, options, record), AbortedError, "shiftEval");
  assertEquals([...texts], [
    "shifting",
    "shifting (circular-2d)",
    "shifting at random",
    "comparing pairs (circular-2d)",
  ]);
});

Deno.test("shiftEval: an equivariant tokenizer makes all offsets cheap", SANITIZED, async () => {
  const split = noiseSplit(3, 8, 6);
  const counts: number[] = [];
  const record = await drawnRecord(
    tokenMeanMlp({ embed: 8, hidden: 8 }),
    adaptive(patches2d({ size: 4 })),
    split,
  );
  const { model } = record;
  const counting = {
    ...record,
    model: {
      ...model,
      apply: (...[params, tokens, options]: Parameters<typeof model.apply>) => {
        counts.push(tokens.shape[0]);
        return model.apply(params, tokens, options);
      },
    },
  };
  const { shift } = await run(
    shiftEval({ mode: "circular-2d", random: [0, 0] }),
    { backend: "wasm" },
    counting,
  );
  // Sixteen phases of the patch give the same tokens, in four rotations; the random offset takes a pass of its own.
  assertEquals([shift.offsets.length, shift.tokenSequences], [64, 4]);
  assertEquals(counts, [3 * 4, 3]);
  disposeParams(record.params);
});
