/**
 * Patches on a fixed grid: their order, their shapes, and sizes that do not fit.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { cutPatches, offsetOfPhase, phases } from "../../../models/tokenizers/lattice.ts";
import {
  cutAll,
  patches1d,
  patches2d,
  type PatchTokenizer,
  pixels,
} from "../../../models/tokenizers/patches.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { keyOf } from "../../../pipeline/random.ts";
import { randomImages } from "../../pipeline/fixtures.ts";
import { type Axes, imageAt, listTokens, rollNaively, tokensNaively } from "./naive.ts";

/** Two images of 4 by 4 pixels with three channels whose bytes count upwards. */
const COUNTING = {
  count: 2,
  height: 4,
  width: 4,
  channels: 3,
  pixels: Uint8Array.from({ length: 96 }, (_, index) => index),
};

Deno.test("patches1d: runs of pixels of the flattened image, channels innermost", () => {
  const tokenizer = patches1d({ size: 8 });
  assertEquals(tokenizer.grid(COUNTING), { shape: [2], tokens: 2, patch: 24, patchShape: [1, 8, 3] });
  const { values, offsets } = tokenizer.tokenize(COUNTING, {});
  assertEquals(values, COUNTING.pixels);
  assertEquals(offsets, [{ dy: 0, dx: 0 }, { dy: 0, dx: 0 }]);
});

Deno.test("patches2d: blocks row by row; inside a patch row, column, channel", () => {
  const tokenizer = patches2d({ size: 2 });
  assertEquals(tokenizer.grid(COUNTING), { shape: [2, 2], tokens: 4, patch: 12, patchShape: [2, 2, 3] });
  const tokens = listTokens(tokenizer.tokenize(COUNTING, {}), 1, 4, 12);
  assertEquals(tokens[0], [48, 49, 50, 51, 52, 53, 60, 61, 62, 63, 64, 65]);
  assertEquals(tokens[1], [54, 55, 56, 57, 58, 59, 66, 67, 68, 69, 70, 71]);
  assertEquals(tokens[2][0], 72);
});

Deno.test("pixels: every pixel is a token of its channels", () => {
  assertEquals(pixels().grid(COUNTING), { shape: [4, 4], tokens: 16, patch: 3, patchShape: [1, 1, 3] });
  assertEquals(pixels().tokenize(COUNTING, {}).values, COUNTING.pixels);
  assertEquals(pixels().config, { name: "pixels" });
});

Deno.test("patches: fixed grids ask for nothing and say so", () => {
  for (const tokenizer of [patches1d({ size: 4 }), patches2d({ size: 2 }), pixels()]) {
    assertEquals([tokenizer.adaptive, tokenizer.random], [false, false]);
  }
  assertEquals(patches1d({ size: 4 }).config, { name: "patches-1d", size: 4 });
  assertEquals(patches2d({ size: 2 }).config, { name: "patches-2d", size: 2 });
});

Deno.test("patches: sizes that do not divide the image are refused in one line", () => {
  const image = { height: 14, width: 14, channels: 1 };
  assertEquals(
    assertThrows(() => patches1d({ size: 5 }).grid(image), PolyphaseError).message,
    "patches-1d: patch size 5 does not divide 196 pixels: choose one that does, or resize",
  );
  assertEquals(
    assertThrows(() => patches2d({ size: 4 }).grid(image), PolyphaseError).message,
    "patches-2d: patch size 4 does not divide 14×14 pixels: choose one that does, or resize",
  );
  assertThrows(() => patches2d({ size: 2 }).grid({ ...image, width: 15 }), PolyphaseError, "14×15");
  for (const size of [0, -2, 1.5, NaN]) {
    assertThrows(() => patches1d({ size }), PolyphaseError, `patch size ${size} is not a whole number`);
    assertThrows(() => patches2d({ size }), PolyphaseError, `patch size ${size} is not a whole number`);
  }
});

/** Random shapes that a patch size divides, of one to three channels. */
const shapes: fc.Arbitrary<
  { axes: Axes; size: number; shape: { height: number; width: number; channels: number } }
> = fc.record({
  axes: fc.constantFrom("flat", "2d"),
  size: fc.integer({ min: 1, max: 4 }),
  rows: fc.integer({ min: 1, max: 4 }),
  columns: fc.integer({ min: 1, max: 4 }),
  channels: fc.integer({ min: 1, max: 3 }),
}).map(({ axes, size, rows, columns, channels }) => ({
  axes,
  size,
  // Along the flattened image only the product has to be divisible.
  shape: { height: axes === "flat" ? rows : rows * size, width: columns * size, channels },
}));

Deno.test("cutPatches: rolls as torch.roll and cuts as reshape, for every shape, channel and offset", () => {
  const offset = fc.record({ dy: fc.integer({ min: -20, max: 20 }), dx: fc.integer({ min: -90, max: 90 }) });
  fc.assert(
    fc.property(shapes, offset, fc.nat(), ({ axes, size, shape }, offset, seed) => {
      const images = randomImages(keyOf(seed), { count: 2, ...shape });
      const tokenizer: PatchTokenizer = axes === "flat" ? patches1d({ size }) : patches2d({ size });
      const lattice = tokenizer.lattice(images);
      const shift = axes === "flat" ? { dy: 0, dx: offset.dx } : offset;
      const { tokens, patch } = tokenizer.grid(images);
      const cut = cutAll(images, lattice, [shift, { dy: 0, dx: 0 }]);
      assertEquals(
        listTokens(cut, 0, tokens, patch),
        tokensNaively(rollNaively(imageAt(images, 0), shift, axes), size, axes),
      );
      assertEquals(listTokens(cut, 1, tokens, patch), tokensNaively(imageAt(images, 1), size, axes));
      assertEquals(tokenizer.tokenize(images, {}).values.length, images.pixels.length);
      const one = new Uint8Array(imageAt(images, 0).pixels.length);
      cutPatches(imageAt(images, 0).pixels, one, lattice, shift);
      assertEquals(one, cut.values.subarray(0, one.length));
    }),
    { seed: 1, numRuns: 150 },
  );
});

Deno.test("phases: as many as a patch has pixels, numbered row by row", () => {
  const lattice = patches2d({ size: 3 }).lattice({ height: 6, width: 6, channels: 2 });
  assertEquals(phases(lattice), 9);
  assertEquals(offsetOfPhase(lattice, 5), { dy: 1, dx: 2 });
  const flat = patches1d({ size: 4 }).lattice({ height: 2, width: 6, channels: 1 });
  assertEquals([phases(flat), offsetOfPhase(flat, 3)], [4, { dy: 0, dx: 3 }]);
});
