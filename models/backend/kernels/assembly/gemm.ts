/**
 * Matrix products of 32-bit floats: C = activation(A B + bias), for a batch of them.
 *
 * After Goto and van de Geijn: B is packed in blocks that stay in the second-level cache, six rows of A stay in the
 * first-level cache while they meet every panel of that block, and a tile of C stays in registers. A is read where it
 * lies when its rows are contiguous, so that thousands of small products pay only for packing B.
 */

import { activateVector, addColumns, addRows, startVector } from "./gemv";
import { packPanel, packQuads, packStrip } from "./pack";
import { columns6x4, columns6x8 } from "./tile_columns";
import { packed5x4, packed5x8 } from "./tile_packed";
import { rows6x4, rows6x8 } from "./tile_rows";

/** Rows of B in a block: six rows of A and a panel of B, 6 KiB and 8 KiB, share the first-level cache. */
const BLOCK_DEPTH: i32 = 256;
/** Columns of B in a block: 512 KiB of the second-level cache. */
const BLOCK_COLUMNS: i32 = 512;
/** As many rows are multiplied one by one, with no packing. */
const THIN_ROWS: i32 = 3;
/** With so many columns packing the rows of A is repaid. */
const PACKED_COLUMNS: i32 = 24;
/** Bytes that a transposed A may span to be read where it lies. */
const DIRECT_BYTES: usize = 16384;

/** Bytes of scratch that a product of these sizes needs, the alignment included. */
export function gemmScratch(columns: i32, depth: i32): usize {
  const padded = <usize>((min(columns, BLOCK_COLUMNS) + 7) & ~7);
  const deep = <usize>min(depth, BLOCK_DEPTH);
  return 64 + 4 * (padded * deep + <usize>((columns + 7) & ~7) + 8) + stripBytes(depth);
}

/** Bytes of a packed strip of A: up to six rows, in whole groups of four columns. */
@inline
function stripBytes(depth: i32): usize {
  return 24 * <usize>((min(depth, BLOCK_DEPTH) + 3) & ~3);
}

/**
 * `count` products C[rows, columns] = activation(A[rows, depth] B[depth, columns] + bias[columns]), or, if `adds`, the
 * product is added to what C holds before the activation.
 *
 * Addresses are in bytes, steps in elements, and any step of A and B may be anything, 0 to broadcast included; the
 * columns of C are contiguous. No depth gives zeros, or the activated bias.
 *
 * @param bias address of [columns], or 0; there is none if `adds`
 * @param activation one of `activation.ts`
 * @param slope of leaky ReLU
 * @param scratch at least {@link gemmScratch} bytes
 */
export function gemm(
  count: i32, rows: i32, columns: i32, depth: i32,
  a: usize, aBatch: usize, aRow: usize, aColumn: usize,
  b: usize, bBatch: usize, bRow: usize, bColumn: usize,
  c: usize, cBatch: usize, cRow: usize,
  bias: usize, activation: i32, slope: f32, adds: bool, scratch: usize,
): void {
  if (rows <= 0 || columns <= 0) return;
  // The bias, padded to whole panels, or eight zeros; then six rows of A; then the block of B.
  const first = (scratch + 63) & ~63;
  const startBytes: usize = bias ? 4 * <usize>((columns + 7) & ~7) : 32;
  memory.fill(first, 0, startBytes);
  if (bias) memory.copy(first, bias, 4 * <usize>columns);
  const start: usize = adds ? 0 : first;
  const strip = first + startBytes;
  const block = (strip + stripBytes(depth) + 31) & ~31;

  const startStep: usize = bias ? 4 : 0;
  aBatch <<= 2; aRow <<= 2; aColumn <<= 2;
  bBatch <<= 2; bRow <<= 2; bColumn <<= 2;
  cBatch <<= 2; cRow <<= 2;
  // One row, or one column, times a matrix of contiguous rows or columns needs no packing.
  const isRow = rows <= THIN_ROWS && (bRow == 4 || bColumn == 4);
  const isColumn = columns == 1 && cRow == 4 && (aRow == 4 || aColumn == 4);
  // A block of B that all products share is packed once.
  const isShared = bBatch == 0 && depth <= BLOCK_DEPTH && columns <= BLOCK_COLUMNS;

  for (let i = 0; i < count; i++) {
    if (isRow) {
      for (let row: usize = 0; row < <usize>rows; row++) {
        vector(
          columns, depth, a + row * aRow, aColumn, b, bRow, bColumn, c + row * cRow,
          start, startStep, activation, slope, strip,
        );
      }
    } else if (isColumn) {
      vector(rows, depth, b, bRow, a, aColumn, aRow, c, start, 0, activation, slope, strip);
    } else {
      product(
        rows, columns, depth, a, aRow, aColumn, b, bRow, bColumn, c, cRow,
        start, startStep, activation, slope, strip, block, isShared && i > 0,
      );
    }
    a += aBatch;
    b += bBatch;
    c += cBatch;
  }
}

/** y[columns] = activation(x[depth] B[depth, columns] + start); the rows or the columns of B are contiguous. */
function vector(
  columns: i32, depth: i32, x: usize, xStep: usize, b: usize, bRow: usize, bColumn: usize, y: usize,
  start: usize, startStep: usize, activation: i32, slope: f32, strip: usize,
): void {
  if (start) startVector(columns, y, start, startStep);
  if (bColumn == 4) {
    addRows(columns, depth, x, xStep, b, bRow, y);
  } else {
    for (let k = 0; k < depth; k += BLOCK_DEPTH) {
      const blockDepth = min(depth - k, BLOCK_DEPTH);
      let from = x;
      if (xStep != 4) {
        from = strip;
        for (let i: usize = 0; i < <usize>blockDepth; i++) store<f32>(strip + 4 * i, load<f32>(x + i * xStep));
      }
      addColumns(columns, blockDepth, from, b, bColumn, y);
      x += <usize>blockDepth * xStep;
      b += 4 * <usize>blockDepth;
    }
  }
  if (activation) activateVector(columns, y, activation, slope);
}

