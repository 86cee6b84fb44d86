/**
 * TrivialAugment and RandAugment: what is drawn, how often, for whom, and by which key.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { applyOperations, IMAGE_OPERATIONS } from "../../../pipeline/augment/image_ops.ts";
import { drawOperations, randAugmentRanges, wideRanges } from "../../../pipeline/augment/operation_ranges.ts";
import { randAugment } from "../../../pipeline/augment/rand_augment.ts";
import { trivialAugmentWide } from "../../../pipeline/augment/trivial_augment.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { keyOf, split } from "../../../pipeline/random.ts";
import { randomImages } from "../fixtures.ts";

const NONE = new Uint32Array(0);
const images = randomImages(keyOf(1), { count: 24, height: 9, width: 8, channels: 3 });

/** The same image, over and over. */
const same = { ...images, pixels: images.pixels.map((_, at) => images.pixels[at % 216]) };

Deno.test("drawOperations: every operation, bin and sign is drawn as often as any other", () => {
  const ranges = wideRanges(31);
  const count = 14_000;
  const made = drawOperations(keyOf(2), count, ranges);
  const times = (of: (row: number) => boolean) => made.filter((_, row) => of(row)).length;
  for (const { operation, magnitudes, signed } of ranges) {
    const drawn = made.filter((each) => each.operation === operation);
    // Five standard deviations of a binomial number with mean 1,000.
    assert(Math.abs(drawn.length - 1000) < 5 * Math.sqrt(1000), `${operation}: ${drawn.length}`);
    assertEquals(new Set(drawn.map((each) => Math.abs(each.magnitude))), new Set(magnitudes), operation);
    const negative = drawn.filter((each) => each.magnitude < 0).length;
    // A magnitude of 0 has no sign, which takes a 31st away.
    if (signed) assert(Math.abs(negative / drawn.length - 15 / 31) < 0.09, `${operation}: ${negative}`);
    else assertEquals(negative, 0);
  }
  const rotations = times((row) => made[row].operation === "Rotate" && Math.abs(made[row].magnitude) === 135);
  assert(rotations > 10 && rotations < 60);
});

Deno.test("drawOperations: a bin that is given is that of every draw", () => {
  const ranges = randAugmentRanges(11, { height: 20, width: 30, channels: 1 });
  const made = drawOperations(keyOf(3), 500, ranges, 4);
  for (const { operation, magnitude } of made) {
    const { magnitudes, signed } = ranges.find((each) => each.operation === operation)!;
    assert(magnitude === magnitudes[4] || (signed && magnitude === -magnitudes[4]));
  }
  assertEquals(new Set(made.map(({ operation }) => operation)).size, IMAGE_OPERATIONS.length);
  const shears = made.filter(({ operation }) => operation === "ShearX").map(({ magnitude }) =>
    Math.sign(magnitude)
  );
  assertEquals(new Set(shears), new Set([-1, 1]));
});

Deno.test("trivialAugmentWide: each image by a draw of its own, or all of a batch by one", () => {
  const own = trivialAugmentWide().apply(same, keyOf(4), NONE).pixels;
  const kinds = new Set(rows(own));
  assert(kinds.size > 12, `${kinds.size} kinds of 24`);
  for (let seed = 0; seed < 20; seed++) {
    const shared = trivialAugmentWide({ per: "batch" }).apply(same, keyOf(seed), NONE).pixels;
    assertEquals(new Set(rows(shared)).size, 1);
  }
  const first = rows(trivialAugmentWide({ per: "batch" }).apply(images, keyOf(5), NONE).pixels);
  const [draw] = drawOperations(keyOf(5), 1, wideRanges(31));
  assertEquals(first, rows(applyOperations(images, [draw]).pixels));
});

Deno.test("trivialAugmentWide: is its draws applied, with its bins and its fill", () => {
  const made = trivialAugmentWide({ magnitudeBins: 5, fill: [9, 8, 7] }).apply(images, keyOf(6), NONE);
  assertEquals(made, applyOperations(images, drawOperations(keyOf(6), 24, wideRanges(5)), [9, 8, 7]));
  assertNotEquals(made, trivialAugmentWide({ magnitudeBins: 5 }).apply(images, keyOf(6), NONE));
  assertNotEquals(made, trivialAugmentWide({ fill: [9, 8, 7] }).apply(images, keyOf(6), NONE));
});

