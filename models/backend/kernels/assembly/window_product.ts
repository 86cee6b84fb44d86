/**
 * The product of windows of images with a filter, the windows being packed for the tiles straight from the images: no
 * matrix of windows is written out. For windows and filters see `columns.ts`.
 */

import { clear } from "./columns";
import { meetPanels, packBlock } from "./gemm";
import { transposeRows } from "./simd";

/** Bytes of packed filter that stay in the second-level cache. */
const BLOCK_BYTES: i32 = 786432;

/** Bytes of scratch that `windowProduct` needs. */
export function windowProductScratch(depth: i32, taps: i32, columns: i32): usize {
  const deep = depth * taps;
  const padded = <usize>((columns + 7) & ~7);
  return 128 + 4 * (padded + 8) + 4 * <usize>depth + 20 * <usize>deep +
    4 * <usize>deep * min(padded, <usize>columnsOfBlock(deep));
}

/** Columns of the filter that are packed at once, in whole panels. */
function columnsOfBlock(deep: i32): i32 {
  return max(BLOCK_BYTES / 4 / max(deep, 1) & ~7, 8);
}

/**
 * y[count, columns] = activation(windows[count, taps · depth] B + bias); `depth` is a multiple of four.
 *
 * The first arguments are those of `gatherColumns`, which see; the others those of `gemm`. Steps are in elements.
 *
 * @param b address of [taps · depth, columns], its columns contiguous
 * @param scratch at least {@link windowProductScratch} bytes
 */
export function windowProduct(
  x: usize, first: i32, count: i32,
  height: i32, width: i32, channels: i32, depth: i32,
  filterHeight: i32, filterWidth: i32, outHeight: i32, outWidth: i32,
  strideHeight: i32, strideWidth: i32, top: i32, left: i32, dilationHeight: i32, dilationWidth: i32,
  b: usize, bRow: usize, columns: i32, y: usize, yRow: usize,
  bias: usize, activation: i32, slope: f32, scratch: usize,
): void {
  const deep = filterHeight * filterWidth * depth;
  const start = (scratch + 63) & ~63;
  const startBytes: usize = bias ? 4 * <usize>((columns + 7) & ~7) : 32;
  memory.fill(start, 0, startBytes);
  if (bias) memory.copy(start, bias, 4 * <usize>columns);
  // What a tap sees beyond the image.
  const nothing = start + startBytes;
  clear(nothing, 4 * <usize>depth);
  const strip = (nothing + 4 * <usize>depth + 31) & ~31;
  const block = (strip + 20 * <usize>deep + 31) & ~31;
  const pixel: usize = 4 * <usize>channels;
  const image: usize = <usize>height * <usize>width * pixel;
  const last = first + count - 1;
  const most = columnsOfBlock(deep);
  for (let column = 0; column < columns; column += most) {
    const blockColumns = min(columns - column, most);
    packBlock(b + 4 * <usize>column, 4 * bRow, 4, deep, blockColumns, block);
    let to = y + 4 * <usize>column;
    for (let window = first; window <= last; window += 5) {
      let packed = strip;
      // A window that does not exist is the last one again.
      const w1 = min(window + 1, last);
      const w2 = min(window + 2, last);
      const w3 = min(window + 3, last);
      const w4 = min(window + 4, last);
      const row0 = window / outWidth % outHeight * strideHeight - top;
      const row1 = w1 / outWidth % outHeight * strideHeight - top;
      const row2 = w2 / outWidth % outHeight * strideHeight - top;
      const row3 = w3 / outWidth % outHeight * strideHeight - top;
      const row4 = w4 / outWidth % outHeight * strideHeight - top;
      const column0 = window % outWidth * strideWidth - left;
      const column1 = w1 % outWidth * strideWidth - left;
      const column2 = w2 % outWidth * strideWidth - left;
      const column3 = w3 % outWidth * strideWidth - left;
      const column4 = w4 % outWidth * strideWidth - left;
      const x0 = x + <usize>(window / outWidth / outHeight) * image;
      const x1 = x + <usize>(w1 / outWidth / outHeight) * image;
      const x2 = x + <usize>(w2 / outWidth / outHeight) * image;
      const x3 = x + <usize>(w3 / outWidth / outHeight) * image;
      const x4 = x + <usize>(w4 / outWidth / outHeight) * image;
      for (let r = 0; r < filterHeight; r++) {
        const down = r * dilationHeight;
        for (let s = 0; s < filterWidth; s++) {
          const across = s * dilationWidth;
          packTap(
            pixelAt(x0, row0 + down, column0 + across, height, width, pixel, nothing),
            pixelAt(x1, row1 + down, column1 + across, height, width, pixel, nothing),
            pixelAt(x2, row2 + down, column2 + across, height, width, pixel, nothing),
            pixelAt(x3, row3 + down, column3 + across, height, width, pixel, nothing),
            pixelAt(x4, row4 + down, column4 + across, height, width, pixel, nothing),
            depth, packed,
          );
          packed += 20 * <usize>depth;
        }
      }
      meetPanels(
        min(last - window + 1, 5), blockColumns, deep, strip, block, to, 4 * yRow,
        bias ? start + 4 * <usize>column : start, bias ? 4 : 0, activation, slope,
      );
      to += 20 * yRow;
    }
  }
}

@inline
function pixelAt(
  x: usize, row: i32, column: i32, height: i32, width: i32, pixel: usize, nothing: usize,
): usize {
  // Negative numbers are large ones without their sign.
  if (<u32>row >= <u32>height || <u32>column >= <u32>width) return nothing;
  return x + <usize>(row * width + column) * pixel;
}

/** What five windows see at one tap, laid out as `packQuads` does. */
@inline
function packTap(a0: usize, a1: usize, a2: usize, a3: usize, a4: usize, depth: i32, strip: usize): void {
  for (; depth > 0; depth -= 4) {
    transposeRows(a0, a1, a2, a3, strip, 16);
    v128.store(strip, v128.load(a4), 64);
    a0 += 16;
    a1 += 16;
    a2 += 16;
    a3 += 16;
    a4 += 16;
    strip += 80;
  }
}
