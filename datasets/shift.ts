/**
 * Shifting one image by whole pixels, on bytes: around the border or with zeros coming in, along the flattened image
 * or along its two axes.
 *
 * Signs are those of `torch.roll`: a shift by `d` moves pixel `i` to `i + d`.
 *
 * @module
 */

import { type Images, imageSize } from "./dataset.ts";

/**
 * How pixels move. `circular` brings what leaves on one side back on the other, `zero` brings zeros in;
 * `flat` shifts the image flattened row by row, `2d` shifts rows and columns.
 */
export type ShiftMode = "circular-flat" | "zero-flat" | "circular-2d" | "zero-2d";

/** All shift modes. */
export const SHIFT_MODES: readonly ShiftMode[] = ["circular-flat", "zero-flat", "circular-2d", "zero-2d"];

/** A shift by rows and columns of pixels; a flat shift keeps `dy` at 0 and counts flattened pixels in `dx`. */
export interface Offset {
  /** Rows downwards. */
  readonly dy: number;
  /** Columns to the right, or flattened pixels. */
  readonly dx: number;
}

/**
 * Every image of a batch, shifted by an offset of its own. Returns new images of the same shape.
 *
 * @throws {RangeError} if there is neither one offset nor one an image
 */
export function shiftImages(images: Images, offsets: readonly Offset[], mode: ShiftMode): Images {
  if (offsets.length !== 1 && offsets.length !== images.count) {
    throw new RangeError(`${offsets.length} offsets for ${images.count} images: give one, or one an image`);
  }
  const size = imageSize(images);
  const pixels = new Uint8Array(images.pixels.length);
  for (let index = 0; index < images.count; index++) {
    const from = images.pixels.subarray(index * size, (index + 1) * size);
    const to = pixels.subarray(index * size, (index + 1) * size);
    const { dy, dx } = offsets[offsets.length === 1 ? 0 : index];
    if (mode === "circular-flat") roll(from, to, dx * images.channels);
    else if (mode === "zero-flat") translate(from, to, dx * images.channels);
    else {
      const row = images.width * images.channels;
      const move = mode === "circular-2d" ? roll : translate;
      for (let y = 0; y < images.height; y++) {
        const source = mode === "circular-2d" ? modulo(y - dy, images.height) : y - dy;
        if (source < 0 || source >= images.height) continue;
        const line = from.subarray(source * row, (source + 1) * row);
        move(line, to.subarray(y * row, (y + 1) * row), dx * images.channels);
      }
    }
  }
  return { ...images, pixels };
}

/** The remainder of `value` in [0, `period`), also for negative values. */
export function modulo(value: number, period: number): number {
  const rest = value % period;
  return rest < 0 ? rest + period : rest;
}

/** Writes `from`, rolled by `shift` places around its end, to `to`. */
function roll(from: Uint8Array, to: Uint8Array, shift: number): void {
  const cut = from.length - modulo(shift, from.length);
  to.set(from.subarray(cut), 0);
  to.set(from.subarray(0, cut), from.length - cut);
}

/** Writes `from`, moved by `shift` places, to `to`, which holds zeros. */
function translate(from: Uint8Array, to: Uint8Array, shift: number): void {
  if (Math.abs(shift) >= from.length) return;
  if (shift >= 0) to.set(from.subarray(0, from.length - shift), shift);
  else to.set(from.subarray(-shift), 0);
}
