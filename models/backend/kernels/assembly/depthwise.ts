/**
 * Depthwise convolution, each channel with filters of its own, and its gradients.
 *
 * Images are `[batch, height, width, channels]`, filters `[filter height, filter width, channels, multiplier]`, results
 * `[batch, out height, out width, channels · multiplier]`. With a multiplier of 1 channels are vectors.
 */

import { loadLanes, multiplyAdd, storeLanes } from "./simd";
import { listWindow, PAIR } from "./window_list";

/** @param list scratch of 8 bytes for each tap */
export function depthwise(
  x: usize, filter: usize, y: usize, list: usize,
  batch: i32, height: i32, width: i32, channels: i32, multiplier: i32,
  filterHeight: i32, filterWidth: i32, outHeight: i32, outWidth: i32,
  strideHeight: i32, strideWidth: i32, top: i32, left: i32, dilationHeight: i32, dilationWidth: i32,
): void {
  const pixel: usize = 4 * <usize>channels;
  const tap: usize = pixel * <usize>multiplier;
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
        // The list of a window that lies on the image is that of the one before it, a step further.
        if (isInside && wasInside) {
          shift += step;
        } else {
          end = listWindow(
            x, pixel, filter, tap, list, outRow * strideHeight - top, column, height, width,
            filterHeight, filterWidth, dilationHeight, dilationWidth,
          );
          shift = 0;
        }
        wasInside = isInside;
        if (multiplier == 1) {
          sumProducts(list, end, shift, channels, y);
        } else {
          for (let c: usize = 0; c < <usize>channels; c++) {
            for (let m: usize = 0; m < <usize>multiplier; m++) {
              const out: usize = 4 * (c * <usize>multiplier + m);
              let sum: f32 = 0;
              for (let pair = list; pair < end; pair += PAIR) {
                sum += load<f32>(load<usize>(pair) + shift + 4 * c) * load<f32>(load<usize>(pair, 4) + out);
              }
              store<f32>(y + out, sum);
            }
          }
        }
        y += tap;
      }
    }
    x += <usize>(height * width) * pixel;
  }
}

/** Gradient with respect to the image. Parameters as in {@link depthwise}. */
export function depthwiseInputGradient(
  dy: usize, filter: usize, dx: usize, list: usize,
  batch: i32, height: i32, width: i32, channels: i32, multiplier: i32,
  filterHeight: i32, filterWidth: i32, outHeight: i32, outWidth: i32,
  strideHeight: i32, strideWidth: i32, top: i32, left: i32, dilationHeight: i32, dilationWidth: i32,
): void {
  const pixel: usize = 4 * <usize>channels;
  const tap: usize = pixel * <usize>multiplier;
  const reach = (filterWidth - 1) * dilationWidth;
  for (let n = 0; n < batch; n++) {
    for (let row = 0; row < height; row++) {
      let end = list;
      let shift: usize = 0;
      let wasInside = false;
      for (let column = 0; column < width; column++) {
        const isInside = strideWidth == 1 && column + left >= reach && column + left < outWidth;
        if (isInside && wasInside) {
          shift += tap;
        } else {
          end = list;
          shift = 0;
          for (let r = 0; r < filterHeight; r++) {
            const down = row + top - r * dilationHeight;
            if (down < 0 || down % strideHeight != 0 || down / strideHeight >= outHeight) continue;
            for (let s = 0; s < filterWidth; s++) {
              const across = column + left - s * dilationWidth;
              if (across < 0 || across % strideWidth != 0 || across / strideWidth >= outWidth) continue;
              store<usize>(end, dy + <usize>(down / strideHeight * outWidth + across / strideWidth) * tap);
              store<usize>(end, filter + <usize>(r * filterWidth + s) * tap, 4);
              end += PAIR;
            }
          }
        }
        wasInside = isInside;
        if (multiplier == 1) {
          sumProducts(list, end, shift, channels, dx);
        } else {
          for (let c: usize = 0; c < <usize>channels; c++) {
            let sum: f32 = 0;
            for (let pair = list; pair < end; pair += PAIR) {
              const gradient = load<usize>(pair) + shift;
              const weight = load<usize>(pair, 4);
              for (let m: usize = 0; m < <usize>multiplier; m++) {
                const out: usize = 4 * (c * <usize>multiplier + m);
                sum += load<f32>(gradient + out) * load<f32>(weight + out);
              }
            }
            store<f32>(dx + 4 * c, sum);
          }
        }
        dx += pixel;
      }
    }
    dy += <usize>(outHeight * outWidth) * tap;
  }
}

