/**
 * What the tests of the pipeline share: a small data set that can be learned, a model that can be worked out by hand,
 * a checkpoint store in memory, and the bits of parameters.
 *
 * @module
 */

import type { Dataset, Images, Split } from "../../datasets/dataset.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import type { Model, Params } from "../../models/model.ts";
import { flatten } from "../../models/params.ts";
import { pixels } from "../../models/tokenizers/patches.ts";
import type { CheckpointStore } from "../../pipeline/pipe.ts";
import { bits, foldIn, type Key, keyOf, randint } from "../../pipeline/random.ts";
import type { Trained } from "../../pipeline/records.ts";

/** Images of random bytes, `[count, height, width, channels]`; `levels` are the grey values to draw from. */
export function randomImages(
  key: Key,
  shape: { count: number; height: number; width: number; channels: number },
  levels?: readonly number[],
): Images {
  const words = bits(key, new Uint32Array(shape.count * shape.height * shape.width * shape.channels));
  const pixels = Uint8Array.from(words, (word) => levels ? levels[word % levels.length] : word >>> 24);
  return { ...shape, pixels };
}

/** How large {@linkcode tinyDataset} is. */
export interface TinyOptions {
  /** Training images. Default 50. */
  readonly train?: number;
  /** Test images. Default 30. */
  readonly test?: number;
  /** Pixels along each side. Default 8. */
  readonly size?: number;
  /** Seed of the images. Default 0. */
  readonly seed?: number;
}

/** Three classes, each a random template with noise on it: easy to learn, and impossible to guess. */
export function tinyDataset({ train = 50, test = 30, size = 8, seed = 0 }: TinyOptions = {}): Dataset {
  const classes = ["stripe", "spot", "cross"];
  const templates = classes.map((_, label) => randint(foldIn(keyOf(seed), label), size * size, 20, 236));
  const make = (count: number, name: string): Split => {
    const key = foldIn(keyOf(seed), name);
    const labels = Uint8Array.from(randint(foldIn(key, "labels"), count, 0, classes.length));
    const noise = randint(foldIn(key, "noise"), count * size * size, -20, 20);
    const pixels = Uint8Array.from(
      noise,
      (each, index) => templates[labels[Math.floor(index / (size * size))]][index % (size * size)] + each,
    );
    return { images: { count, height: size, width: size, channels: 1, pixels }, labels };
  };
  return {
    name: "tiny",
    config: { name: "tiny", train, test, size, seed },
    load: () => Promise.resolve({ train: make(train, "train"), test: make(test, "test"), classes }),
  };
}

/** Checkpoints in memory; `saved` lists the names in the order in which they were written. */
export interface MemoryStore extends CheckpointStore {
  /** Bytes by name. */
  readonly files: Map<string, Uint8Array<ArrayBuffer>>;
  /** Every name saved, in order. */
  readonly saved: string[];
}

/** A checkpoint store in memory. */
export function memoryStore(): MemoryStore {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const saved: string[] = [];
  return {
    files,
    saved,
    save: (name, bytes) => {
      files.set(name, bytes);
      saved.push(name);
      return Promise.resolve();
    },
    load: (name) => Promise.resolve(files.get(name)),
  };
}

/** The bits of every parameter, by name. */
export async function bitsOf(params: Params): Promise<Record<string, number[]>> {
  const entries: [string, number[]][] = [];
  for (const [name, tensor] of flatten(params)) {
    entries.push([name, Array.from(new Uint32Array(new Float32Array(await tensor.data()).buffer))]);
  }
  return Object.fromEntries(entries);
}

/** A model whose logits are the pixels themselves: the predicted class is the place of the brightest pixel. */
export const brightestPixel: Model = {
  name: "brightest-pixel",
  config: { name: "brightest-pixel" },
  init: () => ({}),
  apply: (_params, tokens): Tensor => tf.reshape(tokens, [tokens.shape[0], -1]),
  embedding: () => {
    throw new Error("brightest-pixel has no embedding");
  },
};

/** A record as `train` would give it: {@linkcode brightestPixel} on images of as many pixels as there are classes. */
export function brightestPixelRecord(
  images: Images,
  labels: readonly number[],
): Trained & { kind: "trained" } {
  const split = { images, labels: Uint8Array.from(labels) };
  const tokenizer = pixels();
  const { height, width, channels } = images;
  return {
    kind: "trained",
    dataset: "by-hand",
    classes: Array.from({ length: height * width }, (_, place) => `pixel ${place}`),
    image: { height, width, channels },
    train: split,
    test: split,
    augmentations: [],
    tokenizer,
    grid: tokenizer.grid(images),
    model: brightestPixel,
    params: {},
    parameterCount: 0,
    history: [],
    timing: { seconds: 0, msPerStep: 0 },
  };
}

/** Images of `height` by `width` pixels, black but for one bright pixel; a place of -1 makes a grey image. */
export function dots(places: readonly number[], height: number, width: number): Images {
  const size = height * width;
  const pixels = new Uint8Array(places.length * size);
  places.forEach((place, row) => {
    if (place < 0) pixels.fill(90, row * size, (row + 1) * size);
    else pixels[row * size + place] = 200;
  });
  return { count: places.length, height, width, channels: 1, pixels };
}
