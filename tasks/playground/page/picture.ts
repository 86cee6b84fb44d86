/**
 * Pictures as bytes: a black one, one painted on, and one from a file that somebody dropped.
 *
 * @module
 */

/// <reference lib="dom" />

import { type Images, type ImageShape, modulo, type Offset, PolyphaseError } from "../../../mod.ts";

/** A black picture. */
export function blankPicture({ height, width, channels }: ImageShape): Images {
  return { count: 1, height, width, channels, pixels: new Uint8Array(height * width * channels) };
}

/** The same picture so many times, `[count, height, width, channels]`. */
export function repeatPicture(picture: Images, count: number): Images {
  const pixels = new Uint8Array(count * picture.pixels.length);
  for (let index = 0; index < count; index++) pixels.set(picture.pixels, index * picture.pixels.length);
  return { ...picture, count, pixels };
}

/** A picture with one spot painted white, or black again; the spot is soft and goes around the border. */
export function paint(picture: Images, at: Offset, isWhite: boolean): Images {
  const { height, width, channels } = picture;
  const pixels = picture.pixels.slice();
  // As wide as the strokes of handwritten digits are in a picture of 28 pixels.
  const reach = Math.max(1, Math.round(Math.max(height, width) / 28));
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const share = Math.max(0, 1.25 - Math.hypot(dy, dx) / reach);
      const level = Math.round(255 * Math.min(1, share));
      const pixel = modulo(at.dy + dy, height) * width + modulo(at.dx + dx, width);
      for (let channel = 0; channel < channels; channel++) {
        const place = pixel * channels + channel;
        pixels[place] = isWhite ? Math.max(pixels[place], level) : Math.min(pixels[place], 255 - level);
      }
    }
  }
  return { ...picture, pixels };
}

/**
 * The picture in an image file, cut to its middle and scaled to a shape. Grey is the luma of Rec. 601.
 *
 * @throws {PolyphaseError} if the browser cannot read the file as an image
 */
export async function readPicture(file: Blob, shape: ImageShape): Promise<Images> {
  const { height, width, channels } = shape;
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new PolyphaseError("This file is no image that the browser can read: give a PNG or JPEG file");
  }
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
  context.imageSmoothingQuality = "high";
  const scale = Math.min(bitmap.width / width, bitmap.height / height);
  const [across, down] = [width * scale, height * scale];
  const [left, top] = [(bitmap.width - across) / 2, (bitmap.height - down) / 2];
  // What is transparent counts as black, like the ground of the pictures that models were trained on.
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, left, top, across, down, 0, 0, width, height);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  const picture = blankPicture(shape);
  for (let pixel = 0; pixel < height * width; pixel++) {
    const [red, green, blue] = data.subarray(4 * pixel, 4 * pixel + 3);
    const values = channels === 1
      ? [Math.round(0.299 * red + 0.587 * green + 0.114 * blue)]
      : [red, green, blue];
    picture.pixels.set(values, pixel * channels);
  }
  return picture;
}
