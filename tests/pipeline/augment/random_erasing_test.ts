/**
 * Random erasing: that what is erased is a rectangle, of the areas, aspects and places it should have.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { Images } from "../../../datasets/dataset.ts";
import { randomErasing } from "../../../pipeline/augment/random_erasing.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { keyOf } from "../../../pipeline/random.ts";
import { randomImages } from "../fixtures.ts";

const NONE = new Uint32Array(0);

/** White images. */
function white(count: number, height: number, width: number, channels = 1): Images {
  return {
    count,
    height,
    width,
    channels,
    pixels: new Uint8Array(count * height * width * channels).fill(255),
  };
}

/** The rectangle around what is not white in each image, and how many of its pixels are. Nothing where all is white. */
function boxes({ count, height, width, channels, pixels }: Images) {
  return Array.from({ length: count }, (_, row) => {
    const erased = Array.from({ length: height * width }, (_, at) => at).filter((at) =>
      pixels[(row * height * width + at) * channels] !== 255
    );
    if (erased.length === 0) return undefined;
    const rows = erased.map((at) => Math.floor(at / width));
    const columns = erased.map((at) => at % width);
    const [top, left] = [Math.min(...rows), Math.min(...columns)];
    const [high, wide] = [Math.max(...rows) - top + 1, Math.max(...columns) - left + 1];
    return { top, left, height: high, width: wide, pixels: erased.length };
  });
}

Deno.test("randomErasing: one full rectangle an image, of the area and the aspect that are asked for", () => {
  const images = white(600, 40, 30);
  const found = boxes(randomErasing({ probability: 1 }).apply(images, keyOf(1), NONE));
  let [small, wide, high] = [0, 0, 0];
  for (const box of found) {
    if (box === undefined) throw new Error("an image was left as it is");
    assertEquals(box.pixels, box.height * box.width);
    // Sides are rounded to whole pixels, by half a pixel each.
    const most = (box.height + 0.5) * (box.width + 0.5) / 1200;
    const least = (box.height - 0.5) * (box.width - 0.5) / 1200;
    assert(most >= 0.02 && least <= 1 / 3);
    assert(
      (box.height + 0.5) / (box.width - 0.5) >= 0.3 && (box.height - 0.5) / (box.width + 0.5) <= 1 / 0.3,
    );
    if (box.pixels / 1200 < 0.1) small++;
    if (box.width > 1.5 * box.height) wide++;
    if (box.height > 1.5 * box.width) high++;
  }
  // Uniform areas: a quarter is below a tenth. Log-uniform aspects: as many wide ones as high ones.
  assert(small > 100 && small < 250, `${small} small`);
  assert(wide > 130 && high > 130, `${wide} wide, ${high} high`);
  assertEquals(new Set(found.map((box) => box!.top)).size > 25, true);
  assertEquals(new Set(found.map((box) => box!.left)).size > 18, true);
});

Deno.test("randomErasing: sides are known where area and aspect are, and every place is reached", () => {
  const images = white(800, 6, 5);
  const augmentation = randomErasing({ probability: 1, area: [0.2, 0.2], aspect: [1.5, 1.5] });
  const found = boxes(augmentation.apply(images, keyOf(2), NONE));
  // 30 · 0.2 = 6 pixels, 3 high and 2 wide.
  assert(found.every((box) => box!.height === 3 && box!.width === 2 && box!.pixels === 6));
  assertEquals(new Set(found.map((box) => `${box!.top} ${box!.left}`)).size, 4 * 4);
});

Deno.test("randomErasing: as often as it should be, and an image that no rectangle fits stays", () => {
  const some = boxes(randomErasing({ probability: 0.3 }).apply(white(2000, 10, 10), keyOf(3), NONE));
  const erased = some.filter(Boolean).length;
  assert(Math.abs(erased - 600) < 5 * Math.sqrt(420), `${erased} of 2000`);
  const images = white(20, 4, 4);
  const whole = randomErasing({ probability: 1, area: [1, 1], aspect: [1, 1] });
  assertEquals(whole.apply(images, keyOf(4), NONE), images);
  // A square of 4 pixels a side is as high, or as wide, as the image.
  const square = randomErasing({ probability: 1, area: [1 / 3, 1 / 3], aspect: [1, 1] });
  for (const flat of [white(9, 4, 12), white(9, 12, 4)]) {
    assertEquals(square.apply(flat, keyOf(4), NONE), flat);
  }
  assertEquals(
    boxes(square.apply(white(9, 6, 8), keyOf(4), NONE)).map((box) => box?.pixels),
    Array(9).fill(16),
  );
  assertEquals(randomErasing({ probability: 0 }).apply(images, keyOf(4), NONE), images);
});

