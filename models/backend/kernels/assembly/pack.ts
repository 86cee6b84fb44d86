/**
 * Lays parts of the operands out in the order in which the tiles read them.
 *
 * B becomes panels of eight columns, `[depth, 8]` each, the last one of four, `[depth, 4]`, where no more than four
 * columns are left; columns that do not exist are zero. All strides are in bytes.
 */

import { loadLanes, transposeBlock } from "./simd";

/**
 * Packs `columns` (1 to 8) columns of B into one panel.
 *
 * @param b the element in the panel's first row and column
 * @param rowStep from one row of B to the next
 * @param columnStep from one column of B to the next
 * @param panel where the panel goes
 */
export function packPanel(
  b: usize, rowStep: usize, columnStep: usize, depth: i32, columns: i32, panel: usize,
): void {
  if (columnStep == 4) {
    packRows(b, rowStep, depth, columns, panel);
  } else if (rowStep == 4 && columns >= 4) {
    packColumns(b, columnStep, depth, panel, columns > 4 ? 32 : 16);
    if (columns == 8) packColumns(b + 4 * columnStep, columnStep, depth, panel + 16, 32);
    else if (columns > 4) packElements(b + 4 * columnStep, rowStep, columnStep, depth, columns - 4, panel + 16, 32);
  } else {
    if (columns > 4) {
      packElements(b, rowStep, columnStep, depth, 4, panel, 32);
      packElements(b + 4 * columnStep, rowStep, columnStep, depth, columns - 4, panel + 16, 32);
    } else {
      packElements(b, rowStep, columnStep, depth, columns, panel, 16);
    }
  }
}

/** The rows of B are contiguous: copies them. */
function packRows(b: usize, rowStep: usize, depth: i32, columns: i32, panel: usize): void {
  if (columns == 8) {
    for (; depth > 0; depth--) {
      v128.store(panel, v128.load(b));
      v128.store(panel, v128.load(b, 16), 16);
      b += rowStep;
      panel += 32;
    }
  } else if (columns > 4) {
    for (; depth > 0; depth--) {
      v128.store(panel, v128.load(b));
      v128.store(panel, loadLanes(b + 16, columns - 4), 16);
      b += rowStep;
      panel += 32;
    }
  } else {
    for (; depth > 0; depth--) {
      v128.store(panel, loadLanes(b, columns));
      b += rowStep;
      panel += 16;
    }
  }
}

/** Four columns of B, each contiguous: transposes them in blocks of four by four. */
function packColumns(b: usize, columnStep: usize, depth: i32, panel: usize, panelStep: usize): void {
  for (; depth >= 4; depth -= 4) {
    transposeBlock(b, columnStep, panel, panelStep);
    b += 16;
    panel += 4 * panelStep;
  }
  packElements(b, 4, columnStep, depth, 4, panel, panelStep);
}

/** Up to four columns of B one element at a time, with any strides. */
function packElements(
  b: usize, rowStep: usize, columnStep: usize, depth: i32, columns: i32, panel: usize, panelStep: usize,
): void {
  const b1: usize = columns > 1 ? columnStep : 0;
  const b2: usize = columns > 2 ? 2 * columnStep : 0;
  const b3: usize = columns > 3 ? 3 * columnStep : 0;
  for (; depth > 0; depth--) {
    store<f32>(panel, load<f32>(b));
    store<f32>(panel, columns > 1 ? load<f32>(b + b1) : 0, 4);
    store<f32>(panel, columns > 2 ? load<f32>(b + b2) : 0, 8);
    store<f32>(panel, columns > 3 ? load<f32>(b + b3) : 0, 12);
    b += rowStep;
    panel += panelStep;
  }
}

/**
 * Packs up to six rows of A by columns, `[depth, 6]`; a row that does not exist is the last one again.
 *
 * @param a the first element
 * @param rowStep from one row of A to the next
 * @param columnStep from one column of A to the next
 */
