/**
 * mixup and CutMix: pixels and targets in the same shares, partners, chances and keys.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { Augmentation, TargetedImages } from "../../../pipeline/augment.ts";
import { betaNumbers } from "../../../pipeline/augment/beta.ts";
import { cutmix } from "../../../pipeline/augment/cutmix.ts";
import { drawMixes, mixBatch, type MixingRule } from "../../../pipeline/augment/mixing.ts";
import { mixup } from "../../../pipeline/augment/mixup.ts";
import { mixupCutmix } from "../../../pipeline/augment/mixup_cutmix.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { type Key, keyOf, split } from "../../../pipeline/random.ts";
import { randomImages } from "../fixtures.ts";

/** `count` images of one value each, 0 for the first half and 250 for the other, each of the class of its half. */
function halves(count: number, height = 10, width = 8, channels = 1): TargetedImages {
  const size = height * width * channels;
  const pixels = Uint8Array.from({ length: count * size }, (_, at) => at < count * size / 2 ? 0 : 250);
  const targets = Float32Array.from(
    { length: 2 * count },
    (_, at) => (at % 2 === 1) === (at >= count) ? 1 : 0,
  );
  return { images: { count, height, width, channels, pixels }, targets };
}

/** Images and targets that are all different. */
function random(seed: number, count: number, channels = 1, classes = 3): TargetedImages {
  const images = randomImages(keyOf(seed), { count, height: 5, width: 6, channels });
  const targets = new Float32Array(count * classes);
  for (let row = 0; row < count; row++) targets[row * classes + (row * 7 + seed) % classes] = 1;
  return { images, targets };
}

const mix = (augmentation: Augmentation, batch: TargetedImages, key: Key) => augmentation.mix!(batch, key);
const makers = [mixup, cutmix, mixupCutmix];
const both: MixingRule = {
  mixupAlpha: 0.8,
  cutmixAlpha: 1,
  switchProbability: 0.5,
  probability: 1,
  per: "image",
};

Deno.test("mixBatch: a share of each image and the rest of its partner at the mirrored place", () => {
  const images = {
    count: 3,
    height: 1,
    width: 2,
    channels: 1,
    pixels: Uint8Array.from([0, 10, 77, 78, 100, 255]),
  };
  const targets = Float32Array.from([1, 0, 0, 1, 0, 1]);
  const mixed = mixBatch({ images, targets }, [{ share: 0.75 }]);
  // 0.75 · 10 + 0.25 · 255 = 71.25, 0.25 · 10 + 0.75 · 255 = 193.75. The one in the middle is its own partner.
  assertEquals([...mixed.images.pixels], [25, 71, 77, 78, 75, 194]);
  assertEquals([...mixed.targets], [0.75, 0.25, 0, 1, 0.25, 0.75]);
});

Deno.test("mixBatch: a rectangle of the partner, with all its channels", () => {
  const count = 2;
  const pixels = Uint8Array.from({ length: 2 * 3 * 3 * 2 }, (_, at) => at);
  const images = { count, height: 3, width: 3, channels: 2, pixels };
  const box = { top: 0, bottom: 2, left: 1, right: 3 };
  const mixed = mixBatch({ images, targets: Float32Array.from([1, 0, 0, 1]) }, [{ share: 5 / 9, box }, {
    share: 1,
  }]);
  assertEquals(
    [...mixed.images.pixels.subarray(0, 18)],
    [0, 1, 20, 21, 22, 23, 6, 7, 26, 27, 28, 29, 12, 13, 14, 15, 16, 17],
  );
  assertEquals(mixed.images.pixels.subarray(18), pixels.subarray(18));
  assertEquals([...mixed.targets], [Math.fround(5 / 9), Math.fround(4 / 9), 0, 1]);
});

Deno.test("mixup: pixels show the share that the targets say, to half a byte", () => {
  for (const per of ["batch", "image"] as const) {
    const batch = halves(20);
    const { images, targets } = mix(mixup({ alpha: 1, per }), batch, keyOf(1));
    for (let row = 0; row < 20; row++) {
      const share = targets[2 * row + 1];
      assert(Math.abs(images.pixels[80 * row] - 250 * share) <= 0.5 + 1e-4);
      assertEquals(new Set(images.pixels.subarray(80 * row, 80 * (row + 1))).size, 1);
    }
    const shares = new Set(targets.filter((_, at) => at < 20 && at % 2 === 0));
    assertEquals(shares.size, per === "batch" ? 1 : 10);
  }
});

