/**
 * Patches on a fixed grid: the tokenization of a plain vision transformer.
 *
 * @module
 */

import { type Images, type ImageShape, imageSize } from "../../datasets/dataset.ts";
import type { Offset } from "../../datasets/shift.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { cutPatches, type Lattice, type LatticeOf, patchSize, tokenColumns, tokenRows } from "./lattice.ts";
import type { TokenGrid, Tokenizer, Tokens } from "./tokenizer.ts";

/** A tokenizer that cuts patches, and the lattice it cuts them from: what {@linkcode adaptive} chooses the start of. */
export interface PatchTokenizer extends Tokenizer {
  /** The lattice for images of a shape. */
  readonly lattice: LatticeOf;
}

/** The size of patches. */
export interface PatchOptions {
  /** Pixels along each side of a patch; along the flattened image for `patches1d`. */
  readonly size: number;
}

/**
 * Patches of `size` pixels along the image flattened row by row: tokens `[height * width / size, size * channels]`.
 *
 * The grid throws a {@linkcode PolyphaseError} if `size` does not divide the number of pixels.
 */
export function patches1d({ size }: PatchOptions): PatchTokenizer {
  return patchTokenizer("patches-1d", size, ({ height, width, channels }) => ({
    height: 1,
    width: height * width,
    channels,
    patchHeight: 1,
    patchWidth: size,
  }), (lattice) => [tokenColumns(lattice)]);
}

/**
 * Square patches of `size` by `size` pixels, row by row: tokens `[(height / size) * (width / size), size² * channels]`,
 * values in a patch in the order row, column, channel.
 *
 * The grid throws a {@linkcode PolyphaseError} if `size` does not divide height and width.
 */
export function patches2d({ size }: PatchOptions): PatchTokenizer {
  return patchTokenizer("patches-2d", size, ({ height, width, channels }) => ({
    height,
    width,
    channels,
    patchHeight: size,
    patchWidth: size,
  }), (lattice) => [tokenRows(lattice), tokenColumns(lattice)]);
}

/** Every pixel is a token: `[height * width, channels]`. */
export function pixels(): PatchTokenizer {
  return { ...patches2d({ size: 1 }), name: "pixels", config: { name: "pixels" } };
}

/** The tokens of images that are each rolled by an offset first. */
export function cutAll(images: Images, lattice: Lattice, offsets: readonly Offset[]): Tokens {
  const size = imageSize(images);
  const values = new Uint8Array(images.pixels.length);
  for (let index = 0; index < images.count; index++) {
    const start = index * size;
    cutPatches(
      images.pixels.subarray(start, start + size),
      values.subarray(start, start + size),
      lattice,
      offsets[index],
    );
  }
  return { values, offsets };
}

function patchTokenizer(
  name: string,
  size: number,
  cut: LatticeOf,
  shapeOf: (lattice: Lattice) => number[],
): PatchTokenizer {
  if (!Number.isInteger(size) || size < 1) {
    throw new PolyphaseError(`${name}: patch size ${size} is not a whole number of pixels: give 1 or more`);
  }
  const lattice = (image: ImageShape): Lattice => {
    const made = cut(image);
    if (made.height % made.patchHeight !== 0 || made.width % made.patchWidth !== 0) {
      const seen = made.height === 1 ? `${made.width} pixels` : `${image.height}×${image.width} pixels`;
      throw new PolyphaseError(
        `${name}: patch size ${size} does not divide ${seen}: choose one that does, or resize`,
      );
    }
    return made;
  };
  return {
    name,
    config: { name, size },
    adaptive: false,
    random: false,
    lattice,
    grid(image: ImageShape): TokenGrid {
      const made = lattice(image);
      return {
        shape: shapeOf(made),
        tokens: tokenRows(made) * tokenColumns(made),
        patch: patchSize(made),
        patchShape: [made.patchHeight, made.patchWidth, made.channels],
      };
    },
    tokenize(images: Images): Tokens {
      const none = { dy: 0, dx: 0 };
      return cutAll(images, lattice(images), new Array<Offset>(images.count).fill(none));
    },
  };
}
