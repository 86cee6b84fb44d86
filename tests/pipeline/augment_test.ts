/**
 * Augmentations: ranges, keys, copies, order, and that training images themselves are left alone.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { Images } from "../../datasets/dataset.ts";
import { shiftImages } from "../../datasets/shift.ts";
import {
  applyAugmentations,
  augment,
  type Augmentation,
  circularShift,
  copiesOf,
  rolledCopies,
  zeroShift,
} from "../../pipeline/augment.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { load } from "../../pipeline/load.ts";
import { pipe, run } from "../../pipeline/pipe.ts";
import { keyOf } from "../../pipeline/random.ts";
import { dots, randomImages, tinyDataset } from "./fixtures.ts";

const ZEROS = new Uint32Array(400);

/** Where the one bright pixel of each image went, as `[dy, dx]` from the middle; `undefined` where it is gone. */
function moves(images: Images, from: number): ([number, number] | undefined)[] {
  const size = images.height * images.width;
  return Array.from({ length: images.count }, (_, row) => {
    const at = images.pixels.subarray(row * size, (row + 1) * size).indexOf(200);
    if (at < 0) return undefined;
    return [
      Math.floor(at / images.width) - Math.floor(from / images.width),
      at % images.width - from % images.width,
    ];
  });
}

/** Four hundred images of 9 by 9 with the middle pixel bright. */
const middle = dots(new Array(400).fill(40), 9, 9);

Deno.test("circularShift 2d: rows and columns from -max to max, independently, every image on its own", () => {
  const seen = moves(circularShift({ max: 2 }).apply(middle, keyOf(1), ZEROS), 40) as [number, number][];
  assertEquals(new Set(seen.map(String)).size, 25);
  assert(seen.every(([dy, dx]) => Math.abs(dy) <= 2 && Math.abs(dx) <= 2));
});