function product(
  rows: i32, columns: i32, depth: i32,
  a: usize, aRow: usize, aColumn: usize, b: usize, bRow: usize, bColumn: usize, c: usize, cRow: usize,
  start: usize, startStep: usize, activation: i32, slope: f32, strip: usize, block: usize, isPacked: bool,
): void {
  for (let column = 0; column < columns; column += BLOCK_COLUMNS) {
    const blockColumns = min(columns - column, BLOCK_COLUMNS);
    let k = 0;
    // At least once: a product of no depth still writes its start.
    do {
      const blockDepth = depthOfBlock(depth, k);
      if (!isPacked) {
        packBlock(
          b + <usize>k * bRow + <usize>column * bColumn, bRow, bColumn, blockDepth, blockColumns, block,
        );
      }
      multiplyBlock(
        rows, blockColumns, blockDepth, a + <usize>k * aColumn, aRow, aColumn, block, c + 4 * <usize>column, cRow,
        k == 0 && start ? start + startStep * <usize>column : 0, startStep,
        k + blockDepth >= depth ? activation : 0, slope, strip,
      );
      k += blockDepth;
    } while (k < depth);
  }
}

/** Blocks of equal size, so that the last is not a sliver. */
@inline
function depthOfBlock(depth: i32, k: i32): i32 {
  const left = depth - k;
  if (left <= BLOCK_DEPTH) return left;
  const blocks = (left + BLOCK_DEPTH - 1) / BLOCK_DEPTH;
  return min(((left + blocks - 1) / blocks + 7) & ~7, BLOCK_DEPTH);
}

/** Packs a block of B in panels; steps are in bytes. */
export function packBlock(b: usize, bRow: usize, bColumn: usize, depth: i32, columns: i32, block: usize): void {
  for (let column = 0; column < columns; column += 8) {
    const width = min(columns - column, 8);
    packPanel(b, bRow, bColumn, depth, width, block);
    b += 8 * bColumn;
    block += 32 * <usize>depth;
  }
}

function multiplyBlock(
  rows: i32, columns: i32, depth: i32,
  a: usize, aRow: usize, aColumn: usize, block: usize, c: usize, cRow: usize,
  start: usize, startStep: usize, activation: i32, slope: f32, strip: usize,
): void {
  if (columns >= PACKED_COLUMNS) {
    multiplyPacked(
      rows, columns, depth, a, aRow, aColumn, block, c, cRow, start, startStep, activation, slope, strip,
    );
    return;
  }
  const byRows = aColumn == 4;
  const isDirect = aRow == 4 && (columns <= 16 || <usize>depth * aColumn <= DIRECT_BYTES);
  for (let row = 0; row < rows; row += 6) {
    const height = min(rows - row, 6);
    let from = a;
    let step = byRows ? aRow : aColumn;
    if (!byRows && !(isDirect && height == 6)) {
      packStrip(a, aRow, aColumn, depth, height, strip);
      from = strip;
      step = 24;
    }
    let panel = block;
    let tile = c;
    let begin = start;
    for (let column = 0; column < columns; column += 8) {
      const width = min(columns - column, 8);
      if (width > 4) {
        if (byRows) rows6x8(depth, from, step, panel, tile, cRow, height, width, begin, activation, slope);
        else columns6x8(depth, from, step, panel, tile, cRow, height, width, begin, activation, slope);
      } else {
        if (byRows) rows6x4(depth, from, step, panel, tile, cRow, height, width, begin, activation, slope);
        else columns6x4(depth, from, step, panel, tile, cRow, height, width, begin, activation, slope);
      }
      panel += 32 * <usize>depth;
      tile += 32;
      if (begin) begin += 8 * startStep;
    }
    a += 6 * aRow;
    c += 6 * cRow;
  }
}

/** The same for many columns: five rows of A at a time are packed, and meet all of them. */
function multiplyPacked(
  rows: i32, columns: i32, depth: i32,
  a: usize, aRow: usize, aColumn: usize, block: usize, c: usize, cRow: usize,
  start: usize, startStep: usize, activation: i32, slope: f32, strip: usize,
): void {
  for (let row = 0; row < rows; row += 5) {
    const height = min(rows - row, 5);
    packQuads(a, aRow, aColumn, depth, height, strip);
    meetPanels(height, columns, depth, strip, block, c, cRow, start, startStep, activation, slope);
    a += 5 * aRow;
    c += 5 * cRow;
  }
}

/** A packed strip of up to five rows meets every panel of a block; steps are in bytes. */
export function meetPanels(
  rows: i32, columns: i32, depth: i32, strip: usize, block: usize, c: usize, cRow: usize,
  start: usize, startStep: usize, activation: i32, slope: f32,
): void {
  for (let column = 0; column < columns; column += 8) {
    const width = min(columns - column, 8);
    if (width > 4) packed5x8(depth, strip, block, c, cRow, rows, width, start, activation, slope);
    else packed5x4(depth, strip, block, c, cRow, rows, width, start, activation, slope);
    block += 32 * <usize>depth;
    c += 32;
    if (start) start += 8 * startStep;
  }
}
