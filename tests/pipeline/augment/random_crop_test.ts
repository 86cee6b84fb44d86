/**
 * Random crops: against padding and slicing spelled out, every place reached, and what is refused.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { Images } from "../../../datasets/dataset.ts";
import {
  CROP_PADDING_MODES,
  randomCrop,
  type RandomCropOptions,
} from "../../../pipeline/augment/random_crop.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { keyOf } from "../../../pipeline/random.ts";
import { randomImages } from "../fixtures.ts";

const NONE = new Uint32Array(0);

/** One image of one row, or of one column. */
function line(pixels: readonly number[], vertical = false): Images {
  const [height, width] = vertical ? [pixels.length, 1] : [1, pixels.length];
  return { count: 1, height, width, channels: 1, pixels: Uint8Array.from(pixels) };
}

/** Every crop that comes up with some keys, as text. */
function crops(images: Images, options: RandomCropOptions): Set<string> {
  const augmentation = randomCrop(options);
  return new Set(
    Array.from({ length: 80 }, (_, seed) => augmentation.apply(images, keyOf(seed), NONE).pixels.join(" ")),
  );
}

Deno.test("randomCrop: every window of the padded image comes up, and nothing else", () => {
  const along: [mode: RandomCropOptions["paddingMode"], padded: number[]][] = [
    ["constant", [9, 9, 1, 2, 3, 9, 9]],
    ["edge", [1, 1, 1, 2, 3, 3, 3]],
    ["reflect", [3, 2, 1, 2, 3, 2, 1]],
    ["symmetric", [2, 1, 1, 2, 3, 3, 2]],
  ];
  assertEquals(along.map(([mode]) => mode), [...CROP_PADDING_MODES]);
  for (const [paddingMode, padded] of along) {
    const windows = new Set([0, 1, 2, 3, 4].map((first) => padded.slice(first, first + 3).join(" ")));
    const fill = 9;
    assertEquals(crops(line([1, 2, 3]), { padding: [2, 0], paddingMode, fill }), windows, paddingMode);
    assertEquals(crops(line([1, 2, 3], true), { padding: [0, 2], paddingMode, fill }), windows, paddingMode);
  }
});

Deno.test("randomCrop: padding on four sides is left, top, right, bottom; a size without padding slices", () => {
  assertEquals(crops(line([1, 2, 3]), { padding: [1, 0, 0, 0] }), new Set(["0 1 2", "1 2 3"]));
  assertEquals(crops(line([1, 2, 3]), { padding: [0, 0, 1, 0] }), new Set(["1 2 3", "2 3 0"]));
  assertEquals(crops(line([1, 2, 3], true), { padding: [0, 1, 0, 0] }), new Set(["0 1 2", "1 2 3"]));
  assertEquals(crops(line([1, 2, 3], true), { padding: [0, 0, 0, 1] }), new Set(["1 2 3", "2 3 0"]));
  assertEquals(crops(line([1, 2, 3, 4]), { size: [1, 3] }), new Set(["1 2 3", "2 3 4"]));
  assertEquals(crops(line([5]), { size: 2, padding: [1, 1, 0, 0] }), new Set(["0 0 0 5"]));
});

Deno.test("randomCrop: rows and columns of each image are drawn apart, with equal chances", () => {
  // The value of a pixel tells its place: 10 · row + column, from 11 on.
  const one = Array.from({ length: 9 }, (_, at) => 11 + 10 * Math.floor(at / 3) + at % 3);
  const count = 2500;
  const images = {
    count,
    height: 3,
    width: 3,
    channels: 1,
    pixels: Uint8Array.from({ length: 9 * count }, (_, at) => one[at % 9]),
  };
  const { pixels } = randomCrop({ padding: 1, paddingMode: "edge", size: 1 }).apply(images, keyOf(3), NONE);
  const places = new Map<number, number>();
  for (const value of pixels) places.set(value, (places.get(value) ?? 0) + 1);
  // Five places an axis, of which an edge pixel shows at two and the middle one at one.
  for (const [value, share] of [[11, 4], [12, 2], [22, 1], [23, 2], [33, 4], [31, 4]] as const) {
    const expected = 100 * share;
    assert(
      Math.abs(places.get(value)! - expected) < 5 * Math.sqrt(expected),
      `${value}: ${places.get(value)}`,
    );
  }
});

