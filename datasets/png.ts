// deno-lint-ignore-file no-import-prefix -- bare specifiers do not resolve in remote modules
/**
 * Decoding PNG: the only door to its library.
 *
 * @module
 */

import { convertIndexedToRgb, decode } from "npm:fast-png@8.0.0";
import type { Images } from "./dataset.ts";

/**
 * The image in a PNG file, `[1, height, width, channels]`, with 1 to 4 channels as the file has them. Of 16 bits the
 * upper 8 are kept; a palette is resolved.
 *
 * @throws if the bytes are no sound PNG file
 */
export function decodePng(bytes: Uint8Array<ArrayBuffer>): Images {
  const image = decode(bytes, { checkCrc: true });
  const { width, height, depth } = image;
  const shape = { count: 1, height, width, channels: image.channels };
  if (image.palette) {
    return { ...shape, channels: image.palette[0].length, pixels: convertIndexedToRgb(image) as Bytes };
  }
  if (depth === 16) return { ...shape, pixels: Uint8Array.from(image.data, (value) => value >> 8) };
  if (depth === 8) return { ...shape, pixels: Uint8Array.from(image.data) };
  return { ...shape, pixels: unpackGrey(image.data, width, height, depth) };
}

type Bytes = Uint8Array<ArrayBuffer>;

/** Grey values of 1, 2 or 4 bits, whose rows begin on whole bytes, scaled to 0 to 255. */
function unpackGrey(data: ArrayLike<number>, width: number, height: number, depth: number): Bytes {
  const white = (1 << depth) - 1;
  const stride = Math.ceil((width * depth) / 8);
  const values = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      const byte = data[y * stride + (bit >> 3)];
      values[y * width + x] = (((byte >> (8 - depth - (bit & 7))) & white) * 255) / white;
    }
  }
  return values;
}
