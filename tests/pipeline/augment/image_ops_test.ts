/**
 * Operations on bytes against torchvision's, to the byte, and against their definitions.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { Images } from "../../../datasets/dataset.ts";
import {
  applyOperations,
  IMAGE_OPERATIONS,
  type ImageOperation,
  type OperationDraw,
} from "../../../pipeline/augment/image_ops.ts";
import { randAugmentRanges, wideRanges } from "../../../pipeline/augment/operation_ranges.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { keyOf } from "../../../pipeline/random.ts";
import golden from "../../golden/trivial_augment.json" with { type: "json" };
import { bytes, type GoldenArray } from "../../golden.ts";
import { randomImages } from "../fixtures.ts";

const outputs: { readonly [key: string]: GoldenArray } = golden.outputs;
const bins: { readonly [operation: string]: number | readonly number[] } = golden.bins;
const signed: { readonly [operation: string]: boolean } = golden.signed;

/** An image of a golden file, whose channels come first, with them last. */
function unpack(array: GoldenArray): Images {
  const [channels, height, width] = array.shape;
  const planes = bytes(array);
  const size = height * width;
  const pixels = Uint8Array.from(
    planes,
    (_, at) => planes[(at % channels) * size + Math.floor(at / channels)],
  );
  return { count: 1, height, width, channels, pixels };
}

/** One channel of every image. */
function channelOf(images: Images, channel: number): Images {
  const pixels = images.pixels.filter((_, at) => at % images.channels === channel);
  return { ...images, channels: 1, pixels };
}

/** Grey images with their value in each of three channels. */
function replicated(images: Images): Images {
  const pixels = new Uint8Array(3 * images.pixels.length);
  return { ...images, channels: 3, pixels: pixels.map((_, at) => images.pixels[Math.floor(at / 3)]) };
}

/** Operations that treat channels apart from each other. */
const BY_CHANNEL: readonly ImageOperation[] = IMAGE_OPERATIONS.filter((name) =>
  name !== "Color" && name !== "Contrast"
);

const draws: fc.Arbitrary<OperationDraw> = fc.constantFrom(
  ...wideRanges(31),
  ...randAugmentRanges(31, {
    height: 5,
    width: 8,
    channels: 1,
  }),
).chain(({ operation, magnitudes, signed }) =>
  fc.record({
    operation: fc.constant<ImageOperation>(operation),
    magnitude: fc.tuple(fc.constantFrom(...magnitudes), fc.constantFrom(...(signed ? [1, -1] : [1])))
      .map(([magnitude, sign]) => sign * magnitude),
  })
);

const source = unpack(golden.image_chw);

Deno.test("image operations: the golden file has all fourteen, both ways where there are two", () => {
  assertEquals(new Set(Object.keys(outputs).map((key) => key.split("|")[0])), new Set(IMAGE_OPERATIONS));
  for (const operation of IMAGE_OPERATIONS) {
    const keys = Object.keys(outputs).filter((key) => key.startsWith(`${operation}|`));
    assertEquals(keys.some((key) => key.includes("|-")), signed[operation], operation);
  }
});

for (const key of Object.keys(outputs)) {
  const [name, text] = key.split("|");
  const operation = IMAGE_OPERATIONS.find((each) => each === name)!;

  Deno.test(`image operations: ${name} ${text} is torchvision's to the byte`, () => {
    const expected = unpack(outputs[key]);
    // The golden keys are rounded; the magnitude itself is that of a bin.
    const range = wideRanges(31).find((each) => each.operation === operation)!;
    const bin = range.magnitudes.findIndex((each) => Math.abs(each - Math.abs(Number(text))) < 1e-5);
    assert(bin >= 0, `no bin has the magnitude ${text}`);
    const magnitude = Number(text) < 0 ? -range.magnitudes[bin] : range.magnitudes[bin];
    assertEquals(applyOperations(source, [{ operation, magnitude }]), expected);
    if (BY_CHANNEL.includes(operation)) {
      for (const channel of [0, 1, 2]) {
        const single = applyOperations(channelOf(source, channel), [{ operation, magnitude }]);
        assertEquals(single, channelOf(expected, channel));
      }
    }
  });
}

Deno.test("image operations: magnitudes are those of torchvision's wide space", () => {
  const made = wideRanges(31);
  assertEquals(made.map(({ operation }) => operation), [...IMAGE_OPERATIONS]);
  for (const { operation, magnitudes, signed: isSigned } of made) {
    const expected = bins[operation];
    const list = typeof expected === "number" ? new Array<number>(31).fill(expected) : expected;
    assertEquals([magnitudes.length, isSigned], [31, signed[operation]], operation);
    magnitudes.forEach((each, bin) => {
      // A last binary digit of float32 may differ, which no operation shows.
      assertAlmostEquals(each, list[bin], 2 ** -23 * Math.abs(list[bin]), `${operation} ${bin}`);
      if (operation.startsWith("Translate")) assertEquals(Math.trunc(each), Math.trunc(list[bin]));
    });
  }
});

