/**
 * The kernels of the WASM module that slide windows over images; `assembly/` documents each.
 *
 * @module
 */

/** Sizes and steps of the windows, as every such kernel takes them last. */
export type WindowArguments = readonly [
  filterHeight: number,
  filterWidth: number,
  outHeight: number,
  outWidth: number,
  strideHeight: number,
  strideWidth: number,
  top: number,
  left: number,
  dilationHeight: number,
  dilationWidth: number,
];

/** Images `[batch, height, width, channels]` and the windows over them. */
export type PoolArguments = readonly [
  batch: number,
  height: number,
  width: number,
  channels: number,
  ...WindowArguments,
];

/** As {@linkcode PoolArguments}, with filters for each channel. */
export type DepthwiseArguments = readonly [
  batch: number,
  height: number,
  width: number,
  channels: number,
  multiplier: number,
  ...WindowArguments,
];

/** As {@linkcode PoolArguments} without the batch; `depth` of the channels are looked at. */
export type ColumnArguments = readonly [
  height: number,
  width: number,
  channels: number,
  depth: number,
  ...WindowArguments,
];

/** What the WASM module exports for windows. Addresses are in bytes. */
export interface WindowExports {
  /** Windows of images as rows of a matrix. */
  gatherColumns(x: number, to: number, first: number, count: number, ...rest: ColumnArguments): void;
  /** Windows of images times a filter. */
  windowProduct(
    ...args: [
      x: number,
      first: number,
      count: number,
      ...ColumnArguments,
      b: number,
      bRow: number,
      columns: number,
      y: number,
      yRow: number,
      bias: number,
      activation: number,
      slope: number,
      scratch: number,
    ]
  ): void;
  /** Bytes of scratch that `windowProduct` needs. */
  windowProductScratch(depth: number, taps: number, columns: number): number;
  /** Adds rows of a matrix to the pixels that they came from. */
  scatterColumns(from: number, x: number, first: number, count: number, ...rest: ColumnArguments): void;
  /** Writes zeros. */
  clear(to: number, bytes: number): void;
  /** Adds floats to floats. */
  addFloats(from: number, to: number, bytes: number): void;
  /** Depthwise convolution. */
  depthwise(x: number, filter: number, y: number, list: number, ...rest: DepthwiseArguments): void;
  /** Its gradient with respect to the image. */
  depthwiseInputGradient(
    dy: number,
    filter: number,
    dx: number,
    list: number,
    ...rest: DepthwiseArguments
  ): void;
  /** Adds its gradient with respect to the filter. */
  depthwiseFilterGradient(x: number, dy: number, df: number, ...rest: DepthwiseArguments): void;
  /** Greatest value of each window. */
  maxPool(x: number, y: number, list: number, ...rest: PoolArguments): void;
  /** Adds its gradient. */
  maxPoolGradient(x: number, dy: number, dx: number, list: number, ...rest: PoolArguments): void;
  /** Mean of each window. */
  averagePool(x: number, y: number, list: number, ...rest: PoolArguments): void;
  /** Adds its gradient. */
  averagePoolGradient(dy: number, dx: number, list: number, ...rest: PoolArguments): void;
}