/** Adds the gradient with respect to the filter to `df`. Parameters as in {@link depthwise}. */
export function depthwiseFilterGradient(
  x: usize, dy: usize, df: usize,
  batch: i32, height: i32, width: i32, channels: i32, multiplier: i32,
  filterHeight: i32, filterWidth: i32, outHeight: i32, outWidth: i32,
  strideHeight: i32, strideWidth: i32, top: i32, left: i32, dilationHeight: i32, dilationWidth: i32,
): void {
  const pixel: usize = 4 * <usize>channels;
  const tap: usize = pixel * <usize>multiplier;
  const step: usize = <usize>strideWidth * pixel;
  for (let n = 0; n < batch; n++) {
    for (let outRow = 0; outRow < outHeight; outRow++) {
      for (let r = 0; r < filterHeight; r++) {
        const row = outRow * strideHeight - top + r * dilationHeight;
        if (row < 0 || row >= height) continue;
        for (let s = 0; s < filterWidth; s++) {
          // The windows of this row of the result whose tap `s` lies on the image.
          const shift = s * dilationWidth - left;
          const start = shift < 0 ? (-shift + strideWidth - 1) / strideWidth : 0;
          const end = min(outWidth, width > shift ? (width - shift + strideWidth - 1) / strideWidth : 0);
          if (start >= end) continue;
          const from = x + <usize>(row * width + start * strideWidth + shift) * pixel;
          const gradient = dy + <usize>start * tap;
          const to = df + <usize>(r * filterWidth + s) * tap;
          if (multiplier == 1) addProducts(from, step, gradient, pixel, end - start, channels, to);
          else addScalarProducts(from, step, gradient, tap, end - start, channels, multiplier, to);
        }
      }
      dy += <usize>outWidth * tap;
    }
    x += <usize>(height * width) * pixel;
  }
}

/** y[c] = sum over the list of a[c] b[c], a `shift` bytes behind its address. */
function sumProducts(list: usize, end: usize, shift: usize, channels: i32, y: usize): void {
  let c: usize = 0;
  for (; channels >= 16; channels -= 16) {
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
    for (let pair = list; pair < end; pair += PAIR) {
      const a = load<usize>(pair) + shift;
      const b = load<usize>(pair, 4) + c;
      s0 = multiplyAdd(v128.load(a), v128.load(b), s0);
      s1 = multiplyAdd(v128.load(a, 16), v128.load(b, 16), s1);
      s2 = multiplyAdd(v128.load(a, 32), v128.load(b, 32), s2);
      s3 = multiplyAdd(v128.load(a, 48), v128.load(b, 48), s3);
    }
    v128.store(y + c, s0);
    v128.store(y + c, s1, 16);
    v128.store(y + c, s2, 32);
    v128.store(y + c, s3, 48);
    shift += 64;
    c += 64;
  }
  for (; channels > 0; channels -= 4) {
    let sum = f32x4.splat(0);
    for (let pair = list; pair < end; pair += PAIR) {
      sum = multiplyAdd(
        loadLanes(load<usize>(pair) + shift, channels), loadLanes(load<usize>(pair, 4) + c, channels), sum,
      );
    }
    storeLanes(y + c, sum, channels);
    shift += 16;
    c += 16;
  }
}

/** to[c] += sum over `count` pixels of a[c] b[c]; steps in bytes. */
function addProducts(
  a: usize, aStep: usize, b: usize, bStep: usize, count: i32, channels: i32, to: usize,
): void {
  for (; channels >= 16; channels -= 16) {
    let s0 = v128.load(to), s1 = v128.load(to, 16), s2 = v128.load(to, 32), s3 = v128.load(to, 48);
    let from = a, gradient = b;
    for (let i = 0; i < count; i++) {
      s0 = multiplyAdd(v128.load(from), v128.load(gradient), s0);
      s1 = multiplyAdd(v128.load(from, 16), v128.load(gradient, 16), s1);
      s2 = multiplyAdd(v128.load(from, 32), v128.load(gradient, 32), s2);
      s3 = multiplyAdd(v128.load(from, 48), v128.load(gradient, 48), s3);
      from += aStep;
      gradient += bStep;
    }
    v128.store(to, s0);
    v128.store(to, s1, 16);
    v128.store(to, s2, 32);
    v128.store(to, s3, 48);
    a += 64;
    b += 64;
    to += 64;
  }
  for (; channels > 0; channels -= 4) {
    let sum = loadLanes(to, channels);
    let from = a, gradient = b;
    for (let i = 0; i < count; i++) {
      sum = multiplyAdd(loadLanes(from, channels), loadLanes(gradient, channels), sum);
      from += aStep;
      gradient += bStep;
    }
    storeLanes(to, sum, channels);
    a += 16;
    b += 16;
    to += 16;
  }
}

/** As {@link addProducts}, with several filters for each channel: to[c, m] += sum of a[c] b[c, m]. */
function addScalarProducts(
  a: usize, aStep: usize, b: usize, bStep: usize, count: i32, channels: i32, multiplier: i32, to: usize,
): void {
  for (let c = 0; c < channels; c++) {
    for (let m = 0; m < multiplier; m++) {
      let sum = load<f32>(to);
      let from = a, gradient = b;
      for (let i = 0; i < count; i++) {
        sum += load<f32>(from) * load<f32>(gradient);
        from += aStep;
        gradient += bStep;
      }
      store<f32>(to, sum);
      b += 4;
      to += 4;
    }
    a += 4;
  }
}
