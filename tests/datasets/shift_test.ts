/**
 * Shifts of bytes against their definitions, pixel by pixel.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { Images } from "../../datasets/dataset.ts";
import { modulo, type Offset, SHIFT_MODES, shiftImages, type ShiftMode } from "../../datasets/shift.ts";

const modes = fc.constantFrom(...SHIFT_MODES);
const offsets = fc.record({ dy: fc.integer({ min: -9, max: 9 }), dx: fc.integer({ min: -40, max: 40 }) });
const batches: fc.Arbitrary<Images> = fc.record({
  count: fc.integer({ min: 1, max: 3 }),
  height: fc.integer({ min: 1, max: 5 }),
  width: fc.integer({ min: 1, max: 6 }),
  channels: fc.constantFrom(1, 3),
}).chain((shape) => {
  const length = shape.count * shape.height * shape.width * shape.channels;
  return fc.uint8Array({ minLength: length, maxLength: length }).map((pixels) => ({
    ...shape,
    pixels: Uint8Array.from(pixels),
  }));
});

/** What comes to pixel `y`, `x` of an image: the place it comes from, or nothing. */
function source(
  images: Images,
  y: number,
  x: number,
  { dy, dx }: Offset,
  mode: ShiftMode,
): number | undefined {
  const { height, width } = images;
  if (mode.endsWith("flat")) {
    const from = y * width + x - dx;
    if (mode === "zero-flat") return from >= 0 && from < height * width ? from : undefined;
    return ((from % (height * width)) + height * width) % (height * width);
  }
  const [fromY, fromX] = [y - dy, x - dx];
  if (mode === "zero-2d") {
    return fromY >= 0 && fromY < height && fromX >= 0 && fromX < width ? fromY * width + fromX : undefined;
  }
  return (((fromY % height) + height) % height) * width + ((fromX % width) + width) % width;
}

function shiftNaively(images: Images, offsets: readonly Offset[], mode: ShiftMode): Images {
  const { count, height, width, channels } = images;
  const pixels = new Uint8Array(images.pixels.length);
  for (let n = 0; n < count; n++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const from = source(images, y, x, offsets[offsets.length === 1 ? 0 : n], mode);
        if (from === undefined) continue;
        for (let c = 0; c < channels; c++) {
          pixels[((n * height + y) * width + x) * channels + c] =
            images.pixels[(n * height * width + from) * channels + c];
        }
      }
    }
  }
  return { ...images, pixels };
}

Deno.test("shiftImages: is the definition, pixel by pixel, in every mode", () => {
  fc.assert(
    fc.property(
      batches,
      modes,
      fc.array(offsets, { minLength: 3, maxLength: 3 }),
      fc.boolean(),
      (images, mode, three, isShared) => {
        const given = isShared ? three.slice(0, 1) : three.slice(0, images.count);
        const before = images.pixels.slice();
        assertEquals(shiftImages(images, given, mode), shiftNaively(images, given, mode));
        assertEquals(images.pixels, before);
      },
    ),
    { seed: 17, numRuns: 400 },
  );
});

Deno.test("shiftImages: signs are those of torch.roll", () => {
  const images = { count: 1, height: 2, width: 3, channels: 1, pixels: Uint8Array.from([0, 1, 2, 3, 4, 5]) };
  const shifted = (
    dy: number,
    dx: number,
    mode: ShiftMode,
  ) => [...shiftImages(images, [{ dy, dx }], mode).pixels];
  assertEquals(shifted(0, 1, "circular-flat"), [5, 0, 1, 2, 3, 4]);
  assertEquals(shifted(0, -2, "circular-flat"), [2, 3, 4, 5, 0, 1]);
  assertEquals(shifted(0, 1, "zero-flat"), [0, 0, 1, 2, 3, 4]);
  assertEquals(shifted(0, -2, "zero-flat"), [2, 3, 4, 5, 0, 0]);
  assertEquals(shifted(1, 0, "circular-2d"), [3, 4, 5, 0, 1, 2]);
  assertEquals(shifted(0, 1, "circular-2d"), [2, 0, 1, 5, 3, 4]);
  assertEquals(shifted(1, -1, "zero-2d"), [0, 0, 0, 1, 2, 0]);
  assertEquals(shifted(0, 6, "zero-flat"), [0, 0, 0, 0, 0, 0]);
});

Deno.test("shiftImages: circular shifts are undone by their opposites and add up", () => {
  fc.assert(
    fc.property(
      batches,
      fc.constantFrom<ShiftMode>("circular-flat", "circular-2d"),
      offsets,
      offsets,
      (images, mode, first, second) => {
        const once = shiftImages(images, [first], mode);
        assertEquals(shiftImages(once, [{ dy: -first.dy, dx: -first.dx }], mode), images);
        const sum = { dy: first.dy + second.dy, dx: first.dx + second.dx };
        assertEquals(shiftImages(once, [second], mode), shiftImages(images, [sum], mode));
        assertEquals([...once.pixels].sort(), [...images.pixels].sort());
      },
    ),
    { seed: 18, numRuns: 200 },
  );
});

Deno.test("shiftImages: a flat shift takes no notice of dy", () => {
  fc.assert(
    fc.property(
      batches,
      fc.constantFrom<ShiftMode>("circular-flat", "zero-flat"),
      offsets,
      (images, mode, { dy, dx }) => {
        assertEquals(shiftImages(images, [{ dy, dx }], mode), shiftImages(images, [{ dy: 0, dx }], mode));
      },
    ),
    { seed: 19 },
  );
});

Deno.test("shiftImages: neither one offset nor one an image is refused", () => {
  const images = { count: 3, height: 1, width: 1, channels: 1, pixels: new Uint8Array(3) };
  const none = { dy: 0, dx: 0 };
  assertThrows(
    () => shiftImages(images, [none, none], "zero-2d"),
    RangeError,
    "2 offsets for 3 images: give one, or one an image",
  );
  assertThrows(() => shiftImages(images, [], "zero-2d"), RangeError, "0 offsets for 3 images");
});

Deno.test("modulo: the remainder in [0, period), also below zero", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 1000 }), (value, period) => {
      const rest = modulo(value, period);
      assert(rest >= 0 && rest < period && (value - rest) % period === 0);
    }),
    { seed: 20 },
  );
});