Deno.test("circularShift flat: from 0 to max along the flattened image", () => {
  const shifted = circularShift({ max: 11, axes: "flat" }).apply(middle, keyOf(2), ZEROS);
  const places = moves(shifted, 40).map((move) => 9 * move![0] + move![1]);
  assertEquals([...new Set(places)].sort((a, b) => a - b), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});

Deno.test("shifts: min and max are both reached and never passed", () => {
  fc.assert(
    fc.property(fc.integer({ min: -4, max: 1 }), fc.nat(3), fc.nat(), (min, span, seed) => {
      const made = circularShift({ min, max: min + span }).apply(middle, keyOf(seed), ZEROS);
      const columns = moves(made, 40).map((move) => move![1]);
      assertEquals([Math.min(...columns), Math.max(...columns)], [min, min + span]);
    }),
    { seed: 16, numRuns: 30 },
  );
});

Deno.test("zeroShift: brings zeros in, and what leaves is gone", () => {
  const corner = dots(new Array(400).fill(0), 9, 9);
  const seen = moves(zeroShift({ max: 1 }).apply(corner, keyOf(3), ZEROS), 0);
  assertEquals(new Set(seen.map(String)), new Set(["undefined", "0,0", "0,1", "1,0", "1,1"]));
  const circular = moves(circularShift({ max: 1 }).apply(corner, keyOf(3), ZEROS), 0);
  assert(circular.every((move) => move !== undefined));
});

Deno.test("shifts: the same key gives the same images, another key others; the input stays", () => {
  const images = randomImages(keyOf(4), { count: 8, height: 5, width: 6, channels: 3 });
  const copy = images.pixels.slice();
  for (const make of [circularShift, zeroShift]) {
    const augmentation = make({ max: 3 });
    assertEquals(augmentation.apply(images, keyOf(5), ZEROS), augmentation.apply(images, keyOf(5), ZEROS));
    assertNotEquals(
      augmentation.apply(images, keyOf(5), ZEROS).pixels,
      augmentation.apply(images, keyOf(6), ZEROS).pixels,
    );
    assertEquals(images.pixels, copy);
  }
});

Deno.test("rolledCopies: version k is the image rolled by min + k, whatever the key", () => {
  const augmentation = rolledCopies({ min: -1, max: 3 });
  assertEquals(augmentation.copies, 5);
  const images = randomImages(keyOf(7), { count: 5, height: 3, width: 4, channels: 2 });
  const made = augmentation.apply(images, keyOf(8), Uint32Array.from([0, 1, 2, 3, 4]));
  const offsets = [-1, 0, 1, 2, 3].map((dx) => ({ dy: 0, dx }));
  assertEquals(made, shiftImages(images, offsets, "circular-flat"));
});

Deno.test("applyAugmentations: in order, each with a key and a version of its own", () => {
  const calls: [name: string, key: string, version: number[]][] = [];
  const spy = (name: string, copies: number): Augmentation => ({
    name,
    config: { name },
    copies,
    apply(images, key, version) {
      calls.push([name, String(key), [...version]]);
      return { ...images, pixels: images.pixels.map((value) => 2 * value + copies) };
    },
  });
  const chain = [spy("a", 2), spy("b", 1), spy("c", 3)];
  assertEquals([copiesOf(chain), copiesOf([])], [6, 1]);
  const images = { count: 6, height: 1, width: 1, channels: 1, pixels: new Uint8Array([1, 1, 1, 1, 1, 1]) };
  const batch = { images, targets: new Float32Array(6).fill(1) };
  const made = applyAugmentations(chain, batch, keyOf(9), Uint32Array.from([0, 1, 2, 3, 4, 5]));
  // ((1 · 2 + 2) · 2 + 1) · 2 + 3
  assertEquals([...made.images.pixels], new Array(6).fill(21));
  assertEquals(made.targets, batch.targets);
  assertEquals(calls.map(([name]) => name), ["a", "b", "c"]);
  assertEquals(new Set(calls.map(([, key]) => key)).size, 3);
  // Every one of the six combinations comes once.
  const combinations = calls[0][2].map((version, row) => `${version}${calls[1][2][row]}${calls[2][2][row]}`);
  assertEquals(new Set(combinations).size, 6);
  assert(calls[0][2].every((each) => each < 2) && calls[2][2].every((each) => each < 3));
  assertEquals(applyAugmentations([], batch, keyOf(9), ZEROS), batch);
});

Deno.test("applyAugmentations: what mixes images changes their targets too", () => {
  const mixer: Augmentation = {
    name: "halves",
    config: { name: "halves" },
    copies: 1,
    apply: () => {
      throw new Error("mix is there");
    },
    mix: ({ images, targets }) => ({ images, targets: targets.map((each) => each / 2) }),
  };
  const images = { count: 1, height: 1, width: 1, channels: 1, pixels: new Uint8Array([7]) };
  const made = applyAugmentations([mixer], { images, targets: Float32Array.of(0, 1) }, keyOf(9), ZEROS);
  assertEquals(made, { images, targets: Float32Array.of(0, 0.5) });
});

Deno.test("augment: adds to the augmentations that are there, and touches no image", async () => {
  const [first, second, third] = [circularShift({ max: 1 }), zeroShift({ max: 2 }), rolledCopies({ max: 1 })];
  const before = await run(load(tinyDataset()), { backend: "cpu" });
  const after = await run(pipe(load(tinyDataset()), augment(first, second), augment(third)), {
    backend: "cpu",
  });
  assertEquals(after.augmentations, [first, second, third]);
  assertEquals(after.train, before.train);
  assertEquals(augment(first, third).config, { augmentations: [first.config, third.config] });
});

Deno.test("augmentations: configurations hold the name and every setting, defaults included", () => {
  assertEquals(circularShift({ max: 3 }).config, { name: "circular-shift", min: -3, max: 3, axes: "2d" });
  assertEquals(circularShift({ max: 3, axes: "flat" }).config, {
    name: "circular-shift",
    min: 0,
    max: 3,
    axes: "flat",
  });
  assertEquals(zeroShift({ min: 1, max: 3 }).config, { name: "zero-shift", min: 1, max: 3, axes: "2d" });
  assertEquals(rolledCopies({ max: 4 }).config, { name: "rolled-copies", min: 0, max: 4 });
});

Deno.test("augmentations: ranges that are none are refused in one line", () => {
  for (const make of [circularShift, zeroShift, rolledCopies]) {
    for (
      const range of [{ min: 2, max: 1 }, { min: 0, max: 1.5 }, { min: 0, max: NaN }, {
        min: -Infinity,
        max: 0,
      }]
    ) {
      const { message } = assertThrows(() => make(range), PolyphaseError);
      assertEquals(
        message.endsWith(
          `: offsets from ${range.min} to ${range.max} are no range of whole pixels: give min <= max`,
        ),
        true,
      );
    }
  }
});
