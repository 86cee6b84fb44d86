/** Changed test images, and what models say of them. @module */

import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { takeImages } from "../../datasets/dataset.ts";
import { tf } from "../../models/backend/tf.ts";
import { disposeParams } from "../../models/params.ts";
import { pixels } from "../../models/tokenizers/patches.ts";
import { AbortedError, PolyphaseError } from "../../pipeline/errors.ts";
import { run } from "../../pipeline/pipe.ts";
import { keyOf } from "../../pipeline/random.ts";
import { addNoise, eraseSquares, robustness, type RobustnessOptions } from "../../pipeline/robustness.ts";
import { brightestPixelRecord, dots } from "./fixtures.ts";
import { circularMaps, drawnRecord, noiseSplit } from "./shift_fixtures.ts";

const SANITIZED = { sanitizeOps: true, sanitizeResources: true };

Deno.test("robustness: mirrored dots, by hand", SANITIZED, async () => {
  // On 2×3 pixels a dot at 0 is mirrored to 2 (left to right), to 3 (top to bottom) and to 5 (both).
  const record = brightestPixelRecord(dots([0, 0, 0, 0], 2, 3), [0, 2, 3, 5]);
  const rows = (await run(robustness({ erase: [], noise: [] }), { backend: "cpu" }, record)).robustness;
  assertEquals(rows.map(({ change }) => change), ["clean", "flip-horizontal", "flip-vertical", "flip-both"]);
  assertEquals(rows.map(({ accuracy }) => accuracy), [1 / 4, 1 / 4, 1 / 4, 1 / 4]);
  const same = brightestPixelRecord(dots([0, 0], 2, 3), [0, 2]);
  const of = (await run(robustness({ erase: [], noise: [] }), { backend: "cpu" }, same)).robustness;
  assertEquals(of.map(({ accuracy }) => accuracy), [1 / 2, 1 / 2, 0, 0]);
});

Deno.test("robustness: the rows asked for, their figures and their pairs", SANITIZED, async () => {
  const record = brightestPixelRecord(dots(new Array(200).fill(4), 3, 3), new Array(200).fill(4));
  const options = { erase: [1, 3], flips: false, noise: [1, 2.5], pairs: { draws: 3 } };
  const before = tf.memory().numTensors;
  const rows = (await run(robustness(options), { backend: "cpu" }, record)).robustness;
  assertEquals(tf.memory().numTensors, before);
  const by = Object.fromEntries(rows.map((row) => [row.change, row]));
  assertEquals(Object.keys(by), ["clean", "erase-1", "erase-3", "noise-1", "noise-2.5"]);
  assertEquals([by.clean.accuracy, by["noise-1"].accuracy], [1, 1]);
  // One pixel of nine is the dot; black images count as class 0, and three by three pixels are all there are.
  assertAlmostEquals(by["erase-1"].accuracy, 8 / 9, 0.06);
  assertEquals([by["erase-3"].accuracy, by["erase-3"].consistency], [0, 1]);
  for (const { consistency, shiftedAccuracy, accuracy, pairs } of rows) {
    assertEquals([consistency, shiftedAccuracy, accuracy], [
      pairs.consistency,
      pairs.accuracy,
      pairs.unshiftedAccuracy,
    ]);
    assertEquals([pairs.mode, pairs.draws, pairs.images], ["circular-2d", 3, 200]);
  }
  assertAlmostEquals(by.clean.consistency, 1 / 9, 0.05);
});

Deno.test(
  "robustness: an adaptive model stays consistent on images of every kind, its plain twin does not",
  SANITIZED,
  async () => {
    const { images, labels } = noiseSplit(30, 6);
    // A few bright pixels on black: which of them are kept then decides the class.
    const lit = images.pixels.map((byte) => (byte > 220 ? byte : 0));
    const sparse = { images: { ...images, pixels: lit }, labels };
    const consistency = async (isAdaptive: boolean) => {
      const record = await drawnRecord(circularMaps(isAdaptive), pixels(), sparse);
      const rows = (await run(robustness({ pairs: { draws: 4 } }), { backend: "wasm" }, record)).robustness;
      disposeParams(record.params);
      return rows.map((row) => row.consistency);
    };
    assertEquals(await consistency(true), new Array(6).fill(1));
    const plain = await consistency(false);
    assert(plain.some((each) => each < 1), `${plain}`);
  },
);

