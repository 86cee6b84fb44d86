/**
 * A folder of pictures as a data set, in the layout of torchvision's `ImageFolder`: a folder a class.
 *
 * @module
 */

import { AbortedError, PolyphaseError } from "../pipeline/errors.ts";
import type { JsonObject } from "../pipeline/json.ts";
import { foldIn, type Key, keyOf, permutation } from "../pipeline/random.ts";
import { convertChannels } from "./channels.ts";
import { resizeAndCrop } from "./crop.ts";
import {
  type Dataset,
  type Images,
  imageSize,
  type LoadOptions,
  type Split,
  type Splits,
} from "./dataset.ts";
import { type ListedImage, listImages } from "./image_files.ts";
import { decodeJpeg } from "./jpeg.ts";
import { decodePng } from "./png.ts";
import { checkSize } from "./resize.ts";

/** Options of {@linkcode imageFolder}. Everything has a default. */
export interface ImageFolderOptions {
  /** Height and width in pixels: the shorter side is resized to it, then the middle is cut out. Default: as they are. */
  readonly size?: number;
  /** Share of each class that is put aside for testing, where the folder holds no split of its own. Default 0.2. */
  readonly testShare?: number;
  /** Seed of the order in which images are put aside. Default 0. */
  readonly seed?: number;
  /** Values per pixel: 1 for grey, 3 for RGB. Default 3. */
  readonly channels?: 1 | 3;
}

/**
 * The PNG and JPEG pictures of a folder, `PATH/train/<class>/…` and `PATH/test/<class>/…` (or `val`), or
 * `PATH/<class>/…`, of which a seeded share of each class is put aside for testing.
 *
 * Classes are the names of the folders in alphabetical order, at most 256. Alpha is dropped and a photo's
 * orientation tag is not followed, as torchvision does.
 * Where the folder has its own split, `testShare` and `seed` are refused.
 *
 * The folder is listed at once, so that the configuration can tell its content: it holds a hash of names and lengths.
 *
 * @throws {PolyphaseError} if the folder cannot be read or has another layout, or an option is out of range; `load`
 *   throws one if a picture is damaged, or sizes differ and no `size` is given
 */
export function imageFolder(path: string, options: ImageFolderOptions = {}): Dataset {
  const { size, testShare, seed, channels = 3 } = options;
  if (size !== undefined) checkSize(size);
  if (channels !== 1 && channels !== 3) {
    throw new PolyphaseError(`${channels} channels, expected 1 (grey) or 3 (RGB)`);
  }
  if (testShare !== undefined && !(testShare > 0 && testShare < 1)) {
    throw new PolyphaseError(`testShare ${testShare}, expected a share between 0 and 1, for example 0.2`);
  }
  const listing = listImages(path);
  const split = listing.test === undefined;
  if (!split && (testShare !== undefined || seed !== undefined)) {
    throw new PolyphaseError(`${path} has its own test split: leave out testShare and seed`);
  }
  const sharing: JsonObject = split ? { testShare: testShare ?? 0.2, seed: seed ?? 0 } : {};
  return {
    name: `folder:${listing.name}`,
    config: {
      name: "folder",
      folder: listing.name,
      content: contentTag([...listing.train, ...listing.test ?? []]),
      channels,
      size: size ?? null,
      ...sharing,
    },
    async load(options: LoadOptions = {}): Promise<Splits> {
      const { classes } = listing;
      const [train, test] = listing.test
        ? [listing.train, listing.test]
        : putAside(listing.train, classes.length, testShare ?? 0.2, keyOf(seed ?? 0));
      const total = train.length + test.length;
      const read = reader(total, channels, size, options);
      return { train: await read(train), test: await read(test), classes };
    },
  };
}

/** A hash of the names and lengths of all files: 64 bits, as 16 hexadecimal digits. */
function contentTag(images: readonly ListedImage[]): string {
  let key: Key = [0, 0];
  for (const { name, bytes } of images) key = foldIn(key, `${name}:${bytes}`);
  return key.map((word) => word.toString(16).padStart(8, "0")).join("");
}

/** Splits each class by a random order of its own, so that adding pictures to one class does not move those of another. */
function putAside(
  images: readonly ListedImage[],
  classes: number,
  share: number,
  key: Key,
): [ListedImage[], ListedImage[]] {
  const train: ListedImage[] = [];
  const test: ListedImage[] = [];
  for (let label = 0; label < classes; label++) {
    const members = images.filter((image) => image.label === label);
    // At least one stays to learn from.
    const aside = Math.min(Math.round(members.length * share), members.length - 1);
    const order = permutation(foldIn(key, label), members.length);
    const chosen = new Set(order.subarray(0, aside));
    members.forEach((image, index) => (chosen.has(index) ? test : train).push(image));
  }
  if (test.length === 0) {
    throw new PolyphaseError(
      `testShare ${share} of ${images.length} images leaves none to test on: raise testShare, or add images`,
    );
  }
  return [train, test];
}

/** A function that reads splits, the shape of whose images is that of the first image it meets. */
function reader(
  total: number,
  channels: 1 | 3,
  size: number | undefined,
  { signal, progress }: LoadOptions,
): (files: readonly ListedImage[]) => Promise<Split> {
  let first: { path: string; image: Images } | undefined;
  let done = 0;
  return async (files) => {
    let pixels = new Uint8Array(0);
    for (let index = 0; index < files.length; index++) {
      if (signal?.aborted) throw new AbortedError(`Stopped after reading ${done} of ${total} images`);
      const { path } = files[index];
      const image = fit(await decodeFile(path), channels, size);
      first ??= { path, image };
      if (image.height !== first.image.height || image.width !== first.image.width) {
        throw new PolyphaseError(
          `${path} has ${image.width} × ${image.height} pixels and ${first.path} has ${first.image.width} × ${first.image.height}: give a size, so that all images are brought to it`,
        );
      }
      if (index === 0) pixels = new Uint8Array(files.length * imageSize(image));
      pixels.set(image.pixels, index * imageSize(image));
      done++;
      progress?.({ text: "reading images", done, total });
    }
    const { height, width } = first!.image;
    return {
      images: { count: files.length, height, width, channels, pixels },
      labels: Uint8Array.from(files, (file) => file.label),
    };
  };
}

/** The wanted channels, then the wanted size, in the order of torchvision's loader and transforms. */
function fit(image: Images, channels: 1 | 3, size: number | undefined): Images {
  const converted = convertChannels(image, channels);
  return size === undefined ? converted : resizeAndCrop(converted, size);
}

/** Decodes a picture by what it is, not by what its name says. */
async function decodeFile(path: string): Promise<Images> {
  const bytes = await Deno.readFile(path);
  const isPng = bytes[0] === 0x89 && bytes[1] === 0x50;
  const isJpeg = bytes[0] === 0xff && bytes[1] === 0xd8;
  if (!isPng && !isJpeg) {
    throw new PolyphaseError(`${path} is no PNG or JPEG image: convert it, or take it out of the folder`);
  }
  try {
    return isPng ? decodePng(bytes) : decodeJpeg(bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new PolyphaseError(`${path} is damaged (${reason}): replace it, or take it out of the folder`);
  }
}
