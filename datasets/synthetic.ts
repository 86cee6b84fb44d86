/**
 * Drawn garments: a data set that needs no files, for trying things out and for tests.
 *
 * Its classes are those of Fashion-MNIST and its images look alike from afar, but it is far easier: figures reached on
 * it say nothing about Fashion-MNIST.
 *
 * @example
 * ```ts
 * import { synthetic } from "./synthetic.ts";
 *
 * const { train } = await synthetic({ train: 10, test: 10 }).load();
 * if (train.images.pixels.length !== 10 * 28 * 28) throw new Error("unexpected");
 * ```
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import { bits, foldIn, type Key, keyOf, permutation, uniform } from "../pipeline/random.ts";
import type { Dataset, Split, Splits } from "./dataset.ts";
import { FASHION_CLASSES } from "./fashion_mnist.ts";
import { GARMENTS, MOST_DRAWS } from "./garments.ts";
import { fillPolygons, type Point } from "./polygons.ts";
import { checkSize } from "./resize.ts";

/** Options of {@linkcode synthetic}. Everything has a default. */
export interface SyntheticOptions {
  /** Height and width of the images in pixels. Default 28. */
  readonly size?: number;
  /** Images to learn from. Default 2000. */
  readonly train?: number;
  /** Images to test on. Default 500. */
  readonly test?: number;
  /** Seed of all that is random. Default 0. */
  readonly seed?: number;
}

/** Random numbers of an image that no garment takes: position, scale, brightness, stripes, noise. */
const COMMON_DRAWS = 9;

/**
 * Drawn garments, grey on black, in ten classes: proportions, position, brightness, stripes and noise are random.
 *
 * Every ten images in a row hold each class once. An image depends on the seed, its split and its index alone, so a larger
 * set begins with the images of a smaller one.
 *
 * @throws {PolyphaseError} if a size or a count is not a whole number of at least 1
 * @throws {RangeError} if `seed` is not an integer in [0, 2³²)
 */
export function synthetic(options: SyntheticOptions = {}): Dataset {
  const { size = 28, train = 2000, test = 500, seed = 0 } = options;
  checkSize(size);
  for (const [name, count] of [["train", train], ["test", test]] as const) {
    if (!Number.isInteger(count) || count < 1) {
      throw new PolyphaseError(
        `${name} ${count} of the synthetic data set, expected a whole number of images, 1 or more`,
      );
    }
  }
  const key = keyOf(seed);
  return {
    name: "synthetic",
    config: { name: "synthetic", size, train, test, seed },
    load(): Promise<Splits> {
      return Promise.resolve({
        train: drawSplit(foldIn(key, "train"), train, size),
        test: drawSplit(foldIn(key, "test"), test, size),
        classes: FASHION_CLASSES,
      });
    },
  };
}

function drawSplit(key: Key, count: number, size: number): Split {
  const pixels = new Uint8Array(count * size * size);
  const labels = new Uint8Array(count);
  const [labelKey, imageKey] = [foldIn(key, "labels"), foldIn(key, "images")];
  for (let index = 0; index < count; index++) {
    const place = index % GARMENTS.length;
    if (place === 0) labels.set(classOrder(labelKey, index).subarray(0, count - index), index);
    const image = pixels.subarray(index * size * size, (index + 1) * size * size);
    drawGarment(foldIn(imageKey, index), labels[index], size, image);
  }
  return { images: { count, height: size, width: size, channels: 1, pixels }, labels };
}

/** A random order of the classes. */
function classOrder(key: Key, index: number): Uint8Array {
  return Uint8Array.from(permutation(foldIn(key, index), GARMENTS.length));
}

/** Draws one garment of the class `label` to `image`, `[size, size]`. */
function drawGarment(key: Key, label: number, size: number, image: Uint8Array): void {
  const numbers = uniform(foldIn(key, "shape"), MOST_DRAWS + COMMON_DRAWS);
  let taken = 0;
  const draw = (low: number, high: number) => low + numbers[taken++] * (high - low);

  const patches = GARMENTS[label](draw);
  taken = MOST_DRAWS;
  const [dx, dy] = [draw(-0.05, 0.05), draw(-0.04, 0.04)];
  const [scaleX, scaleY] = [draw(0.88, 1.04), draw(0.9, 1.02)];
  const lean = draw(-0.05, 0.05);
  const brightness = draw(95, 235);
  const place = ([x, y]: Point): Point => [
    0.5 + (x - 0.5) * scaleX + lean * (y - 0.5) + dx,
    0.5 + (y - 0.5) * scaleY + dy,
  ];
  const canvas = new Float32Array(size * size);
  for (const { outlines, shade } of patches) {
    fillPolygons(canvas, size, outlines.map((outline) => outline.map(place)), shade);
  }

  // Stripes of cloth, along one axis or aslant, from hardly seen to plain.
  const [stripes, angle, contrast] = [draw(2, 9), draw(0, Math.PI), draw(0, 0.22)];
  const [waveX, waveY] = [Math.cos(angle), Math.sin(angle)].map((part) =>
    (part * stripes * 2 * Math.PI) / size
  );
  const words = bits(foldIn(key, "noise"), new Uint32Array(size * size));
  for (let at = 0; at < image.length; at++) {
    if (canvas[at] === 0) continue;
    const wave = Math.sin(waveX * (at % size) + waveY * Math.floor(at / size));
    // The sum of two bytes, triangular about its mean: near enough to a normal, and quick.
    const noise = ((words[at] & 255) + ((words[at] >>> 8) & 255) - 255) / 255;
    const value = canvas[at] * brightness * (1 + contrast * wave + 0.12 * noise);
    image[at] = Math.max(0, Math.min(255, Math.round(value)));
  }
}