Deno.test("randomCrop: pixels keep their channels, the input stays, and the key decides", () => {
  fc.assert(
    fc.property(
      fc.record({
        count: fc.integer({ min: 0, max: 4 }),
        height: fc.integer({ min: 3, max: 6 }),
        width: fc.integer({ min: 3, max: 6 }),
        channels: fc.integer({ min: 1, max: 4 }),
      }),
      fc.integer({ min: 1, max: 2 }),
      fc.constantFrom(...CROP_PADDING_MODES),
      fc.nat(),
      (shape, padding, paddingMode, seed) => {
        const images = randomImages(keyOf(4), shape);
        const copy = images.pixels.slice();
        const crop = randomCrop({ padding, paddingMode });
        const made = crop.apply(images, keyOf(seed), NONE);
        assertEquals(made, crop.apply(images, keyOf(seed), NONE));
        assertEquals({ ...made, pixels: 0 }, { ...images, pixels: 0 });
        assertEquals(images.pixels, copy);
        // The same places for one channel alone.
        const { channels } = shape;
        const first = images.pixels.filter((_, at) => at % channels === channels - 1);
        const alone = crop.apply({ ...images, channels: 1, pixels: first }, keyOf(seed), NONE);
        assertEquals(alone.pixels, made.pixels.filter((_, at) => at % channels === channels - 1));
      },
    ),
    { seed: 24, numRuns: 150 },
  );
});

Deno.test("randomCrop: another size is that of the crop, and a fill for each channel is the border's", () => {
  const images = randomImages(keyOf(5), { count: 3, height: 4, width: 6, channels: 3 });
  const made = randomCrop({ size: [2, 5] }).apply(images, keyOf(6), NONE);
  assertEquals([made.count, made.height, made.width, made.channels, made.pixels.length], [3, 2, 5, 3, 90]);
  const far = randomCrop({ size: 1, padding: [0, 0, 40, 40], fill: [7, 8, 9] }).apply(images, keyOf(6), NONE);
  assertEquals([...far.pixels], [7, 8, 9, 7, 8, 9, 7, 8, 9]);
});

Deno.test("randomCrop: configurations hold every setting and make the same again", () => {
  const crop = randomCrop({ padding: 4 });
  assertEquals(crop.config, {
    name: "random-crop",
    size: null,
    padding: 4,
    paddingMode: "constant",
    fill: 0,
  });
  assertEquals(crop.copies, 1);
  const sized = randomCrop({ size: [3, 2], padding: [1, 2, 3, 4], paddingMode: "edge", fill: [1] });
  const again = randomCrop(JSON.parse(JSON.stringify(sized.config)));
  assertEquals(again.config, sized.config);
  const images = randomImages(keyOf(7), { count: 5, height: 3, width: 4, channels: 1 });
  assertEquals(again.apply(images, keyOf(8), NONE), sized.apply(images, keyOf(8), NONE));
});

Deno.test("randomCrop: bad options, and images that are too small, are refused in one line", () => {
  const images = randomImages(keyOf(9), { count: 1, height: 4, width: 4, channels: 1 });
  const apply = (options: RandomCropOptions) => () => randomCrop(options).apply(images, keyOf(1), NONE);
  const refused: [make: () => unknown, message: string][] = [
    [() => randomCrop({}), "neither size nor padding"],
    [() => randomCrop({ padding: -1 }), "padding is -1, expected a whole number, 0 or more"],
    [() => randomCrop({ padding: 1.5 }), "padding is 1.5"],
    [() => randomCrop({ size: 0 }), "size is 0, expected a whole number, 1 or more"],
    [() => randomCrop(JSON.parse(`{ "size": [1, 2, 3] }`)), "size has 3 numbers"],
    [() => randomCrop(JSON.parse(`{ "padding": [1, 2, 3] }`)), "padding has 3 numbers"],
    [
      () => randomCrop(JSON.parse(`{ "padding": 1, "paddingMode": "wrap" }`)),
      `paddingMode is "wrap", expected one of`,
    ],
    [() => randomCrop({ padding: 1, fill: -1 }), "fill is -1"],
    [apply({ size: 7, padding: 1 }), "images of 4 × 4 with their padding are smaller than the crop of 7 × 7"],
    [apply({ padding: 4, paddingMode: "reflect" }), "a side of 4 pixels cannot be mirrored for 4 pixels"],
    [apply({ padding: 5, paddingMode: "symmetric" }), "a side of 4 pixels cannot be mirrored for 5 pixels"],
    [apply({ padding: 1, fill: [1, 2] }), "fill has 2 values for images of 1"],
  ];
  for (const [make, message] of refused) {
    const fault = assertThrows(make, PolyphaseError, message);
    assert(!fault.message.includes("\n"));
  }
});
