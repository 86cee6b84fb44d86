/**
 * Tokens of blurred images: the filter by its definition, around every border, and byte for byte under shift.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { shiftImages } from "../../../datasets/shift.ts";
import { adaptive } from "../../../models/tokenizers/adaptive.ts";
import { blurImages } from "../../../models/tokenizers/binomial_blur.ts";
import { blurred } from "../../../models/tokenizers/blurred.ts";
import { patches1d, patches2d } from "../../../models/tokenizers/patches.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { keyOf } from "../../../pipeline/random.ts";
import { registry } from "../../../pipeline/registry.ts";
import { randomImages } from "../../pipeline/fixtures.ts";

const SHAPE = { count: 2, height: 4, width: 6, channels: 3 };

Deno.test("blurImages: is the binomial filter around the border, rounded once", () => {
  const images = randomImages(keyOf(1), SHAPE);
  const { height, width, channels } = SHAPE;
  for (const [size, taps] of [[1, [1]], [3, [1, 2, 1]], [5, [1, 4, 6, 4, 1]]] as const) {
    const middle = (size - 1) / 2;
    const total = taps.reduce<number>((sum, tap) => sum + tap, 0);
    const { pixels } = blurImages(images, { size });
    const flat = blurImages(images, { size, axes: "flat" }).pixels;
    for (let at = 0; at < pixels.length; at++) {
      const [index, rest] = [Math.floor(at / (height * width * channels)), at % (height * width * channels)];
      const [pixel, channel] = [Math.floor(rest / channels), rest % channels];
      const [y, x] = [Math.floor(pixel / width), pixel % width];
      const value = (place: number) => images.pixels[(index * height * width + place) * channels + channel];
      let [both, along] = [0, 0];
      for (let i = 0; i < size; i++) {
        along += taps[i] * value((pixel + i - middle + height * width) % (height * width));
        for (let j = 0; j < size; j++) {
          const [row, column] = [(y + i - middle + height) % height, (x + j - middle + width) % width];
          both += taps[i] * taps[j] * value(row * width + column);
        }
      }
      assertEquals(pixels[at], Math.floor(both / total ** 2 + 0.5));
      assertEquals(flat[at], Math.floor(along / total + 0.5));
    }
  }
});

Deno.test("blurImages: a shift of the image shifts the result, and what is level stays", () => {
  const images = randomImages(keyOf(2), SHAPE);
  for (let at = 0; at < SHAPE.height * SHAPE.width; at++) {
    const offset = [{ dy: Math.floor(at / SHAPE.width), dx: at % SHAPE.width }];
    assertEquals(
      blurImages(shiftImages(images, offset, "circular-2d")).pixels,
      shiftImages(blurImages(images), offset, "circular-2d").pixels,
    );
  }
  const level = { ...images, pixels: new Uint8Array(images.pixels.length).fill(255) };
  assertEquals(blurImages(level, { size: 15 }).pixels, level.pixels);
});

Deno.test("blurred: cuts what is blurred along the axes of its grid, and changes less under shift", () => {
  const images = randomImages(keyOf(3), { count: 20, height: 8, width: 8, channels: 1 });
  const [rows, line] = [patches2d({ size: 4 }), patches1d({ size: 4 })];
  assertEquals(blurred(rows).tokenize(images, {}).values, rows.tokenize(blurImages(images), {}).values);
  assertEquals(
    blurred(line, { size: 5 }).tokenize(images, {}).values,
    line.tokenize(blurImages(images, { size: 5, axes: "flat" }), {}).values,
  );
  assertEquals(blurred(rows).grid(images), rows.grid(images));
  const changed = (tokenizer: typeof rows | ReturnType<typeof blurred>) => {
    const still = tokenizer.tokenize(images, {}).values;
    const moved = tokenizer.tokenize(shiftImages(images, [{ dy: 0, dx: 1 }], "circular-2d"), {}).values;
    return still.reduce((sum, value, at) => sum + Math.abs(value - moved[at]), 0);
  };
  assert(changed(blurred(rows)) < 0.6 * changed(rows));
});

Deno.test("blurred: takes any tokenizer, and its configuration builds it again", () => {
  const tokenizer = blurred(adaptive(patches2d({ size: 2 })), { size: 5 });
  assertEquals([tokenizer.adaptive, tokenizer.random], [true, false]);
  const { name, ...config } = tokenizer.config;
  const build = (_: string, part: Record<string, never>): unknown =>
    registry.tokenizer[String(part.name)](part, build as never);
  const again = registry.tokenizer[String(name)](config, build as never) as typeof tokenizer;
  assertEquals(again.config, tokenizer.config);
});

Deno.test("blurred: a filter that there is not is refused", () => {
  for (const size of [0, 2, 17, 1.5]) {
    assertThrows(
      () => blurred(patches2d({ size: 2 }), { size }),
      PolyphaseError,
      "expected an odd number up to 15",
    );
  }
});
