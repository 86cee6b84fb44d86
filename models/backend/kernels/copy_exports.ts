/**
 * What the WASM module exports for gathering, rolling, limiting and Fourier transforms; `assembly/` documents each
 * function. Addresses are in bytes, counts in elements.
 *
 * @module
 */

/** Functions of places, limits and frequencies. */
export interface CopyExports {
  /** Runs of bytes picked by number; gives back the place of a number that does not fit, or −1. */
  gather(
    batch: number,
    outer: number,
    picks: number,
    length: number,
    run: number,
    x: number,
    ids: number,
    y: number,
  ): number;
  /** Circular shifts of images. */
  roll(
    batch: number,
    height: number,
    width: number,
    channels: number,
    x: number,
    rows: number,
    rowStep: number,
    columns: number,
    columnStep: number,
    y: number,
  ): void;
  /** Energies of polyphases. */
  phaseEnergies(
    batch: number,
    height: number,
    width: number,
    channels: number,
    rows: number,
    columns: number,
    power: number,
    x: number,
    energies: number,
    scratch: number,
  ): void;
  /** Numbers within limits. */
  clip(count: number, x: number, y: number, low: number, high: number): void;
  /** Which numbers are not zero, in bytes. */
  isNonzero(count: number, x: number, y: number): void;
  /** Fourier transforms of rows of a length with small factors. */
  fourier(
    rows: number,
    length: number,
    x: number,
    y: number,
    sign: number,
    scale: number,
    factors: number,
    factorCount: number,
    roots: number,
    scratch: number,
  ): void;
  /** Fourier transforms of rows of any length, by convolution. */
  fourierByConvolution(
    rows: number,
    length: number,
    padded: number,
    x: number,
    y: number,
    scale: number,
    chirp: number,
    filter: number,
    factors: number,
    factorCount: number,
    roots: number,
    inverseRoots: number,
    scratch: number,
  ): void;
}
