/**
 * The periodic lattice that patches are cut from: an image as a torus of pixels, divided into equal patches.
 *
 * A flattened image is a torus of one row, so patches along it and patches of rows and columns are one case.
 *
 * @module
 */

import type { ImageShape } from "../../datasets/dataset.ts";
import { modulo, type Offset } from "../../datasets/shift.ts";

/** A torus of pixels and the patch that divides it. */
export interface Lattice {
  /** Rows of pixels of the torus: 1 for a flattened image. */
  readonly height: number;
  /** Columns of pixels of the torus: all pixels for a flattened image. */
  readonly width: number;
  /** Values per pixel. */
  readonly channels: number;
  /** Rows of pixels in a patch. */
  readonly patchHeight: number;
  /** Columns of pixels in a patch. */
  readonly patchWidth: number;
}

/** How an image of some shape becomes a lattice: what tells one grid of patches from another. */
export type LatticeOf = (image: ImageShape) => Lattice;

/** Rows of tokens. */
export function tokenRows(lattice: Lattice): number {
  return lattice.height / lattice.patchHeight;
}

/** Columns of tokens. */
export function tokenColumns(lattice: Lattice): number {
  return lattice.width / lattice.patchWidth;
}

/** Values in a patch: pixels times channels. */
export function patchSize(lattice: Lattice): number {
  return lattice.patchHeight * lattice.patchWidth * lattice.channels;
}

/** How many polyphases there are: places at which the grid can start. */
export function phases(lattice: Lattice): number {
  return lattice.patchHeight * lattice.patchWidth;
}

/** The circular shift that belongs to a polyphase: phases are numbered row by row. */
export function offsetOfPhase(lattice: Lattice, phase: number): Offset {
  return { dy: Math.floor(phase / lattice.patchWidth), dx: phase % lattice.patchWidth };
}

/**
 * Writes the patches of one image, rolled by `offset` as `torch.roll` does, to `out`, `[tokens, patch]`. Tokens run row
 * by row; inside a patch the order is row, column, channel.
 */
export function cutPatches(pixels: Uint8Array, out: Uint8Array, lattice: Lattice, offset: Offset): void {
  const { height, width, channels, patchHeight, patchWidth } = lattice;
  const line = width * channels;
  const cut = modulo(-offset.dx, width) * channels;
  if (height === 1 && patchHeight === 1) {
    // Patches of one row lie one behind the other, so the tokens are the rolled row itself.
    out.set(pixels.subarray(cut), 0);
    out.set(pixels.subarray(0, cut), line - cut);
    return;
  }
  const run = patchWidth * channels;
  const patch = patchHeight * run;
  const columns = width / patchWidth;
  for (let y = 0; y < height; y++) {
    const row = modulo(y - offset.dy, height) * line;
    const first = Math.floor(y / patchHeight) * columns * patch + (y % patchHeight) * run;
    let from = cut;
    for (let column = 0; column < columns; column++) {
      const to = first + column * patch;
      for (let value = 0; value < run; value++) {
        out[to + value] = pixels[row + from];
        if (++from === line) from = 0;
      }
    }
  }
}
