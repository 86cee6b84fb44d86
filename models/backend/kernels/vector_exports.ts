/**
 * What the WASM module exports for elements, rows, reductions and optimizers; `assembly/` documents each function.
 * Addresses are in bytes, counts in elements.
 *
 * @module
 */

/** A function of every element: y from x. */
export type UnaryExport = (count: number, x: number, y: number) => void;

/** A function of rows `[rows, classes]`: y from x. */
export type RowsExport = (rows: number, classes: number, x: number, y: number) => void;

/** The gradient of a function of rows `[rows, classes]`: dx from dy and the result y. */
export type RowsGradExport = (rows: number, classes: number, dy: number, y: number, dx: number) => void;

/** Functions of elements, rows, reductions and optimizers. */
export interface VectorExports {
  /** Exponentials. */
  exp: UnaryExport;
  /** Error functions. */
  erf: UnaryExport;
  /** Hyperbolic tangents. */
  tanh: UnaryExport;
  /** GELU. */
  gelu(count: number, x: number, y: number, approximate: number): void;
  /** Gradient of GELU. */
  geluGrad(count: number, dy: number, x: number, dx: number, approximate: number): void;
  /** Gradient of ReLU from its result, and the sums of its columns. */
  reluGrad(
    rows: number,
    columns: number,
    dy: number,
    y: number,
    dx: number,
    sums: number,
    scratch: number,
  ): void;
  /** Bytes of scratch that `reluGrad` needs. */
  reluGradScratch(columns: number): number;
  /** Softmax of rows. */
  softmax: RowsExport;
  /** Gradient of the softmax of rows. */
  softmaxGrad: RowsGradExport;
  /** Logarithm of the softmax of rows. */
  logSoftmax: RowsExport;
  /** Gradient of the logarithm of the softmax of rows. */
  logSoftmaxGrad: RowsGradExport;
  /** Softmax cross-entropy. */
  crossEntropy(
    rows: number,
    classes: number,
    logits: number,
    labels: number,
    keep: number,
    spread: number,
    loss: number,
    logSumExp: number,
  ): void;
  /** Gradient of the softmax cross-entropy with respect to logits. */
  crossEntropyGrad(
    rows: number,
    classes: number,
    dy: number,
    logits: number,
    labels: number,
    keep: number,
    spread: number,
    logSumExp: number,
    dlogits: number,
  ): void;
  /** Layer normalization. */
  layerNorm(
    rows: number,
    features: number,
    x: number,
    gamma: number,
    beta: number,
    epsilon: number,
    y: number,
    mean: number,
    rstd: number,
  ): void;
  /** Gradient of layer normalization. */
  layerNormGrad(
    rows: number,
    features: number,
    dy: number,
    x: number,
    gamma: number,
    mean: number,
    rstd: number,
    dx: number,
    dgamma: number,
    dbeta: number,
  ): void;
  /** Sums along the middle of three axes. */
  sumAxis(
    outer: number,
    length: number,
    inner: number,
    x: number,
    y: number,
    divisor: number,
    scratch: number,
  ): void;
  /** Bytes of scratch that `sumAxis` needs. */
  sumScratch(length: number, inner: number): number;
  /** Maxima along the middle of three axes. */
  maxAxis(outer: number, length: number, inner: number, x: number, y: number): void;
  /** Sums of rows by number. */
  segmentSum(
    rows: number,
    columns: number,
    segments: number,
    x: number,
    ids: number,
    sums: number,
  ): void;
  /** Step of gradient descent over all parameters. */
  sgdStep(
    parameters: number,
    table: number,
    decays: number,
    scale: number,
    rate: number,
    momentum: number,
    nesterov: number,
  ): void;
  /** Step of Adam over all parameters. */
  adamStep(
    parameters: number,
    table: number,
    decays: number,
    scale: number,
    rate: number,
    beta1: number,
    rest1: number,
    beta2: number,
    rest2: number,
    height: number,
    epsilon: number,
    decoupled: number,
  ): void;
  /** Sum of the squares of all gradients. */
  sumOfSquares(parameters: number, table: number): number;
}