Deno.test("image operations: what RandAugment does is half as wild, and moves in proportion to the image", () => {
  const made = new Map(
    randAugmentRanges(31, { height: 331, width: 662, channels: 1 }).map((each) => [each.operation, each]),
  );
  const ends = (operation: ImageOperation) => {
    const { magnitudes } = made.get(operation)!;
    return [magnitudes[0], magnitudes[30]];
  };
  assertEquals(ends("ShearX"), [0, Math.fround(0.3)]);
  assertEquals(ends("ShearY"), [0, Math.fround(0.3)]);
  assertEquals(ends("TranslateX"), [0, 300]);
  assertEquals(ends("TranslateY"), [0, 150]);
  assertEquals(ends("Rotate"), [0, 30]);
  for (const operation of ["Brightness", "Color", "Contrast", "Sharpness"] as const) {
    assertEquals(ends(operation), [0, Math.fround(0.9)]);
  }
  assertEquals(ends("Solarize"), [255, 0]);
  // Round(bin / 7.5) bits are dropped: bins 0 to 3 drop none, 4 to 11 one, and so on.
  const kept = [[4, 8], [8, 7], [7, 6], [8, 5], [4, 4]].flatMap(([times, bits]) =>
    new Array(times).fill(bits)
  );
  assertEquals(made.get("Posterize")!.magnitudes, kept);
  assertEquals(made.get("Equalize")!.magnitudes, new Array(31).fill(0));
});

Deno.test("image operations: grey images are as each channel of their copy in three, but for what grey itself means", () => {
  fc.assert(
    fc.property(draws, fc.nat(), (draw, seed) => {
      const images = randomImages(keyOf(seed), { count: 2, height: 5, width: 8, channels: 1 });
      const single = applyOperations(images, [draw]);
      const triple = applyOperations(replicated(images), [draw]);
      if (BY_CHANNEL.includes(draw.operation)) assertEquals(triple, replicated(single));
      // Grey images have no colour to change.
      if (draw.operation === "Color") assertEquals(single, images);
      if (draw.operation === "Contrast") {
        // The grey of a grey pixel is one lower, so the mean is, and a byte moves by one factor at most.
        const far = triple.pixels.filter((value, at) =>
          Math.abs(value - single.pixels[Math.floor(at / 3)]) > 2
        );
        assertEquals(far.length, 0);
      }
    }),
    { seed: 21, numRuns: 300 },
  );
});

Deno.test("image operations: each image by itself, the input untouched, none where nothing is to be done", () => {
  fc.assert(
    fc.property(fc.array(draws, { minLength: 1, maxLength: 4 }), fc.constantFrom(1, 3), (list, channels) => {
      const images = randomImages(keyOf(3), { count: list.length, height: 6, width: 4, channels });
      const copy = images.pixels.slice();
      const made = applyOperations(images, list);
      const size = 24 * channels;
      list.forEach((draw, row) => {
        const one = { ...images, count: 1, pixels: images.pixels.slice(row * size, (row + 1) * size) };
        assertEquals(applyOperations(one, [draw]).pixels, made.pixels.slice(row * size, (row + 1) * size));
      });
      assertEquals(images.pixels, copy);
    }),
    { seed: 22, numRuns: 150 },
  );
  const none = { count: 0, height: 4, width: 4, channels: 1, pixels: new Uint8Array(0) };
  assertEquals(applyOperations(none, []), none);
});

Deno.test("image operations: a magnitude of nothing does nothing", () => {
  const images = randomImages(keyOf(4), { count: 3, height: 7, width: 6, channels: 3 });
  const still = [
    "Identity",
    "ShearX",
    "ShearY",
    "TranslateX",
    "TranslateY",
    "Rotate",
    "Brightness",
    "Color",
  ] as const;
  for (const operation of [...still, "Contrast", "Sharpness"] as const) {
    assertEquals(applyOperations(images, [{ operation, magnitude: 0 }]), images, operation);
  }
  assertEquals(applyOperations(images, [{ operation: "Posterize", magnitude: 8 }]), images);
  assertEquals(applyOperations(images, [{ operation: "Solarize", magnitude: 256 }]), images);
});

