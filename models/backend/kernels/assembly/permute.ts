/**
 * Copies an array with its axes in another order.
 *
 * The caller has merged the axes that stay together, put them in the order of the result and padded them in front, so
 * there are four outer axes and two inner ones. Of the inner ones either the column is contiguous in both arrays, and
 * runs are copied, or the row is contiguous in the source or there is but one, and blocks are transposed in registers.
 * Steps are in elements, and those of the source may be 0 or negative; the columns of the result are contiguous.
 */

import { transposeBlock } from "./simd";

/** Permutes elements of four bytes: floats and integers. */
export function permute32(
  from: usize, to: usize,
  size0: i32, size1: i32, size2: i32, size3: i32, rows: i32, columns: i32,
  from0: usize, from1: usize, from2: usize, from3: usize, fromRow: usize, fromColumn: usize,
  to0: usize, to1: usize, to2: usize, to3: usize, toRow: usize,
): void {
  for (let i0: usize = 0; i0 < <usize>size0; i0++) {
    for (let i1: usize = 0; i1 < <usize>size1; i1++) {
      for (let i2: usize = 0; i2 < <usize>size2; i2++) {
        let source = from + 4 * (i0 * from0 + i1 * from1 + i2 * from2);
        let target = to + 4 * (i0 * to0 + i1 * to1 + i2 * to2);
        for (let i3 = 0; i3 < size3; i3++) {
          if (fromColumn == 1) copyRows(source, 4 * fromRow, target, 4 * toRow, rows, columns);
          else transpose(source, 4 * fromColumn, target, 4 * toRow, rows, columns);
          source += 4 * from3;
          target += 4 * to3;
        }
      }
    }
  }
}

/** Permutes elements of one byte: booleans. */
export function permute8(
  from: usize, to: usize,
  size0: i32, size1: i32, size2: i32, size3: i32, rows: i32, columns: i32,
  from0: usize, from1: usize, from2: usize, from3: usize, fromRow: usize, fromColumn: usize,
  to0: usize, to1: usize, to2: usize, to3: usize, toRow: usize,
): void {
  for (let i0: usize = 0; i0 < <usize>size0; i0++) {
    for (let i1: usize = 0; i1 < <usize>size1; i1++) {
      for (let i2: usize = 0; i2 < <usize>size2; i2++) {
        for (let i3: usize = 0; i3 < <usize>size3; i3++) {
          let source = from + i0 * from0 + i1 * from1 + i2 * from2 + i3 * from3;
          let target = to + i0 * to0 + i1 * to1 + i2 * to2 + i3 * to3;
          for (let row = 0; row < rows; row++) {
            if (fromColumn == 1 && columns > 16) memory.copy(target, source, <usize>columns);
            else {
              for (let column: usize = 0; column < <usize>columns; column++) {
                store<u8>(target + column, load<u8>(source + column * fromColumn));
              }
            }
            source += fromRow;
            target += toRow;
          }
        }
      }
    }
  }
}

function copyRows(from: usize, fromRow: usize, to: usize, toRow: usize, rows: i32, columns: i32): void {
  // Beyond some length the engine's own copy is faster than a loop, below it the call costs more than the copy.
  if (columns > 64) {
    for (; rows > 0; rows--) {
      memory.copy(to, from, 4 * <usize>columns);
      from += fromRow;
      to += toRow;
    }
    return;
  }
  if (columns == 1) {
    for (; rows > 0; rows--) {
      store<u32>(to, load<u32>(from));
      from += fromRow;
      to += toRow;
    }
    return;
  }
  for (; rows > 0; rows--) {
    let source = from;
    let target = to;
    let left = columns;
    for (; left >= 4; left -= 4) {
      v128.store(target, v128.load(source));
      source += 16;
      target += 16;
    }
    for (; left > 0; left--) {
      store<u32>(target, load<u32>(source));
      source += 4;
      target += 4;
    }
    from += fromRow;
    to += toRow;
  }
}

/**
 * to[row, column] = from[column, row], both with contiguous last axes. Eight rows at a time: more rows of the result,
 * a power of two apart, would throw each other out of the first-level cache.
 *
 * @param fromColumn bytes between columns of the result, in the source
 * @param toRow bytes between rows of the result
 */
function transpose(from: usize, fromColumn: usize, to: usize, toRow: usize, rows: i32, columns: i32): void {
  let row = 0;
  for (; row + 8 <= rows; row += 8) {
    let source = from + 4 * <usize>row;
    let target = to + <usize>row * toRow;
    let left = columns;
    for (; left >= 4; left -= 4) {
      transposeBlock(source, fromColumn, target, toRow);
      transposeBlock(source + 16, fromColumn, target + 4 * toRow, toRow);
      source += 4 * fromColumn;
      target += 16;
    }
    for (; left > 0; left--) {
      for (let i: usize = 0; i < 8; i++) store<u32>(target + i * toRow, load<u32>(source + 4 * i));
      source += fromColumn;
      target += 4;
    }
  }
  for (; row + 4 <= rows; row += 4) {
    let source = from + 4 * <usize>row;
    let target = to + <usize>row * toRow;
    let left = columns;
    for (; left >= 4; left -= 4) {
      transposeBlock(source, fromColumn, target, toRow);
      source += 4 * fromColumn;
      target += 16;
    }
    for (; left > 0; left--) {
      for (let i: usize = 0; i < 4; i++) store<u32>(target + i * toRow, load<u32>(source + 4 * i));
      source += fromColumn;
      target += 4;
    }
  }
  for (; row < rows; row++) {
    let source = from + 4 * <usize>row;
    let target = to + <usize>row * toRow;
    for (let left = columns; left > 0; left--) {
      store<u32>(target, load<u32>(source));
      source += fromColumn;
      target += 4;
    }
  }
}
