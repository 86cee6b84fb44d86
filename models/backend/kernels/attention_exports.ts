/**
 * What the WASM module exports for attention; `assembly/attention.ts` documents each function. Addresses are in bytes,
 * steps in elements.
 *
 * @module
 */

/** Sizes of one head. */
export type HeadSizes = readonly [queries: number, keys: number, dim: number, width: number];

/** Where the bias or the mask of the scores lies, and its steps along the four axes of the scores; 0 for none. */
export type ScoreOperand = readonly [
  address: number,
  batch: number,
  head: number,
  row: number,
  column: number,
];

/** Attention of all heads. */
export interface AttentionExports {
  /** Values, and the logarithm of the sum of exponentials of the scores. */
  attention(
    ...args: [
      batch: number,
      heads: number,
      ...HeadSizes,
      isPacked: number,
      q: number,
      k: number,
      v: number,
      scale: number,
      ...ScoreOperand,
      ...ScoreOperand,
      y: number,
      logSumExp: number,
      scratch: number,
    ]
  ): void;
  /** Bytes of scratch that `attention` needs. */
  attentionScratch(...sizes: HeadSizes): number;
  /** Gradients of queries, keys and values; adds that of the bias. */
  attentionGrad(
    ...args: [
      batch: number,
      heads: number,
      ...HeadSizes,
      isPacked: number,
      dy: number,
      q: number,
      k: number,
      v: number,
      y: number,
      logSumExp: number,
      scale: number,
      ...ScoreOperand,
      ...ScoreOperand,
      dq: number,
      dk: number,
      dv: number,
      dbias: number,
      scratch: number,
    ]
  ): void;
  /** Bytes of scratch that `attentionGrad` needs. */
  attentionGradScratch(...sizes: HeadSizes): number;
}