export function packStrip(
  a: usize, rowStep: usize, columnStep: usize, depth: i32, rows: i32, strip: usize,
): void {
  if (rowStep == 4 && rows == 6) {
    for (; depth > 0; depth--) {
      v128.store(strip, v128.load(a));
      store<u64>(strip, load<u64>(a, 16), 16);
      a += columnStep;
      strip += 24;
    }
    return;
  }
  const last = rows - 1;
  const a1 = a + rowStep * <usize>min(1, last);
  const a2 = a + rowStep * <usize>min(2, last);
  const a3 = a + rowStep * <usize>min(3, last);
  const a4 = a + rowStep * <usize>min(4, last);
  const a5 = a + rowStep * <usize>min(5, last);
  for (let k: usize = 0; depth > 0; depth--) {
    store<f32>(strip, load<f32>(a + k));
    store<f32>(strip, load<f32>(a1 + k), 4);
    store<f32>(strip, load<f32>(a2 + k), 8);
    store<f32>(strip, load<f32>(a3 + k), 12);
    store<f32>(strip, load<f32>(a4 + k), 16);
    store<f32>(strip, load<f32>(a5 + k), 20);
    k += columnStep;
    strip += 24;
  }
}

/**
 * Packs up to five rows of A for `tile_packed.ts`: for every four columns a vector of rows 0 to 3 from each of them, and
 * then one of row 4; a row that does not exist is the last one again. Columns beyond the depth are left as they were.
 *
 * @param a the first element
 * @param rowStep from one row of A to the next
 * @param columnStep from one column of A to the next
 */
export function packQuads(
  a: usize, rowStep: usize, columnStep: usize, depth: i32, rows: i32, strip: usize,
): void {
  const last = rows - 1;
  const a4 = a + rowStep * <usize>min(4, last);
  if (columnStep == 4 && rows >= 4) {
    let last4 = a4;
    for (; depth >= 4; depth -= 4) {
      transposeBlock(a, rowStep, strip, 16);
      v128.store(strip, v128.load(last4), 64);
      a += 16;
      last4 += 16;
      strip += 80;
    }
    packQuad(a, a + rowStep, a + 2 * rowStep, a + 3 * rowStep, last4, 4, depth, strip);
    return;
  }
  const to4 = a4 - a;
  if (rowStep == 4 && rows >= 4) {
    for (; depth >= 4; depth -= 4) {
      let from = a;
      v128.store(strip, v128.load(from));
      let last4 = v128.load32_zero(from + to4);
      from += columnStep;
      v128.store(strip, v128.load(from), 16);
      last4 = v128.load32_lane(from + to4, last4, 1);
      from += columnStep;
      v128.store(strip, v128.load(from), 32);
      last4 = v128.load32_lane(from + to4, last4, 2);
      from += columnStep;
      v128.store(strip, v128.load(from), 48);
      last4 = v128.load32_lane(from + to4, last4, 3);
      v128.store(strip, last4, 64);
      a = from + columnStep;
      strip += 80;
    }
    packQuad(a, a + 4, a + 8, a + 12, a + to4, columnStep, depth, strip);
    return;
  }
  const a1 = rowStep * <usize>min(1, last);
  const a2 = rowStep * <usize>min(2, last);
  const a3 = rowStep * <usize>min(3, last);
  for (; depth > 0; depth -= 4) {
    packQuad(a, a + a1, a + a2, a + a3, a + to4, columnStep, min(depth, 4), strip);
    a += 4 * columnStep;
    strip += 80;
  }
}

/** Up to four columns of five rows, one element at a time. */
@inline
function packQuad(
  a0: usize, a1: usize, a2: usize, a3: usize, a4: usize, columnStep: usize, columns: i32, strip: usize,
): void {
  for (let k: usize = 0; k < <usize>columns; k++) {
    const at = k * columnStep;
    store<f32>(strip + 16 * k, load<f32>(a0 + at));
    store<f32>(strip + 16 * k, load<f32>(a1 + at), 4);
    store<f32>(strip + 16 * k, load<f32>(a2 + at), 8);
    store<f32>(strip + 16 * k, load<f32>(a3 + at), 12);
    store<f32>(strip + 4 * k, load<f32>(a4 + at), 64);
  }
}
