/**
 * Random images in ten classes: what steps are timed on whose time does not depend on what is in an image.
 *
 * @module
 */

import type { Dataset, ImageShape, Split } from "../../datasets/dataset.ts";
import { bits, foldIn, keyOf } from "../../pipeline/random.ts";

/** So many images of random bytes in each split; classes take turns. */
export function randomImages(shape: ImageShape, count: number): Dataset {
  const classes = Array.from({ length: 10 }, (_, index) => `class ${index}`);
  const split = (name: string): Split => {
    const size = count * shape.height * shape.width * shape.channels;
    const words = bits(foldIn(keyOf(0), name), new Uint32Array(Math.ceil(size / 4)));
    return {
      images: { ...shape, count, pixels: new Uint8Array(words.buffer.slice(0, size) as ArrayBuffer) },
      labels: Uint8Array.from({ length: count }, (_, index) => index % classes.length),
    };
  };
  return {
    name: "random-images",
    config: { name: "random-images", ...shape, count },
    load: () => Promise.resolve({ train: split("train"), test: split("test"), classes }),
  };
}
