/**
 * Random erasing: painting over a random rectangle of an image.
 *
 * Z. Zhong, L. Zheng, G. Kang, S. Li, Y. Yang, "Random erasing data augmentation", AAAI 2020.
 *
 * @module
 */

import { type ImageShape, imageSize } from "../../datasets/dataset.ts";
import type { Augmentation } from "../augment.ts";
import { PolyphaseError } from "../errors.ts";
import { bits, foldIn, type Key, randint, split, uniform } from "../random.ts";
import { checkFill, checkProbability, type Fill, fillBytes } from "./options.ts";

/** How many rectangles are tried before an image is left as it is. */
const TRIES = 10;

/** What is erased. */
export interface RandomErasingOptions {
  /** Chance of each image to lose a rectangle, in [0, 1]. Default 0.5. */
  readonly probability?: number;
  /** Least and greatest area of the rectangle, as shares of the image's. Default 0.02 to 1/3. */
  readonly area?: readonly [least: number, greatest: number];
  /** Least and greatest height of the rectangle over its width. Default 0.3 to 1/0.3. */
  readonly aspect?: readonly [least: number, greatest: number];
  /**
   * What the rectangle is painted with: a byte, one for each channel, or `random` for bytes drawn one by one, as the
   * paper prefers. Default 0.
   */
  readonly fill?: Fill | "random";
}

/** A rectangle of pixels. */
interface Box {
  /** First row. */
  readonly top: number;
  /** First column. */
  readonly left: number;
  /** How many rows. */
  readonly height: number;
  /** How many columns. */
  readonly width: number;
}

/**
 * Erases a rectangle of each image with some probability, as torchvision's and timm's `RandomErasing`: its area is
 * uniform, its aspect ratio log-uniform, its place uniform. Rectangles that are as high or as wide as the image are
 * drawn again, ten times at most; then the image stays. Any number of channels.
 *
 * Those two work on images after normalisation, and draw normal noise; here pixels are bytes, and noise is uniform.
 *
 * @throws {PolyphaseError} if an option is out of range; when applied, if `fill` is for another number of channels
 */
export function randomErasing(
  { probability = 0.5, area = [0.02, 1 / 3], aspect = [0.3, 1 / 0.3], fill = 0 }: RandomErasingOptions = {},
): Augmentation {
  const name = "random-erasing";
  checkProbability(name, probability);
  checkSpan(name, "area", area, 1);
  checkSpan(name, "aspect", aspect, Infinity);
  if (fill !== "random") checkFill(name, fill);
  return {
    name,
    config: { name, probability, area: [...area], aspect: [...aspect], fill },
    copies: 1,
    apply(images, key) {
      const [forChance, forBoxes, forNoise] = split(key, 3);
      const pixels = images.pixels.slice();
      const paint = fill === "random" ? undefined : fillBytes(name, fill, images.channels);
      uniform(forChance, images.count).forEach((chance, row) => {
        if (chance >= probability) return;
        const box = drawBox(foldIn(forBoxes, row), images, area, aspect);
        if (box === undefined) return;
        const bytes = paint ?? randomBytes(foldIn(forNoise, row), box.height * box.width * images.channels);
        paintBox(pixels.subarray(row * imageSize(images), (row + 1) * imageSize(images)), images, box, bytes);
      });
      return { ...images, pixels };
    },
  };
}

function checkSpan(name: string, option: string, span: readonly [number, number], most: number): void {
  const [least, greatest] = span;
  if (span.length !== 2 || !(least > 0 && least <= greatest && greatest <= most && greatest < Infinity)) {
    throw new PolyphaseError(
      `${name}: ${option} is ${JSON.stringify(span)}, expected the least above 0 and the greatest` +
        `${most === 1 ? ", 1 at most" : ""}`,
    );
  }
}

/** A rectangle inside of the image, or nothing if none of those tried fits. */
function drawBox(
  key: Key,
  shape: ImageShape,
  area: readonly [number, number],
  aspect: readonly [number, number],
): Box | undefined {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const [forArea, forAspect, forTop, forLeft] = split(foldIn(key, attempt), 4);
    const pixels = shape.height * shape.width * uniform(forArea, 1, area[0], area[1])[0];
    const ratio = Math.exp(uniform(forAspect, 1, Math.log(aspect[0]), Math.log(aspect[1]))[0]);
    const height = Math.round(Math.sqrt(pixels * ratio));
    const width = Math.round(Math.sqrt(pixels / ratio));
    if (height >= shape.height || width >= shape.width) continue;
    return {
      top: randint(forTop, 1, 0, shape.height - height + 1)[0],
      left: randint(forLeft, 1, 0, shape.width - width + 1)[0],
      height,
      width,
    };
  }
  return undefined;
}

/** Paints the rectangle of an image `[height, width, channels]` with `bytes`, over and over from the first. */
function paintBox(image: Uint8Array, { width, channels }: ImageShape, box: Box, bytes: Uint8Array): void {
  let next = 0;
  for (let y = box.top; y < box.top + box.height; y++) {
    const start = (y * width + box.left) * channels;
    for (let at = start; at < start + box.width * channels; at++) {
      image[at] = bytes[next];
      next = next + 1 === bytes.length ? 0 : next + 1;
    }
  }
}

/** `count` bytes, each as likely as any other: four of every random word. */
function randomBytes(key: Key, count: number): Uint8Array {
  const words = bits(key, new Uint32Array(Math.ceil(count / 4)));
  return Uint8Array.from({ length: count }, (_, at) => words[at >> 2] >>> (8 * (at & 3)));
}