Deno.test("randAugment: is its draws applied one after the other, each by a key of its own", () => {
  for (const per of ["image", "batch"] as const) {
    const [first, second, third] = split(keyOf(7), 3);
    const ranges = randAugmentRanges(21, images);
    const draws = (key: typeof first) => drawOperations(key, per === "batch" ? 1 : 24, ranges, 17);
    let expected = applyOperations(images, draws(first), 5);
    expected = applyOperations(expected, draws(second), 5);
    expected = applyOperations(expected, draws(third), 5);
    const made = randAugment({ ops: 3, magnitude: 17, magnitudeBins: 21, per, fill: 5 });
    assertEquals(made.apply(images, keyOf(7), NONE), expected);
  }
  assertEquals(
    randAugment().apply(images, keyOf(7), NONE),
    randAugment({ ops: 2, magnitude: 9, magnitudeBins: 31, per: "image", fill: 0 }).apply(
      images,
      keyOf(7),
      NONE,
    ),
  );
});

Deno.test("random operations: by key alone, for any count and shape, with the input untouched", () => {
  fc.assert(
    fc.property(
      fc.record({
        count: fc.integer({ min: 0, max: 5 }),
        height: fc.integer({ min: 1, max: 9 }),
        width: fc.integer({ min: 1, max: 9 }),
        channels: fc.constantFrom(1, 3),
      }),
      fc.nat(),
      fc.constantFrom(
        trivialAugmentWide(),
        trivialAugmentWide({ per: "batch" }),
        randAugment(),
        randAugment({ ops: 1 }),
      ),
      (shape, seed, augmentation) => {
        const batch = randomImages(keyOf(8), shape);
        const copy = batch.pixels.slice();
        const made = augmentation.apply(batch, keyOf(seed), NONE);
        assertEquals(augmentation.apply(batch, keyOf(seed), NONE), made);
        assertEquals({ ...made, pixels: made.pixels.length }, { ...batch, pixels: copy.length });
        assertEquals(batch.pixels, copy);
        assert(made.pixels !== batch.pixels);
      },
    ),
    { seed: 23, numRuns: 300 },
  );
  for (const augmentation of [trivialAugmentWide(), randAugment()]) {
    assertEquals(augmentation.copies, 1);
    assertNotEquals(augmentation.apply(images, keyOf(1), NONE), augmentation.apply(images, keyOf(2), NONE));
  }
});

Deno.test("random operations: configurations hold every setting and make the same again", () => {
  const trivial = trivialAugmentWide({ fill: [1, 2, 3], per: "batch" });
  assertEquals(trivial.config, {
    name: "trivial-augment-wide",
    magnitudeBins: 31,
    per: "batch",
    fill: [1, 2, 3],
  });
  assertEquals(randAugment({ ops: 1 }).config, {
    name: "rand-augment",
    ops: 1,
    magnitude: 9,
    magnitudeBins: 31,
    per: "image",
    fill: 0,
  });
  const again = trivialAugmentWide(JSON.parse(JSON.stringify(trivial.config)));
  assertEquals(again.config, trivial.config);
  assertEquals(again.apply(images, keyOf(9), NONE), trivial.apply(images, keyOf(9), NONE));
});

Deno.test("random operations: bad options are refused in one line", () => {
  const refused: [make: () => unknown, message: string][] = [
    [
      () => trivialAugmentWide({ magnitudeBins: 1 }),
      "magnitudeBins is 1, expected a whole number, 2 or more",
    ],
    [() => trivialAugmentWide({ magnitudeBins: 2.5 }), "magnitudeBins is 2.5"],
    [
      () => trivialAugmentWide(JSON.parse(`{ "per": "epoch" }`)),
      `per is "epoch", expected "image" or "batch"`,
    ],
    [() => trivialAugmentWide({ fill: 256 }), "fill is 256, expected a whole number from 0 to 255"],
    [() => trivialAugmentWide({ fill: [] }), "fill is []"],
    [() => trivialAugmentWide({ fill: [0, 0.5, 0] }), "fill is [0,0.5,0]"],
    [() => randAugment({ ops: 0 }), "ops is 0, expected a whole number, 1 or more"],
    [() => randAugment({ magnitude: -1 }), "magnitude is -1, expected a whole number, 0 or more"],
    [() => randAugment({ magnitude: 31 }), "magnitude is 31 of 31 bins, expected 0 to 30"],
    [
      () => trivialAugmentWide({ fill: [1, 2] }).apply(images, keyOf(1), NONE),
      "fill has 2 values for images of 3",
    ],
  ];
  for (const [make, message] of refused) {
    const fault = assertThrows(make, PolyphaseError, message);
    assert(!fault.message.includes("\n"));
  }
});

/** Text of each image. */
function rows(pixels: Uint8Array): string[] {
  return Array.from(
    { length: pixels.length / 216 },
    (_, row) => pixels.subarray(216 * row, 216 * (row + 1)).join(),
  );
}
