import { assertEquals, assertThrows } from "@std/assert";
import { readIdx, splitOfIdx } from "../../datasets/idx.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { idxFile } from "./fake_system.ts";

function count(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}

for (const shape of [[5], [2, 3], [2, 3, 4], [1, 2, 2, 3]]) {
  Deno.test(`an IDX file of ${shape.length} dimensions reads back`, () => {
    const values = count(shape.reduce((a, b) => a * b));
    const array = readIdx(idxFile(shape, values), "x");
    assertEquals(array.shape, shape);
    assertEquals(Array.from(array.values), values);
  });
}

Deno.test("an IDX file is read at an offset in a larger buffer", () => {
  const file = idxFile([3], [7, 8, 9]);
  const larger = new Uint8Array(file.length + 5);
  larger.set(file, 5);
  assertEquals(Array.from(readIdx(larger.subarray(5), "x").values), [7, 8, 9]);
});

const good = idxFile([2, 2], [1, 2, 3, 4]);
for (
  const [fault, bytes, message] of [
    ["no IDX magic", good.with(0, 0x1f), "t is no IDX file: it begins with 1f000802"],
    ["floats", good.with(2, 0x0d), "t holds 32-bit floats, expected unsigned bytes"],
    ["an unknown type", good.with(2, 0x77), "t holds values of unknown type 0x77"],
    ["no dimensions", good.with(3, 0), "t has 0 dimensions, expected 1 to 4"],
    ["five dimensions", good.with(3, 5), "t has 5 dimensions, expected 1 to 4"],
    ["a short magic", good.slice(0, 3), "t is cut short: 3 bytes"],
    ["a short header", good.slice(0, 9), "t is cut short: 9 bytes, expected a header of 12"],
    ["a value too few", good.slice(0, 15), "t is cut short: 15 bytes, expected 16 for 2 × 2"],
    ["a value too many", new Uint8Array([...good, 5]), "t is too long: 17 bytes, expected 16 for 2 × 2"],
  ] as const
) {
  Deno.test(`an IDX file with ${fault} is refused in one line`, () => {
    const error = assertThrows(() => readIdx(new Uint8Array(bytes), "t"), PolyphaseError, message);
    assertEquals(error.message.includes("\n"), false);
  });
}

const names = { images: "t10k-images-idx3-ubyte", labels: "t10k-labels-idx1-ubyte" };
const images = { shape: [3, 2, 2], values: Uint8Array.from(count(12)) };

Deno.test("images and labels make a split", () => {
  const split = splitOfIdx(images, { shape: [3], values: Uint8Array.of(1, 0, 1) }, 2, names);
  assertEquals(split.images, { count: 3, height: 2, width: 2, channels: 1, pixels: images.values });
  assertEquals(Array.from(split.labels), [1, 0, 1]);
});

Deno.test("a fourth dimension is the channels", () => {
  const rgb = { shape: [2, 1, 2, 3], values: Uint8Array.from(count(12)) };
  const split = splitOfIdx(rgb, { shape: [2], values: Uint8Array.of(0, 0) }, 1, names);
  assertEquals([split.images.height, split.images.width, split.images.channels], [1, 2, 3]);
});

Deno.test("a label out of range is named with its index and file", () => {
  const labels = { shape: [3], values: Uint8Array.of(1, 12, 0) };
  assertThrows(
    () => splitOfIdx(images, labels, 10, names),
    PolyphaseError,
    "label 12 at index 1 of t10k-labels-idx1-ubyte: there are 10 classes",
  );
});

Deno.test("counts that differ are refused", () => {
  assertThrows(
    () => splitOfIdx(images, { shape: [2], values: Uint8Array.of(0, 0) }, 10, names),
    PolyphaseError,
    "t10k-images-idx3-ubyte has 3 images and t10k-labels-idx1-ubyte has 2 labels",
  );
});

Deno.test("files that were swapped are refused", () => {
  const labels = { shape: [3], values: Uint8Array.of(0, 0, 0) };
  assertThrows(() => splitOfIdx(labels, labels, 10, names), PolyphaseError, "give the file of the images");
  assertThrows(() => splitOfIdx(images, images, 10, names), PolyphaseError, "give the file of the labels");
});
