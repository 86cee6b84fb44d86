import { assertEquals } from "@std/assert";
import { resizeAndCrop } from "../../datasets/crop.ts";
import type { Images } from "../../datasets/dataset.ts";

/** Images whose value is ten times the row plus the column. */
function grid(count: number, height: number, width: number): Images {
  const pixels = new Uint8Array(count * height * width);
  for (let at = 0; at < pixels.length; at++) {
    pixels[at] = 10 * (Math.floor(at / width) % height) + (at % width);
  }
  return { count, height, width, channels: 1, pixels };
}

Deno.test("the middle is cut out of the longer side, halves rounded to even", () => {
  // (7 - 4) / 2 = 1.5 goes to 2, (5 - 4) / 2 = 0.5 goes to 0.
  assertEquals(Array.from(resizeAndCrop(grid(1, 4, 7), 4).pixels.subarray(0, 4)), [2, 3, 4, 5]);
  assertEquals(Array.from(resizeAndCrop(grid(1, 4, 5), 4).pixels.subarray(0, 4)), [0, 1, 2, 3]);
  assertEquals(Array.from(resizeAndCrop(grid(1, 7, 4), 4).pixels.subarray(0, 4)), [20, 21, 22, 23]);
});

Deno.test("every image of a batch is cut alike", () => {
  const both = resizeAndCrop(grid(2, 4, 8), 4);
  assertEquals([both.count, both.height, both.width], [2, 4, 4]);
  assertEquals(both.pixels.subarray(0, 16), both.pixels.subarray(16));
});

Deno.test("the shorter side is resized to the size, the longer in proportion, its fraction dropped", () => {
  const image = resizeAndCrop(grid(1, 5, 9), 3);
  assertEquals([image.height, image.width], [3, 3]);
  // 3 * 9 / 5 = 5.4 gives 5 columns; a constant image stays constant whatever the crop.
  const flat = { ...grid(1, 5, 9), pixels: new Uint8Array(45).fill(200) };
  assertEquals(resizeAndCrop(flat, 3).pixels, new Uint8Array(9).fill(200));
  assertEquals(image.pixels[4], 24);
});
