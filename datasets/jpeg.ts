// deno-lint-ignore-file no-import-prefix -- bare specifiers do not resolve in remote modules
/**
 * Decoding JPEG: the only door to its library.
 *
 * @module
 */

import jpeg from "npm:jpeg-js@0.4.4";
import type { Images } from "./dataset.ts";

/**
 * The image in a JPEG file, `[1, height, width, 3]`; the channels of a grey file are equal. Values may differ by a few
 * units from those of another decoder, since the standard leaves rounding and the smoothing of colours open.
 *
 * @throws if the bytes are no sound JPEG file
 */
export function decodeJpeg(bytes: Uint8Array<ArrayBuffer>): Images {
  const { width, height, data } = jpeg.decode(bytes, {
    useTArray: true,
    formatAsRGBA: false,
    tolerantDecoding: false,
  });
  return { count: 1, height, width, channels: 3, pixels: Uint8Array.from(data) };
}