Deno.test("cutmix: the area that is pasted is the share that the targets say", () => {
  for (const per of ["batch", "image"] as const) {
    const areas = new Set<number>();
    for (let seed = 0; seed < 30; seed++) {
      const { images, targets } = mix(cutmix({ per }), halves(6), keyOf(seed));
      for (let row = 0; row < 6; row++) {
        const bright = images.pixels.subarray(80 * row, 80 * (row + 1)).filter((value) =>
          value === 250
        ).length;
        assertAlmostEquals(targets[2 * row + 1], bright / 80, 1e-6);
        areas.add(bright);
      }
    }
    assert(areas.size > 15, `${areas.size} areas`);
  }
});

Deno.test("cutmix: rectangles have the image's proportions, even sides, and centres everywhere", () => {
  const rule = { ...both, mixupAlpha: 0 };
  const shape = { height: 40, width: 20, channels: 1 };
  const draws = drawMixes(keyOf(2), 4000, shape, rule);
  const areas = betaNumbers(split(keyOf(2), 6)[3], 4000, 1, 1);
  const corners = new Set<string>();
  draws.forEach(({ share, box }, index) => {
    const { top, bottom, left, right } = box!;
    assert(top >= 0 && bottom <= 40 && left >= 0 && right <= 20 && top <= bottom && left <= right);
    assertAlmostEquals(share, 1 - (bottom - top) * (right - left) / 800, 1e-12);
    const side = Math.sqrt(1 - areas[index]);
    // Where the border does not cut anything off.
    if (top > 0 && bottom < 40) assertEquals(bottom - top, 2 * Math.floor(Math.floor(40 * side) / 2));
    if (left > 0 && right < 20) assertEquals(right - left, 2 * Math.floor(Math.floor(20 * side) / 2));
    corners.add(`${top === 0} ${bottom === 40} ${left === 0} ${right === 20}`);
  });
  assert(corners.size >= 9, "rectangles at every side and in the middle");
});

Deno.test("mixupCutmix: picks between the two as often as it should, and is each of them at the ends", () => {
  const shape = { height: 10, width: 10, channels: 1 };
  const cuts = (switchProbability: number) =>
    drawMixes(keyOf(3), 2000, shape, { ...both, switchProbability }).filter(({ box }) => box).length;
  assert(Math.abs(cuts(0.5) - 1000) < 5 * Math.sqrt(500));
  assert(Math.abs(cuts(0.2) - 400) < 5 * Math.sqrt(320));
  assertEquals([cuts(0), cuts(1)], [0, 2000]);
  const batch = random(4, 8);
  const settings = { mixupAlpha: 0.4, cutmixAlpha: 0.7 };
  assertEquals(
    mix(mixupCutmix({ ...settings, switchProbability: 0 }), batch, keyOf(5)),
    mix(mixup({ alpha: 0.4 }), batch, keyOf(5)),
  );
  assertEquals(
    mix(mixupCutmix({ ...settings, switchProbability: 1 }), batch, keyOf(5)),
    mix(cutmix({ alpha: 0.7 }), batch, keyOf(5)),
  );
  assertNotEquals(mix(mixup(), batch, keyOf(5)), mix(cutmix(), batch, keyOf(5)));
});

Deno.test("mixing: shares follow the beta distribution of their alpha", () => {
  const shape = { height: 10, width: 10, channels: 1 };
  for (const mixupAlpha of [0.2, 1, 4]) {
    const draws = drawMixes(keyOf(6), 4000, shape, { ...both, mixupAlpha, cutmixAlpha: 0 });
    const variance = draws.reduce((sum, { share }) => sum + (share - 0.5) ** 2, 0) / 4000;
    const expected = 1 / (4 * (2 * mixupAlpha + 1));
    assertAlmostEquals(variance, expected, 0.08 * expected);
  }
});

Deno.test("mixing: a probability leaves some draws unmixed", () => {
  const shape = { height: 10, width: 10, channels: 1 };
  const kept = drawMixes(keyOf(7), 2000, shape, { ...both, probability: 0.3 })
    .filter(({ share, box }) => share === 1 && !box).length;
  assert(Math.abs(kept - 1400) < 5 * Math.sqrt(420), `${kept} of 2000`);
  for (const make of makers) {
    const batch = random(8, 6);
    assertEquals(mix(make({ probability: 0 }), batch, keyOf(1)), batch);
  }
});

