import { assertEquals, assertThrows } from "@std/assert";
import type { Images } from "../../datasets/dataset.ts";
import { resizeImages } from "../../datasets/resize.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import golden from "../golden/resize.json" with { type: "json" };

interface Packed {
  shape: number[];
  base64: string;
}

function unpack({ shape, base64 }: Packed): Images {
  const pixels = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return { count: shape[0], height: shape[1], width: shape[2], channels: 1, pixels };
}

const source = unpack(golden.source);

for (const [size, packed] of [[14, golden.to14], [20, golden.to20], [32, golden.to32]] as const) {
  Deno.test(`resizing 28 to ${size} equals Pillow to the byte`, () => {
    assertEquals(resizeImages(source, { height: size, width: size }), unpack(packed));
  });
}

Deno.test("channels are resized each on its own", () => {
  const pixels = new Uint8Array(source.pixels.length * 3);
  source.pixels.forEach((value, index) => pixels.set([value, 255 - value, 7], 3 * index));
  const grey = resizeImages(source, { height: 20, width: 20 }).pixels;
  const colour = resizeImages({ ...source, channels: 3, pixels }, { height: 20, width: 20 }).pixels;
  assertEquals(colour.filter((_, index) => index % 3 === 0), grey);
  assertEquals(colour.filter((_, index) => index % 3 === 2), new Uint8Array(grey.length).fill(7));
  const negative = resizeImages(
    { ...source, pixels: source.pixels.map((value) => 255 - value) },
    { height: 20, width: 20 },
  ).pixels;
  assertEquals(colour.filter((_, index) => index % 3 === 1), negative);
});

Deno.test("height and width are resized apart from each other", () => {
  const tall = resizeImages(source, { height: 28, width: 14 });
  assertEquals([tall.height, tall.width], [28, 14]);
  assertEquals(resizeImages(tall, { height: 14, width: 14 }), unpack(golden.to14));
});

Deno.test("a constant image stays constant, up and down, white included", () => {
  const white: Images = { count: 1, height: 5, width: 7, channels: 1, pixels: new Uint8Array(35).fill(255) };
  for (const [height, width] of [[3, 3], [11, 2], [1, 1], [50, 50]]) {
    assertEquals(
      resizeImages(white, { height, width }).pixels,
      new Uint8Array(height * width).fill(255),
    );
  }
});

Deno.test("images of the wanted size are handed back as they are", () => {
  assertEquals(resizeImages(source, { height: 28, width: 28 }).pixels, source.pixels);
});

Deno.test("a size that is not a whole number of pixels is refused", () => {
  assertThrows(() => resizeImages(source, { height: 0, width: 14 }), PolyphaseError, "image size 0");
  assertThrows(() => resizeImages(source, { height: 14, width: 3.5 }), PolyphaseError, "image size 3.5");
});