Deno.test("image operations: small images worked out by hand", () => {
  const line = (...pixels: number[]): Images => ({
    count: 1,
    height: 1,
    width: pixels.length,
    channels: 1,
    pixels: Uint8Array.from(pixels),
  });
  const done = (images: Images, operation: ImageOperation, magnitude = 0, fill = 0) => [
    ...applyOperations(images, [{ operation, magnitude }], fill).pixels,
  ];
  assertEquals(done(line(1, 2, 3, 4), "TranslateX", 1.9, 9), [9, 1, 2, 3]);
  assertEquals(done(line(1, 2, 3, 4), "TranslateX", -2), [3, 4, 0, 0]);
  assertEquals(done({ ...line(1, 2, 3, 4), height: 4, width: 1 }, "TranslateY", 1), [0, 1, 2, 3]);
  assertEquals(done({ ...line(1, 2, 3, 4), height: 2, width: 2 }, "Rotate", 90), [2, 4, 1, 3]);
  assertEquals(done({ ...line(1, 2, 3, 4), height: 2, width: 2 }, "Rotate", -90), [3, 1, 4, 2]);
  // Half-way between two pixels, at 0.5, 1.5, 2.5 and 3.5, the even one is taken.
  assertEquals(done(line(1, 2, 3, 4), "ShearX", 1), [1, 3, 3, 0]);
  assertEquals(done({ ...line(1, 2, 3, 4), height: 4, width: 1 }, "ShearY", 1), [1, 3, 3, 0]);
  assertEquals(done(line(0, 100, 200), "Brightness", 0.5), [0, 150, 255]);
  assertEquals(done(line(0, 100, 200), "Contrast", -0.5), [50, 100, 150]);
  assertEquals(done(line(0, 127, 128, 255), "Posterize", 1), [0, 0, 128, 128]);
  assertEquals(done(line(0, 127, 128, 255), "Posterize", 0), [0, 0, 0, 0]);
  assertEquals(done(line(0, 127, 128, 255), "Solarize", 127.5), [0, 127, 127, 0]);
  assertEquals(done(line(10, 20, 30), "AutoContrast"), [0, 127, 255]);
  assertEquals(done(line(7, 7, 7), "AutoContrast"), [7, 7, 7]);
  assertEquals(done(line(7, 7, 9), "Equalize"), [7, 7, 9]);
  const dot = { ...line(0, 0, 0, 0, 130, 0, 0, 0, 0), height: 3, width: 3 };
  assertEquals(done(dot, "Sharpness", -1), [0, 0, 0, 0, 50, 0, 0, 0, 0]);
  assertEquals(done(line(1, 9, 1), "Sharpness", -1), [1, 9, 1]);
  const red: Images = { ...line(255, 0, 0), width: 1, channels: 3 };
  assertEquals(done(red, "Color", -1), [76, 76, 76]);
});

Deno.test("AutoContrast: stretches with float32's reciprocal, as PyTorch divides a number by a tensor", () => {
  const stretched = (most: number) => {
    const pixels = Uint8Array.from({ length: most + 1 }, (_, value) => value);
    const images = { count: 1, height: 1, width: most + 1, channels: 1, pixels };
    return applyOperations(images, [{ operation: "AutoContrast", magnitude: 0 }]).pixels;
  };
  for (let most = 1; most < 256; most++) {
    stretched(most).forEach((byte, value) => {
      const exact = (255 * value) / most;
      // Only where the exact value is whole can rounding cut one off.
      const isNear = byte === Math.floor(exact) || (Number.isInteger(exact) && byte === exact - 1);
      assert(isNear, `${value} of ${most} is ${byte}`);
    });
  }
  // Where 1 / 61 · 255 is rounded down and 255 / 61 is not, and where it is the other way round.
  assertEquals([stretched(61)[61], stretched(141)[47], stretched(7)[7], stretched(252)[252]], [
    254,
    84,
    255,
    255,
  ]);
});

Deno.test("Equalize: sixteen equally frequent values spread over all bytes", () => {
  const pixels = Uint8Array.from({ length: 4096 }, (_, at) => at % 16);
  const made = applyOperations({ count: 1, height: 64, width: 64, channels: 1, pixels }, [{
    operation: "Equalize",
    magnitude: 0,
  }]);
  // 3,840 pixels below the last value in steps of 15; the table adds half a step before it cuts off.
  const expected = Array.from(
    { length: 16 },
    (_, value) => Math.min(255, Math.floor((256 * value + 7) / 15)),
  );
  assertEquals([...made.pixels.subarray(0, 16)], expected);
});

Deno.test("image operations: a fill for each channel comes in at the border", () => {
  const images = randomImages(keyOf(5), { count: 1, height: 1, width: 2, channels: 3 });
  const made = applyOperations(images, [{ operation: "TranslateX", magnitude: 1 }], [1, 2, 3]);
  assertEquals([...made.pixels], [1, 2, 3, ...images.pixels.subarray(0, 3)]);
});

Deno.test("image operations: what cannot be done is refused in one line", () => {
  const images = randomImages(keyOf(6), { count: 2, height: 2, width: 2, channels: 2 });
  const identity: OperationDraw = { operation: "Identity", magnitude: 0 };
  assertThrows(
    () => applyOperations(images, [identity]),
    PolyphaseError,
    "2 channels, expected 1 (grey) or 3",
  );
  const grey = { ...images, channels: 1, width: 4 };
  assertThrows(
    () => applyOperations(grey, [identity], [1, 2, 3]),
    PolyphaseError,
    "3 values for images of 1",
  );
  assertThrows(
    () => applyOperations(grey, [identity, identity, identity]),
    RangeError,
    "3 draws for 2 images",
  );
});
