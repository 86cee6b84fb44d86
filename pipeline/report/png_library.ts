/**
 * The only door of the report to a PNG encoder.
 *
 * @module
 */

// deno-lint-ignore-file no-import-prefix -- bare specifiers do not resolve in remote modules

import { encode } from "npm:fast-png@8.0.0";

/** One image as bytes, `[height, width, channels]`: a set of images with a single one in it is such a picture. */
export interface Picture {
  /** Rows of pixels. */
  readonly height: number;
  /** Columns of pixels. */
  readonly width: number;
  /** Values per pixel: 1 for grey, 3 for RGB. */
  readonly channels: number;
  /** `height * width * channels` bytes in row-major order. */
  readonly pixels: Uint8Array;
}

/** The bytes of a PNG file that holds `picture`, losslessly. Its channels are 1 or 3. */
export function encodePng(picture: Picture): Uint8Array {
  const { height, width, channels, pixels } = picture;
  return encode({ height, width, channels: channels === 1 ? 1 : 3, depth: 8, data: pixels });
}