Deno.test("mixing: targets keep their sum, pixels stay between those mixed, and the input is untouched", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...makers),
      fc.constantFrom<"batch" | "image">("batch", "image"),
      fc.integer({ min: 0, max: 7 }),
      fc.constantFrom(1, 2, 3),
      fc.nat(),
      (make, per, count, channels, seed) => {
        const batch = random(seed % 100, count, channels, 4);
        const before = { pixels: batch.images.pixels.slice(), targets: batch.targets.slice() };
        const augmentation = make({ per });
        const mixed = mix(augmentation, batch, keyOf(seed));
        assertEquals(mix(augmentation, batch, keyOf(seed)), mixed);
        assertEquals({ pixels: batch.images.pixels, targets: batch.targets }, before);
        assertEquals({ ...mixed.images, pixels: 0 }, { ...batch.images, pixels: 0 });
        const size = 30 * channels;
        for (let row = 0; row < count; row++) {
          const sum = mixed.targets.subarray(4 * row, 4 * row + 4).reduce((total, each) => total + each, 0);
          assertAlmostEquals(sum, 1, 1e-6);
          for (let at = 0; at < size; at++) {
            const pair = [before.pixels[row * size + at], before.pixels[(count - 1 - row) * size + at]];
            const value = mixed.images.pixels[row * size + at];
            assert(value >= Math.min(...pair) && value <= Math.max(...pair));
          }
        }
      },
    ),
    { seed: 27, numRuns: 200 },
  );
});

Deno.test("mixing: without targets images stay as they are", () => {
  const { images } = random(9, 5);
  for (const make of makers) {
    assertEquals(make().apply(images, keyOf(1), new Uint32Array(5)), images);
    assertEquals(make().copies, 1);
  }
});

Deno.test("mixing: another key mixes otherwise", () => {
  const batch = halves(4, 24, 24);
  for (const make of makers) {
    const made = new Set(
      Array.from({ length: 10 }, (_, seed) => mix(make(), batch, keyOf(seed)).images.pixels.join()),
    );
    assert(made.size >= 9, `${made.size} of 10`);
  }
});

Deno.test("mixing: configurations hold every setting and make the same again", () => {
  assertEquals(mixup().config, { name: "mixup", alpha: 1, probability: 1, per: "batch" });
  assertEquals(cutmix({ alpha: 2 }).config, { name: "cutmix", alpha: 2, probability: 1, per: "batch" });
  assertEquals(mixupCutmix().config, {
    name: "mixup-cutmix",
    mixupAlpha: 0.8,
    cutmixAlpha: 1,
    switchProbability: 0.5,
    probability: 1,
    per: "batch",
  });
  const batch = random(11, 6);
  for (const make of makers) {
    const made = make({ per: "image", probability: 0.9 });
    const again = make(JSON.parse(JSON.stringify(made.config)));
    assertEquals([again.name, again.config], [made.name, made.config]);
    assertEquals(mix(again, batch, keyOf(12)), mix(made, batch, keyOf(12)));
  }
});

Deno.test("mixing: bad options, and targets that do not fit, are refused in one line", () => {
  const refused: [make: () => unknown, message: string][] = [
    [() => mixup({ alpha: 0 }), "mixup: alpha is 0, expected a number above 0"],
    [() => cutmix({ alpha: NaN }), "cutmix: alpha is NaN"],
    [() => mixupCutmix({ mixupAlpha: -1 }), "mixup-cutmix: mixupAlpha is -1"],
    [() => mixupCutmix({ cutmixAlpha: Infinity }), "cutmixAlpha is Infinity"],
    [
      () => mixupCutmix({ switchProbability: 1.5 }),
      "switchProbability is 1.5, expected a number from 0 to 1",
    ],
    [() => mixup({ probability: -1 }), "probability is -1"],
    [() => cutmix(JSON.parse(`{ "per": "pixel" }`)), `per is "pixel", expected "image" or "batch"`],
    [
      () => mix(mixup(), { ...random(1, 4), targets: new Float32Array(7) }, keyOf(1)),
      "7 targets for 4 images",
    ],
  ];
  for (const [make, message] of refused) {
    const fault = assertThrows(make, PolyphaseError, message);
    assert(!fault.message.includes("\n"));
  }
  assertThrows(
    () => mixBatch(random(1, 4), [{ share: 1 }, { share: 1 }]),
    RangeError,
    "2 draws for 4 images",
  );
});