Deno.test("randomErasing: paints with a byte, with one for each channel, or with noise", () => {
  const images = white(200, 12, 12, 3);
  const grey = randomErasing({ probability: 1, fill: 7 }).apply(images, keyOf(5), NONE);
  assertEquals(new Set(grey.pixels), new Set([255, 7]));
  const coloured = randomErasing({ probability: 1, fill: [10, 20, 30] }).apply(images, keyOf(5), NONE);
  coloured.pixels.forEach((value, at) => assert(value === 255 || value === 10 * (at % 3 + 1)));
  // The same rectangles, whatever they are painted with.
  assertEquals(coloured.pixels.map((value) => value === 255 ? 255 : 7), grey.pixels);
  const noisy = randomErasing({ probability: 1, fill: "random" }).apply(images, keyOf(5), NONE);
  const noise = noisy.pixels.filter((_, at) => grey.pixels[at] === 7);
  assertEquals(noisy.pixels.map((value, at) => grey.pixels[at] === 7 ? 7 : value), grey.pixels);
  assertEquals(new Set(noise).size, 256);
  const alike = noise.filter((value, at) => value === noise[at + 1]).length;
  assert(alike < 2 * noise.length / 256, `${alike} of ${noise.length} bytes are as the next`);
  const mean = noise.reduce((sum, value) => sum + value, 0) / noise.length;
  assert(Math.abs(mean - 127.5) < 5 * 74 / Math.sqrt(noise.length), `mean ${mean}`);
});

Deno.test("randomErasing: by key alone, for any count and shape, with the input untouched", () => {
  fc.assert(
    fc.property(
      fc.record({
        count: fc.integer({ min: 0, max: 5 }),
        height: fc.integer({ min: 1, max: 8 }),
        width: fc.integer({ min: 1, max: 8 }),
        channels: fc.integer({ min: 1, max: 4 }),
      }),
      fc.constantFrom<0 | "random">(0, "random"),
      fc.nat(),
      (shape, fill, seed) => {
        const images = randomImages(keyOf(6), shape);
        const copy = images.pixels.slice();
        const erasing = randomErasing({ probability: 0.8, fill });
        const made = erasing.apply(images, keyOf(seed), NONE);
        assertEquals(made, erasing.apply(images, keyOf(seed), NONE));
        assertEquals(made.pixels.length, copy.length);
        assertEquals(images.pixels, copy);
      },
    ),
    { seed: 26, numRuns: 150 },
  );
  const images = randomImages(keyOf(7), { count: 9, height: 8, width: 8, channels: 1 });
  const erasing = randomErasing({ probability: 1 });
  assertNotEquals(erasing.apply(images, keyOf(1), NONE), erasing.apply(images, keyOf(2), NONE));
});

Deno.test("randomErasing: configurations hold every setting and make the same again", () => {
  assertEquals(randomErasing().config, {
    name: "random-erasing",
    probability: 0.5,
    area: [0.02, 1 / 3],
    aspect: [0.3, 1 / 0.3],
    fill: 0,
  });
  const erasing = randomErasing({ probability: 0.9, area: [0.1, 0.5], aspect: [0.5, 2], fill: "random" });
  const again = randomErasing(JSON.parse(JSON.stringify(erasing.config)));
  const images = randomImages(keyOf(8), { count: 6, height: 9, width: 9, channels: 3 });
  assertEquals(again.config, erasing.config);
  assertEquals(again.apply(images, keyOf(9), NONE), erasing.apply(images, keyOf(9), NONE));
  assertEquals(erasing.copies, 1);
});

Deno.test("randomErasing: bad options are refused in one line", () => {
  const refused: [options: string, message: string][] = [
    [`{ "probability": 2 }`, "probability is 2, expected a number from 0 to 1"],
    [`{ "area": [0, 0.5] }`, "area is [0,0.5], expected the least above 0 and the greatest, 1 at most"],
    [`{ "area": [0.5, 0.1] }`, "area is [0.5,0.1]"],
    [`{ "area": [0.5, 1.5] }`, "area is [0.5,1.5]"],
    [`{ "aspect": [2, 1] }`, "aspect is [2,1], expected the least above 0 and the greatest"],
    [`{ "aspect": [1] }`, "aspect is [1]"],
    [`{ "fill": "noise" }`, `fill is "noise", expected a whole number from 0 to 255`],
  ];
  for (const [options, message] of refused) {
    const fault = assertThrows(() => randomErasing(JSON.parse(options)), PolyphaseError, message);
    assert(!fault.message.includes("\n"));
  }
});
