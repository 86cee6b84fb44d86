/**
 * What a data set is: two splits of labelled images, as bytes. No tensor library and no model is known here.
 *
 * @module
 */

import type { JsonObject } from "../pipeline/json.ts";

/** Height, width and channels of every image of a set. */
export interface ImageShape {
  /** Rows of pixels. */
  readonly height: number;
  /** Columns of pixels. */
  readonly width: number;
  /** Values per pixel: 1 for grey, 3 for RGB. */
  readonly channels: number;
}

/** Images as bytes, `[count, height, width, channels]` in row-major order. */
export interface Images extends ImageShape {
  /** How many images. */
  readonly count: number;
  /** `count * height * width * channels` bytes. */
  readonly pixels: Uint8Array<ArrayBuffer>;
}

/** Images with a class each. */
export interface Split {
  /** The images, `[count, height, width, channels]`. */
  readonly images: Images;
  /** Class index of each image, `[count]`. */
  readonly labels: Uint8Array<ArrayBuffer>;
}

/** One line on how loading goes: what is being done, and how far if that is known. */
export interface LoadProgress {
  /** What is being done, for example `downloading t10k-images-idx3-ubyte.gz`. */
  readonly text: string;
  /** Units done, for example bytes. */
  readonly done?: number;
  /** Units in all. */
  readonly total?: number;
}

/** What a loader may be told by whoever runs it. */
export interface LoadOptions {
  /** Stops a download. */
  readonly signal?: AbortSignal;
  /** Is told what is being done. */
  readonly progress?: (event: LoadProgress) => void;
}

/** Both splits of a data set and the names of its classes. */
export interface Splits {
  /** Images to learn from. */
  readonly train: Split;
  /** Images to test on. */
  readonly test: Split;
  /** Class names by label. */
  readonly classes: readonly string[];
}

/** A data set: a name, its configuration as plain data, its classes, and a way to load both splits. */
export interface Dataset {
  /** Name, for example `fashion-mnist`. */
  readonly name: string;
  /** What determines the images; where they are stored is no part of it. Holds `name`. */
  readonly config: JsonObject;
  /** Loads both splits. */
  load(options?: LoadOptions): Promise<Splits>;
}

/** How many bytes one image of this shape takes. */
export function imageSize(shape: ImageShape): number {
  return shape.height * shape.width * shape.channels;
}

/** The images at `indices`, copied, `[indices.length, height, width, channels]`. */
export function takeImages(images: Images, indices: ArrayLike<number>): Images {
  const size = imageSize(images);
  const pixels = new Uint8Array(indices.length * size);
  for (let row = 0; row < indices.length; row++) {
    const start = indices[row] * size;
    pixels.set(images.pixels.subarray(start, start + size), row * size);
  }
  return { ...images, count: indices.length, pixels };
}

/** The images and labels at `indices`, copied. */
export function takeSplit(split: Split, indices: ArrayLike<number>): Split {
  return {
    images: takeImages(split.images, indices),
    labels: Uint8Array.from({ length: indices.length }, (_, row) => split.labels[indices[row]]),
  };
}

/** The same data set, loaded once however often it is asked for: for several runs on the same images. */
export function sharedDataset(dataset: Dataset): Dataset {
  let loading: Promise<Splits> | undefined;
  return {
    ...dataset,
    load: (options) => {
      loading ??= dataset.load(options).catch((cause) => {
        loading = undefined;
        throw cause;
      });
      return loading;
    },
  };
}
