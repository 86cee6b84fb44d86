/**
 * Cropping a random window out of images with a border around them.
 *
 * @module
 */

import type { Images } from "../../datasets/dataset.ts";
import type { Augmentation } from "../augment.ts";
import { PolyphaseError } from "../errors.ts";
import { randint, split } from "../random.ts";
import { checkFill, checkWhole, type Fill, fillBytes } from "./options.ts";

/**
 * What the border is made of: `constant` is the fill, `edge` repeats the outermost pixels, `reflect` mirrors the image
 * without repeating the outermost pixels, `symmetric` mirrors it with them.
 */
export type CropPaddingMode = "constant" | "edge" | "reflect" | "symmetric";

/** All modes of padding. */
export const CROP_PADDING_MODES: readonly CropPaddingMode[] = ["constant", "edge", "reflect", "symmetric"];

/** Pixels of border: on all sides, left and right then top and bottom, or left, top, right, bottom. */
export type CropPadding =
  | number
  | readonly [horizontal: number, vertical: number]
  | readonly [left: number, top: number, right: number, bottom: number];

/** What is cropped. */
export interface RandomCropOptions {
  /**
   * Pixels of the crop: of both sides, or height and width. Default those of the images. In training, another size
   * goes with tokens for that size.
   */
  readonly size?: number | readonly [height: number, width: number];
  /** Pixels of border around the images before they are cropped. Default 0. */
  readonly padding?: CropPadding;
  /** What the border is made of. Default `constant`. */
  readonly paddingMode?: CropPaddingMode;
  /** The byte of a constant border, or one for each channel. Default 0. */
  readonly fill?: Fill;
}

/**
 * Puts a border around each image and crops a window at a place of its own, as torchvision's `RandomCrop`:
 * `[count, height, width, channels]` → `[count, ...size, channels]`, every place as likely as any other. Any number of
 * channels.
 *
 * @throws {PolyphaseError} if an option is out of range, or there is neither size nor padding, so nothing to choose;
 * when applied, if images with their border are smaller than the crop or too small to mirror
 */
export function randomCrop(
  { size, padding = 0, paddingMode = "constant", fill = 0 }: RandomCropOptions,
): Augmentation {
  const name = "random-crop";
  const sides = typeof size === "number" ? [size, size] : size;
  sides?.forEach((side) => checkWhole(name, "size", side, 1));
  if (sides !== undefined && sides.length !== 2) {
    throw new PolyphaseError(`${name}: size has ${sides.length} numbers, expected one, or height and width`);
  }
  const [left, top, right, bottom] = borders(name, padding);
  if (size === undefined && left + top + right + bottom === 0) {
    throw new PolyphaseError(
      `${name}: neither size nor padding, so the crop is the whole image: give padding, for example 4`,
    );
  }
  if (!CROP_PADDING_MODES.includes(paddingMode)) {
    throw new PolyphaseError(
      `${name}: paddingMode is ${JSON.stringify(paddingMode)}, expected one of ${
        CROP_PADDING_MODES.join(", ")
      }`,
    );
  }
  checkFill(name, fill);
  return {
    name,
    config: { name, size: size ?? null, padding, paddingMode, fill },
    copies: 1,
    apply(images, key) {
      const [height, width] = sides ?? [images.height, images.width];
      const rows = images.height + top + bottom - height;
      const columns = images.width + left + right - width;
      if (rows < 0 || columns < 0) {
        throw new PolyphaseError(
          `${name}: images of ${images.height} × ${images.width} with their padding are smaller than the crop ` +
            `of ${height} × ${width}: give more padding or a smaller size`,
        );
      }
      const sourceRows = sources(name, images.height, top, bottom, paddingMode);
      const sourceColumns = sources(name, images.width, left, right, paddingMode);
      const [forRows, forColumns] = split(key);
      const firstRows = randint(forRows, images.count, 0, rows + 1);
      const firstColumns = randint(forColumns, images.count, 0, columns + 1);
      const border = fillBytes(name, fill, images.channels);
      const crop = {
        ...images,
        height,
        width,
        pixels: new Uint8Array(images.count * height * width * images.channels),
      };
      for (let index = 0; index < images.count; index++) {
        cropImage(
          images,
          index,
          sourceRows.subarray(firstRows[index], firstRows[index] + height),
          sourceColumns.subarray(firstColumns[index], firstColumns[index] + width),
          border,
          crop,
        );
      }
      return crop;
    },
  };
}

/** Pixels of border on each side: left, top, right, bottom. */
function borders(name: string, padding: CropPadding): readonly [number, number, number, number] {
  const list: readonly number[] = typeof padding === "number" ? [padding] : padding;
  list.forEach((side) => checkWhole(name, "padding", side, 0));
  const [first, second, third, fourth] = list;
  if (list.length === 1) return [first, first, first, first];
  if (list.length === 2) return [first, second, first, second];
  if (list.length === 4) return [first, second, third, fourth];
  throw new PolyphaseError(
    `${name}: padding has ${list.length} numbers, expected one, two (left and right, top and bottom) or four`,
  );
}

/** For each place along an axis with its border, the place of the image that it shows, or -1 for the fill. */
function sources(
  name: string,
  length: number,
  before: number,
  after: number,
  mode: CropPaddingMode,
): Int32Array {
  const most = mode === "reflect" ? length - 1 : length;
  const isMirror = mode === "reflect" || mode === "symmetric";
  if (isMirror && Math.max(before, after) > most) {
    throw new PolyphaseError(
      `${name}: a side of ${length} pixels cannot be mirrored for ${
        Math.max(before, after)
      } pixels of padding ` +
        `(${mode}), expected ${most} or fewer: give less padding or paddingMode "edge"`,
    );
  }
  const last = length - 1;
  return Int32Array.from({ length: before + length + after }, (_, index) => {
    const at = index - before;
    if (at >= 0 && at <= last) return at;
    if (mode === "constant") return -1;
    if (mode === "edge") return at < 0 ? 0 : last;
    const shared = mode === "symmetric" ? 1 : 0;
    return at < 0 ? -at - shared : 2 * last - at + shared;
  });
}

/** Writes the crop of image `index` to its place in `crop`, from the rows and columns that it shows. */
function cropImage(
  images: Images,
  index: number,
  rows: Int32Array,
  columns: Int32Array,
  border: Uint8Array,
  crop: Images,
): void {
  const { height, width, channels, pixels } = images;
  let target = index * crop.height * crop.width * channels;
  for (const row of rows) {
    const line = (index * height + row) * width;
    for (let x = 0; x < columns.length; x++) {
      const isFill = row < 0 || columns[x] < 0;
      const source = (line + columns[x]) * channels;
      for (let channel = 0; channel < channels; channel++) {
        crop.pixels[target++] = isFill ? border[channel] : pixels[source + channel];
      }
    }
  }
}
