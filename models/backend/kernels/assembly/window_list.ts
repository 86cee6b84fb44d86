/**
 * The taps of one window that lie on the image, as a list of pairs of addresses: of the pixel, and of the tap.
 *
 * Kernels that treat each channel on its own make the list once for each window and then go through the channels with
 * no test of borders. A pair takes eight bytes; there are at most as many as taps.
 */

/** Bytes of a pair. */
export const PAIR: usize = 8;

/**
 * Lists what the window at `row`, `column` (of its first tap) sees.
 *
 * @param image address of [height, width, pixel bytes]
 * @param taps address of [filterHeight, filterWidth, tap bytes], if there is one
 * @param list where the pairs are written
 * @returns the end of the list
 */
@inline
export function listWindow(
  image: usize, pixel: usize, taps: usize, tap: usize, list: usize,
  row: i32, column: i32, height: i32, width: i32,
  filterHeight: i32, filterWidth: i32, dilationHeight: i32, dilationWidth: i32,
): usize {
  for (let r = 0; r < filterHeight; r++) {
    const y = row + r * dilationHeight;
    if (y < 0 || y >= height) continue;
    for (let s = 0; s < filterWidth; s++) {
      const x = column + s * dilationWidth;
      if (x < 0 || x >= width) continue;
      store<usize>(list, image + <usize>(y * width + x) * pixel);
      store<usize>(list, taps + <usize>(r * filterWidth + s) * tap, 4);
      list += PAIR;
    }
  }
  return list;
}
