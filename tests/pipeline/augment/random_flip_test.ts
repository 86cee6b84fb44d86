/**
 * Random flips: which pixels go where, how often, and for which images.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { randomHorizontalFlip, randomVerticalFlip } from "../../../pipeline/augment/random_flip.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { keyOf } from "../../../pipeline/random.ts";
import { randomImages } from "../fixtures.ts";

const NONE = new Uint32Array(0);
const makers = [randomHorizontalFlip, randomVerticalFlip];

Deno.test("random flips: rows are mirrored or their order is, and channels stay together", () => {
  // Two rows of three pixels of two channels.
  const pixels = Uint8Array.from([1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16]);
  const images = { count: 1, height: 2, width: 3, channels: 2, pixels };
  assertEquals(
    [...randomHorizontalFlip({ probability: 1 }).apply(images, keyOf(1), NONE).pixels],
    [5, 6, 3, 4, 1, 2, 15, 16, 13, 14, 11, 12],
  );
  assertEquals(
    [...randomVerticalFlip({ probability: 1 }).apply(images, keyOf(1), NONE).pixels],
    [11, 12, 13, 14, 15, 16, 1, 2, 3, 4, 5, 6],
  );
});

Deno.test("random flips: twice is nothing, each image for itself, the input untouched", () => {
  fc.assert(
    fc.property(
      fc.record({
        count: fc.integer({ min: 0, max: 6 }),
        height: fc.integer({ min: 1, max: 5 }),
        width: fc.integer({ min: 1, max: 5 }),
        channels: fc.integer({ min: 1, max: 4 }),
      }),
      fc.constantFrom(...makers),
      fc.nat(),
      (shape, make, seed) => {
        const images = randomImages(keyOf(seed), shape);
        const copy = images.pixels.slice();
        const flip = make();
        const once = flip.apply(images, keyOf(seed), NONE);
        assertEquals(flip.apply(once, keyOf(seed), NONE), images);
        assertEquals(images.pixels, copy);
        const all = make({ probability: 1 }).apply(images, keyOf(seed), NONE);
        const size = shape.height * shape.width * shape.channels;
        for (let row = 0; row < shape.count; row++) {
          const [one, kept, mirrored] = [once, images, all].map(({ pixels }) =>
            pixels.subarray(row * size, (row + 1) * size).join()
          );
          assert(one === kept || one === mirrored);
        }
        assertEquals(make({ probability: 0 }).apply(images, keyOf(seed), NONE), images);
      },
    ),
    { seed: 25, numRuns: 150 },
  );
});

Deno.test("random flips: as often as they should be", () => {
  const count = 4000;
  const pixels = Uint8Array.from({ length: 4 * count }, (_, at) => at % 4);
  const images = { count, height: 2, width: 2, channels: 1, pixels };
  for (const make of makers) {
    for (const probability of [0.25, 0.5]) {
      const made = make({ probability }).apply(images, keyOf(2), NONE).pixels;
      const flipped = Array.from({ length: count }, (_, row) => made[4 * row] !== 0).filter(Boolean).length;
      const deviation = Math.sqrt(count * probability * (1 - probability));
      assert(Math.abs(flipped - count * probability) < 5 * deviation, `${flipped} of ${count}`);
    }
  }
});

Deno.test("random flips: configurations, defaults, and probabilities that are none", () => {
  assertEquals(randomHorizontalFlip().config, { name: "random-horizontal-flip", probability: 0.5 });
  assertEquals(randomVerticalFlip({ probability: 0.1 }).config, {
    name: "random-vertical-flip",
    probability: 0.1,
  });
  for (const make of makers) {
    assertEquals(make(JSON.parse(JSON.stringify(make({ probability: 0.2 }).config))).config.probability, 0.2);
    assertEquals([make().name, make().copies], [make().config.name, 1]);
    for (const probability of [-0.1, 1.1, NaN]) {
      assertThrows(
        () => make({ probability }),
        PolyphaseError,
        `probability is ${probability}, expected a number from 0 to 1`,
      );
    }
  }
});
