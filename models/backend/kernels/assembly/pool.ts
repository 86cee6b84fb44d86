/**
 * Maximum and average pooling, and their gradients.
 *
 * Images are `[batch, height, width, channels]`, results `[batch, out height, out width, channels]`. What lies beyond
 * the image takes no part: it is never a maximum, and does not count in a mean. NaN counts as the greatest value.
 */

import { loadLanes, storeLanes } from "./simd";
import { listWindow, PAIR } from "./window_list";

/**
 * The greatest value of each window.
 *
 * @param list scratch of 8 bytes for each pixel of a window
 */
export function maxPool(
  x: usize, y: usize, list: usize, batch: i32, height: i32, width: i32, channels: i32,
  filterHeight: i32, filterWidth: i32, outHeight: i32, outWidth: i32,
  strideHeight: i32, strideWidth: i32, top: i32, left: i32, dilationHeight: i32, dilationWidth: i32,
): void {
  eachWindow(
    Work.Greatest, x, y, 0, list, batch, height, width, channels,
    filterHeight, filterWidth, outHeight, outWidth,
    strideHeight, strideWidth, top, left, dilationHeight, dilationWidth,
  );
}

/** Adds dy of each window to dx where the first of the greatest values of the window lies. */
export function maxPoolGradient(
  x: usize, dy: usize, dx: usize, list: usize, batch: i32, height: i32, width: i32, channels: i32,
  filterHeight: i32, filterWidth: i32, outHeight: i32, outWidth: i32,
  strideHeight: i32, strideWidth: i32, top: i32, left: i32, dilationHeight: i32, dilationWidth: i32,
): void {
  eachWindow(
    Work.GiveToGreatest, x, dy, dx - x, list, batch, height, width, channels,
    filterHeight, filterWidth, outHeight, outWidth,
    strideHeight, strideWidth, top, left, dilationHeight, dilationWidth,
  );
}

/** The mean of each window. */
export function averagePool(
  x: usize, y: usize, list: usize, batch: i32, height: i32, width: i32, channels: i32,
  filterHeight: i32, filterWidth: i32, outHeight: i32, outWidth: i32,
  strideHeight: i32, strideWidth: i32, top: i32, left: i32, dilationHeight: i32, dilationWidth: i32,
): void {
  eachWindow(
    Work.Mean, x, y, 0, list, batch, height, width, channels,
    filterHeight, filterWidth, outHeight, outWidth,
    strideHeight, strideWidth, top, left, dilationHeight, dilationWidth,
  );
}

/** Adds an equal share of dy of each window to dx at every pixel of the window. */
export function averagePoolGradient(
  dy: usize, dx: usize, list: usize, batch: i32, height: i32, width: i32, channels: i32,
  filterHeight: i32, filterWidth: i32, outHeight: i32, outWidth: i32,
  strideHeight: i32, strideWidth: i32, top: i32, left: i32, dilationHeight: i32, dilationWidth: i32,
): void {
  eachWindow(
    Work.Share, dx, dy, 0, list, batch, height, width, channels,
    filterHeight, filterWidth, outHeight, outWidth,
    strideHeight, strideWidth, top, left, dilationHeight, dilationWidth,
  );
}

/** What is done with a window. */
const enum Work { Greatest, GiveToGreatest, Mean, Share }

/**
 * Does `work` for every window, which is known where this is inlined, so that each pool has a loop of its own.
 *
 * The list of a window that lies on the image is that of the one before it, `shift` bytes further.
 *
 * @param image the pixels that are listed
 * @param result a value for each window and channel, written or read
 * @param across bytes from a listed pixel to the one that is changed in its place
 */
@inline
function eachWindow(
  work: Work, image: usize, result: usize, across: usize,
  list: usize, batch: i32, height: i32, width: i32, channels: i32,
  filterHeight: i32, filterWidth: i32, outHeight: i32, outWidth: i32,
  strideHeight: i32, strideWidth: i32, top: i32, left: i32, dilationHeight: i32, dilationWidth: i32,
): void {
  const pixel: usize = 4 * <usize>channels;
  const step: usize = <usize>strideWidth * pixel;
  const reach = (filterWidth - 1) * dilationWidth;
  for (let n = 0; n < batch; n++) {
    for (let outRow = 0; outRow < outHeight; outRow++) {
      let end = list;
      let shift: usize = 0;
      let wasInside = false;
      for (let outColumn = 0; outColumn < outWidth; outColumn++) {
        const column = outColumn * strideWidth - left;
        const isInside = column >= 0 && column + reach < width;
        if (isInside && wasInside) {
          shift += step;
        } else {
          end = listWindow(
            image, pixel, 0, 0, list, outRow * strideHeight - top, column, height, width,
            filterHeight, filterWidth, dilationHeight, dilationWidth,
          );
          shift = 0;
        }
        wasInside = isInside;
        if (work == Work.Greatest) greatest(list, end, shift, channels, result);
        else if (work == Work.GiveToGreatest) giveToGreatest(list, end, shift, across, channels, result);
        else if (work == Work.Mean) mean(list, end, shift, channels, result);
        else share(list, end, shift, channels, result);
        result += pixel;
      }
    }
    image += <usize>(height * width) * pixel;
  }
}

