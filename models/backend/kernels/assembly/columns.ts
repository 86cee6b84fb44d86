/**
 * Windows of images as the rows of a matrix, which makes a convolution a product of matrices, and the way back.
 *
 * A row holds what one window sees, tap by tap, channels innermost: `[filter height, filter width, depth]`. Images are
 * `[batch, height, width, channels]`; with groups, `depth` of the channels are taken, and the address is that of the
 * first of them. Dilations may be negative, which reads the taps in reverse.
 */

/**
 * Writes rows `first` to `first + count` of the matrix. What lies beyond the image is zero.
 *
 * @param x address of [batch, height, width, channels]
 * @param to address of [count, filterHeight, filterWidth, depth]
 * @param first number of the first window, counted over [batch, outHeight, outWidth]
 */
export function gatherColumns(
  x: usize, to: usize, first: i32, count: i32,
  height: i32, width: i32, channels: i32, depth: i32,
  filterHeight: i32, filterWidth: i32, outHeight: i32, outWidth: i32,
  strideHeight: i32, strideWidth: i32, top: i32, left: i32, dilationHeight: i32, dilationWidth: i32,
): void {
  const pixel: usize = 4 * <usize>channels;
  const piece: usize = 4 * <usize>depth;
  const line: usize = <usize>filterWidth * piece;
  const isRun = dilationWidth == 1 && depth == channels;
  let outColumn = first % outWidth;
  let outRow = first / outWidth % outHeight;
  let image = x + <usize>(first / outWidth / outHeight) * <usize>height * <usize>width * pixel;
  for (let i = 0; i < count; i++) {
    const column = outColumn * strideWidth - left;
    let row = outRow * strideHeight - top;
    for (let r = 0; r < filterHeight; r++) {
      const from = image + <usize>row * <usize>width * pixel;
      if (row < 0 || row >= height) {
        clear(to, line);
      } else if (isRun) {
        // Taps lie side by side in the image: those on it are one run.
        const start = min(max(-column, 0), filterWidth);
        const end = max(min(width - column, filterWidth), start);
        clear(to, <usize>start * piece);
        copy(from + <usize>(column + start) * pixel, to + <usize>start * piece, <usize>(end - start) * piece);
        clear(to + <usize>end * piece, <usize>(filterWidth - end) * piece);
      } else {
        for (let s = 0; s < filterWidth; s++) {
          const at = column + s * dilationWidth;
          if (at < 0 || at >= width) clear(to + <usize>s * piece, piece);
          else copy(from + <usize>at * pixel, to + <usize>s * piece, piece);
        }
      }
      to += line;
      row += dilationHeight;
    }
    if (++outColumn == outWidth) {
      outColumn = 0;
      if (++outRow == outHeight) {
        outRow = 0;
        image += <usize>height * <usize>width * pixel;
      }
    }
  }
}

/** Adds rows of the matrix to the pixels that they came from: the transpose of {@link gatherColumns}. */
export function scatterColumns(
  from: usize, x: usize, first: i32, count: i32,
  height: i32, width: i32, channels: i32, depth: i32,
  filterHeight: i32, filterWidth: i32, outHeight: i32, outWidth: i32,
  strideHeight: i32, strideWidth: i32, top: i32, left: i32, dilationHeight: i32, dilationWidth: i32,
): void {
  const pixel: usize = 4 * <usize>channels;
  const piece: usize = 4 * <usize>depth;
  const line: usize = <usize>filterWidth * piece;
  const isRun = dilationWidth == 1 && depth == channels;
  let outColumn = first % outWidth;
  let outRow = first / outWidth % outHeight;
  let image = x + <usize>(first / outWidth / outHeight) * <usize>height * <usize>width * pixel;
  for (let i = 0; i < count; i++) {
    const column = outColumn * strideWidth - left;
    let row = outRow * strideHeight - top;
    for (let r = 0; r < filterHeight; r++) {
      if (row >= 0 && row < height) {
        const to = image + <usize>row * <usize>width * pixel;
        if (isRun) {
          const start = min(max(-column, 0), filterWidth);
          const end = max(min(width - column, filterWidth), start);
          addFloats(from + <usize>start * piece, to + <usize>(column + start) * pixel, <usize>(end - start) * piece);
        } else {
          for (let s = 0; s < filterWidth; s++) {
            const at = column + s * dilationWidth;
            if (at >= 0 && at < width) addFloats(from + <usize>s * piece, to + <usize>at * pixel, piece);
          }
        }
      }
      from += line;
      row += dilationHeight;
    }
    if (++outColumn == outWidth) {
      outColumn = 0;
      if (++outRow == outHeight) {
        outRow = 0;
        image += <usize>height * <usize>width * pixel;
      }
    }
  }
}

/** Writes zeros; `bytes` is a multiple of four. */
export function clear(to: usize, bytes: usize): void {
  const end = to + bytes;
  const zero = i32x4.splat(0);
  for (; to + 16 <= end; to += 16) v128.store(to, zero);
  for (; to < end; to += 4) store<i32>(to, 0);
}

/** Adds floats to floats; `bytes` is a multiple of four. */
export function addFloats(from: usize, to: usize, bytes: usize): void {
  const end = to + bytes;
  for (; to + 16 <= end; to += 16) {
    v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
    from += 16;
  }
  for (; to < end; to += 4) {
    store<f32>(to, load<f32>(to) + load<f32>(from));
    from += 4;
  }
}

@inline
function copy(from: usize, to: usize, bytes: usize): void {
  const end = to + bytes;
  for (; to + 16 <= end; to += 16) {
    v128.store(to, v128.load(from));
    from += 16;
  }
  for (; to < end; to += 4) {
    store<i32>(to, load<i32>(from));
    from += 4;
  }
}
