/**
 * What the WASM module exports for batch normalization and dropout; `assembly/` documents each function. Addresses are
 * in bytes, counts in elements.
 *
 * @module
 */

/** Batch normalization and dropout. */
export interface ChannelExports {
  /** Mean and biased variance of columns. */
  moments(
    rows: number,
    channels: number,
    x: number,
    mean: number,
    variance: number,
    scratch: number,
  ): void;
  /** Normalization of columns. */
  batchNorm(
    rows: number,
    channels: number,
    x: number,
    gamma: number,
    beta: number,
    mean: number,
    variance: number,
    epsilon: number,
    residual: number,
    rectifies: number,
    y: number,
    scratch: number,
  ): void;
  /** Its gradient. */
  batchNormGrad(
    rows: number,
    channels: number,
    dy: number,
    x: number,
    gamma: number,
    mean: number,
    variance: number,
    epsilon: number,
    training: number,
    dx: number,
    dgamma: number,
    dbeta: number,
    scratch: number,
  ): void;
  /** Bytes of scratch that these three need. */
  batchNormScratch(channels: number): number;
  /** Random zeros among equal numbers. */
  dropoutMask(count: number, key0: number, key1: number, threshold: number, kept: number, to: number): void;
}