/** y[c] = greatest of the listed pixels. */
function greatest(list: usize, end: usize, shift: usize, channels: i32, y: usize): void {
  const lowest = f32x4.splat(-Infinity);
  for (; channels >= 16; channels -= 16) {
    let m0 = lowest, m1 = lowest, m2 = lowest, m3 = lowest;
    let n0 = i32x4.splat(0), n1 = n0, n2 = n0, n3 = n0;
    for (let pair = list; pair < end; pair += PAIR) {
      const from = load<usize>(pair) + shift;
      const v0 = v128.load(from), v1 = v128.load(from, 16), v2 = v128.load(from, 32), v3 = v128.load(from, 48);
      // One instruction each, unlike `max`; that one lets NaN go by is mended by the other two.
      m0 = f32x4.pmax(m0, v0);
      m1 = f32x4.pmax(m1, v1);
      m2 = f32x4.pmax(m2, v2);
      m3 = f32x4.pmax(m3, v3);
      n0 = v128.or(n0, f32x4.ne(v0, v0));
      n1 = v128.or(n1, f32x4.ne(v1, v1));
      n2 = v128.or(n2, f32x4.ne(v2, v2));
      n3 = v128.or(n3, f32x4.ne(v3, v3));
    }
    // All bits set is a NaN.
    v128.store(y, v128.or(m0, n0));
    v128.store(y, v128.or(m1, n1), 16);
    v128.store(y, v128.or(m2, n2), 32);
    v128.store(y, v128.or(m3, n3), 48);
    shift += 64;
    y += 64;
  }
  for (; channels > 0; channels -= 4) {
    let best = lowest;
    let isNaN = i32x4.splat(0);
    for (let pair = list; pair < end; pair += PAIR) {
      const value = loadLanes(load<usize>(pair) + shift, channels);
      best = f32x4.pmax(best, value);
      isNaN = v128.or(isNaN, f32x4.ne(value, value));
    }
    storeLanes(y, v128.or(best, isNaN), channels);
    shift += 16;
    y += 16;
  }
}

/** Adds dy[c] `across` bytes behind the first of the listed pixels that are greatest. */
@inline
function giveToGreatest(
  list: usize, end: usize, shift: usize, across: usize, channels: i32, dy: usize,
): void {
  for (let c = shift; end > list && channels > 0; channels -= 4) {
    let where = i32x4.splat(<i32>load<usize>(list));
    let best = loadLanes(load<usize>(list) + c, channels);
    for (let pair = list + PAIR; pair < end; pair += PAIR) {
      const from = load<usize>(pair);
      const value = loadLanes(from + c, channels);
      const isFirstNaN = v128.and(f32x4.ne(value, value), f32x4.eq(best, best));
      const isBetter = v128.or(f32x4.gt(value, best), isFirstNaN);
      best = v128.bitselect(value, best, isBetter);
      where = v128.bitselect(i32x4.splat(<i32>from), where, isBetter);
    }
    const at = c + across;
    addTo(<usize>i32x4.extract_lane(where, 0) + at, load<f32>(dy));
    if (channels > 1) addTo(<usize>i32x4.extract_lane(where, 1) + at + 4, load<f32>(dy, 4));
    if (channels > 2) addTo(<usize>i32x4.extract_lane(where, 2) + at + 8, load<f32>(dy, 8));
    if (channels > 3) addTo(<usize>i32x4.extract_lane(where, 3) + at + 12, load<f32>(dy, 12));
    c += 16;
    dy += 16;
  }
}

@inline
function addTo(address: usize, value: f32): void {
  store<f32>(address, load<f32>(address) + value);
}

/** y[c] = mean of the listed pixels. */
function mean(list: usize, end: usize, shift: usize, channels: i32, y: usize): void {
  const count = f32x4.splat(<f32>((end - list) / PAIR));
  for (; channels >= 16; channels -= 16) {
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
    for (let pair = list; pair < end; pair += PAIR) {
      const from = load<usize>(pair) + shift;
      s0 = f32x4.add(s0, v128.load(from));
      s1 = f32x4.add(s1, v128.load(from, 16));
      s2 = f32x4.add(s2, v128.load(from, 32));
      s3 = f32x4.add(s3, v128.load(from, 48));
    }
    v128.store(y, f32x4.div(s0, count));
    v128.store(y, f32x4.div(s1, count), 16);
    v128.store(y, f32x4.div(s2, count), 32);
    v128.store(y, f32x4.div(s3, count), 48);
    shift += 64;
    y += 64;
  }
  for (; channels > 0; channels -= 4) {
    let sum = f32x4.splat(0);
    for (let pair = list; pair < end; pair += PAIR) {
      sum = f32x4.add(sum, loadLanes(load<usize>(pair) + shift, channels));
    }
    storeLanes(y, f32x4.div(sum, count), channels);
    shift += 16;
    y += 16;
  }
}

/** Adds an equal share of dy[c] to each of the listed pixels. */
@inline
function share(list: usize, end: usize, shift: usize, channels: i32, dy: usize): void {
  const count = f32x4.splat(<f32>((end - list) / PAIR));
  for (let c = shift; channels > 0; channels -= 4) {
    const each = f32x4.div(loadLanes(dy, channels), count);
    for (let pair = list; pair < end; pair += PAIR) {
      const to = load<usize>(pair) + c;
      storeLanes(to, f32x4.add(loadLanes(to, channels), each), channels);
    }
    c += 16;
    dy += 16;
  }
}
