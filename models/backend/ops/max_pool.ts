/**
 * Maximum pooling, as PyTorch's `max_pool2d` on channels-last tensors.
 *
 * @module
 */

import { type Tensor, tf } from "../tf.ts";
import { detached, differentiable, type ExactOption, isExact } from "./differentiable.ts";
import { hasFused, type PoolAttributes, runFused } from "./fused_kernels.ts";
import { imageOf, tapsOf } from "./taps.ts";
import {
  expectShorterPadding,
  explicitPadding,
  type Padding,
  type Pair,
  type Window,
  windowOver,
} from "./window.ts";

/** Options of {@linkcode maxPool}. */
export interface MaxPoolOptions extends ExactOption {
  /** Rows and columns of a window. */
  readonly size: Pair;
  /** Step from window to window. Default `size`. */
  readonly strides?: Pair;
  /** −∞ around the image. Default 0. */
  readonly padding?: Padding;
}

/**
 * The maximum of every window; its gradient goes to the first of equal maxima.
 *
 * @param x `[batch, height, width, channels]`
 * @returns `[batch, out height, out width, channels]`
 * @throws {PolyphaseError} if `x` has another rank, no window fits, or the padding is not shorter than the window
 */
export function maxPool(x: Tensor, options: MaxPoolOptions): Tensor {
  return tf.tidy(() => {
    const { size, strides = size, padding = 0 } = options;
    const window = windowOver("maxPool", x.shape, { kernel: size, strides, padding });
    expectShorterPadding("maxPool", window);
    if (isExact(options)) return exactMaxPool(x, window);
    const isFused = hasFused("PolyphaseMaxPoolGrad");
    // The WASM backend's own gradient forgets every window whose maximum is not positive.
    if (!isFused && tf.getBackend() !== "wasm") return ownMaxPool(x, window);
    return differentiable({ x }, (save) => {
      save(x);
      return ownMaxPool(x, window);
    }, (dy, x) => ({
      x: () =>
        isFused
          ? runFused("PolyphaseMaxPoolGrad", { dy, x }, attributes(x, dy, window))[0]
          : composedMaxPoolGrad(dy, x, window),
    }));
  });
}

function ownMaxPool(x: Tensor, window: Window): Tensor {
  const { rows, columns } = window;
  return tf.maxPool(
    x as Parameters<typeof tf.maxPool>[0],
    [rows.kernel, columns.kernel],
    [rows.stride, columns.stride],
    explicitPadding(window),
  );
}

function exactMaxPool(x: Tensor, window: Window): Tensor {
  return tapsOf(x, window, -Infinity).reduce((best, tap) =>
    tf.where(detached(() => isBetter(tap, best)), tap, best)
  );
}

function composedMaxPoolGrad(dy: Tensor, x: Tensor, window: Window): Tensor {
  const taps = tapsOf(x, window, -Infinity);
  let best = taps[0];
  const wins = taps.slice(1).map((tap) => {
    const win = isBetter(tap, best);
    best = tf.where(win, tap, best);
    return win;
  });
  // The last win counts; the first tap is the maximum where none of the others won.
  const grads: Tensor[] = [];
  let rest = dy;
  for (let index = taps.length - 1; index > 0; index--) {
    grads[index] = tf.where(wins[index - 1], rest, 0);
    rest = tf.where(wins[index - 1], 0, rest);
  }
  grads[0] = rest;
  return imageOf(grads, window);
}

/** Whether the maximum moves on to the next tap. NaN, once there, stays: it is not less than anything. */
function isBetter(tap: Tensor, best: Tensor): Tensor {
  return tf.logicalOr(tf.greater(tap, best), tf.isNaN(tap));
}

function attributes(x: Tensor, y: Tensor, { rows, columns }: Window): PoolAttributes {
  return {
    inputShape: [...x.shape] as [number, number, number, number],
    outputShape: [...y.shape] as [number, number, number, number],
    size: [rows.kernel, columns.kernel],
    strides: [rows.stride, columns.stride],
    pads: [rows.before, rows.after, columns.before, columns.after],
  };
}
