import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { imageSize, type Split } from "../../datasets/dataset.ts";
import { FASHION_CLASSES } from "../../datasets/fashion_mnist.ts";
import { GARMENTS, MOST_DRAWS } from "../../datasets/garments.ts";
import { synthetic } from "../../datasets/synthetic.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";

const options = { sanitizeOps: true, sanitizeResources: true };

Deno.test("shapes and counts are those asked for", options, async () => {
  const { train, test, classes } = await synthetic({ size: 14, train: 30, test: 15 }).load();
  assertEquals([train.images.count, train.images.height, train.images.width], [30, 14, 14]);
  assertEquals([test.images.count, test.labels.length, test.images.pixels.length], [15, 15, 15 * 196]);
  assertEquals(classes, FASHION_CLASSES);
  const sizes = new Array(10).fill(0);
  train.labels.forEach((label) => sizes[label]++);
  assertEquals(sizes, new Array(10).fill(3));
});

Deno.test("the same seed gives the same images, another gives others", options, async () => {
  const first = await synthetic({ train: 20, test: 10 }).load();
  assertEquals(await synthetic({ train: 20, test: 10 }).load(), first);
  const other = await synthetic({ train: 20, test: 10, seed: 1 }).load();
  assertNotEquals(other.train.images.pixels, first.train.images.pixels);
  assertNotEquals(other.train.labels, first.train.labels);
  assertNotEquals(first.train.images.pixels.subarray(0, 7840), first.test.images.pixels);
});

Deno.test("a larger set begins with the images of a smaller one", options, async () => {
  const small = (await synthetic({ train: 17, test: 1 }).load()).train;
  const large = (await synthetic({ train: 40, test: 1 }).load()).train;
  assertEquals(large.labels.subarray(0, 17), small.labels);
  assertEquals(large.images.pixels.subarray(0, small.images.pixels.length), small.images.pixels);
});

Deno.test("garments are centred, grey on black", options, async () => {
  const { images } = (await synthetic({ train: 200, test: 1 }).load()).train;
  for (let index = 0; index < images.count; index++) {
    const pixels = images.pixels.subarray(index * 784, (index + 1) * 784);
    let [mass, x, y, lit] = [0, 0, 0, 0];
    pixels.forEach((value, at) => {
      mass += value;
      x += value * (at % 28);
      y += value * Math.floor(at / 28);
      if (value > 0) lit++;
    });
    assert(lit > 40 && lit < 600, `${lit} pixels of image ${index} are not black`);
    assert(
      Math.abs(x / mass - 13.5) < 5 && Math.abs(y / mass - 13.5) < 7,
      `image ${index} is off the middle`,
    );
  }
});

Deno.test("no garment takes more random numbers than are drawn for it", () => {
  GARMENTS.forEach((garment, label) => {
    let taken = 0;
    garment((low, high) => {
      taken++;
      return (low + high) / 2;
    });
    assert(taken <= MOST_DRAWS, `${FASHION_CLASSES[label]} takes ${taken}`);
  });
});

/** Share of the test images whose nearest class mean is that of their class. */
function nearestMeanAccuracy(train: Split, test: Split): number {
  const size = imageSize(train.images);
  const means = Array.from({ length: 10 }, () => new Float64Array(size));
  const counts = new Float64Array(10);
  train.labels.forEach((label, row) => {
    counts[label]++;
    for (let at = 0; at < size; at++) means[label][at] += train.images.pixels[row * size + at];
  });
  means.forEach((mean, label) => mean.forEach((_, at) => mean[at] /= counts[label]));
  let right = 0;
  test.labels.forEach((label, row) => {
    const distances = means.map((mean) =>
      mean.reduce((sum, value, at) => sum + (test.images.pixels[row * size + at] - value) ** 2, 0)
    );
    if (distances.indexOf(Math.min(...distances)) === label) right++;
  });
  return right / test.labels.length;
}

Deno.test("the classes can be learnt, and not without seeing them", options, async () => {
  const { train, test } = await synthetic({ train: 600, test: 300 }).load();
  const accuracy = nearestMeanAccuracy(train, test);
  assert(accuracy > 0.6, `the nearest class mean is right for ${accuracy}`);
  const shuffled = { ...train, labels: train.labels.map((_, row) => row % 10) };
  assert(nearestMeanAccuracy(shuffled, test) < 0.3);
});

Deno.test("counts and sizes that make no sense are refused", () => {
  assertThrows(() => synthetic({ train: 0 }), PolyphaseError, "train 0 of the synthetic data set");
  assertThrows(() => synthetic({ test: 2.5 }), PolyphaseError, "test 2.5 of the synthetic data set");
  assertThrows(() => synthetic({ size: -1 }), PolyphaseError, "image size -1");
  assertThrows(() => synthetic({ seed: -1 }), RangeError, "seed -1");
});

Deno.test("the configuration is what determines the images", () => {
  assertEquals(synthetic().config, { name: "synthetic", size: 28, train: 2000, test: 500, seed: 0 });
});