Deno.test("eraseSquares: one square of zeros in each image, anywhere inside", () => {
  const images = { ...noiseSplit(300, 5, 1, 3).images };
  const bright = { ...images, pixels: images.pixels.map((byte) => byte | 1) };
  const erased = eraseSquares(bright, 2, keyOf(3));
  const places = new Set<number>();
  for (let image = 0; image < 300; image++) {
    const { pixels } = takeImages(erased, [image]);
    const zeros = [...pixels.keys()].filter((at) => pixels[at] === 0);
    const first = zeros[0];
    const expected = [0, 1, 2, 3, 4, 5, 15, 16, 17, 18, 19, 20].map((step) => first + step);
    assertEquals(zeros, expected);
    assert(Math.floor(first / 15) <= 3 && (first % 15) / 3 <= 3, `${first}`);
    places.add(first);
    // What is left is as it was.
    const was = takeImages(bright, [image]).pixels;
    pixels.forEach((byte, at) => byte === 0 || assertEquals(byte, was[at]));
  }
  assertEquals(places.size, 16);
  assertEquals(eraseSquares(bright, 2, keyOf(3)).pixels, erased.pixels);
  assertThrows(() => eraseSquares(images, 6, keyOf(0)), PolyphaseError, "6 pixels in images of 5×5");
});

Deno.test("addNoise: bytes with the deviation asked for, and none beyond 0 and 255", () => {
  const flat = (value: number) => ({
    count: 1,
    height: 100,
    width: 100,
    channels: 1,
    pixels: new Uint8Array(10000).fill(value),
  });
  const { pixels } = addNoise(flat(128), 10, keyOf(1));
  const mean = pixels.reduce((sum, byte) => sum + byte, 0) / 10000;
  const deviation = Math.sqrt(pixels.reduce((sum, byte) => sum + (byte - mean) ** 2, 0) / 10000);
  assertAlmostEquals(mean, 128, 0.4);
  assertAlmostEquals(deviation, 10, 0.3);
  const black = addNoise(flat(0), 10, keyOf(1)).pixels;
  // Half of them would be below 0: they are not 246 and the like.
  assert(black.every((byte) => byte < 60));
  assert(addNoise(flat(255), 10, keyOf(1)).pixels.every((byte) => byte > 195));
});

Deno.test("robustness: squares and noise follow their own seed", SANITIZED, async () => {
  const record = brightestPixelRecord(
    dots(Array.from({ length: 60 }, (_, at) => at % 9), 3, 3),
    new Array(60).fill(4),
  );
  const rows = async (seed: number, own?: number) =>
    (await run(robustness({ erase: [2], noise: [90], seed: own }), { backend: "cpu", seed }, record))
      .robustness;
  const first = await rows(0);
  assertEquals(await rows(4), first);
  const other = await rows(0, 1);
  assert(
    first.some((row, at) => row.consistency !== other[at].consistency || row.accuracy !== other[at].accuracy),
  );
  assertEquals(other[0], first[0]);
});

Deno.test("robustness: options out of range, the configuration, and a signal", SANITIZED, async () => {
  for (
    const options of [
      { erase: [0] },
      { erase: [1.5] },
      { noise: [0] },
      { noise: [NaN] },
      { seed: -1 },
      { pairs: { draws: 0 } },
    ] as RobustnessOptions[]
  ) assertThrows(() => robustness(options), PolyphaseError);
  const pairs = { mode: "circular-2d", max: "all", draws: 1, seed: 0 };
  assertEquals(robustness().config, { erase: [3], flips: true, noise: [10], pairs, seed: 0 });
  const { config } = robustness({
    erase: [2, 5],
    flips: false,
    noise: [],
    pairs: { max: 3, draws: 2 },
    seed: 4,
  });
  assertEquals(robustness(config as RobustnessOptions).config, config);
  const record = brightestPixelRecord(dots([0], 3, 3), [0]);
  const controller = new AbortController();
  const seen: [string, number][] = [];
  const abortable = {
    backend: "cpu",
    signal: controller.signal,
    progress: ({ text, done, total }: { text: string; done?: number; total?: number }) => {
      assertEquals(total, 6);
      seen.push([text, done!]);
      if (text === "erase-3") controller.abort();
    },
  } as const;
  await assertRejects(() => run(robustness(), abortable, record), AbortedError, "robustness");
  assertEquals(seen.at(-1), ["erase-3", 1]);
  assertEquals(seen[0], ["clean", 0]);
});
