/**
 * Average pooling, as PyTorch's `avg_pool2d` on channels-last tensors.
 *
 * @module
 */

import { type Tensor, tf } from "../tf.ts";
import { detached, type ExactOption, isExact } from "./differentiable.ts";
import { tapsOf } from "./taps.ts";
import {
  expectShorterPadding,
  explicitPadding,
  type Padding,
  type Pair,
  type Window,
  windowOver,
} from "./window.ts";

/** Options of {@linkcode avgPool}. */
export interface AvgPoolOptions extends ExactOption {
  /** Rows and columns of a window. */
  readonly size: Pair;
  /** Step from window to window. Default `size`. */
  readonly strides?: Pair;
  /** Zeros around the image. Default 0. */
  readonly padding?: Padding;
  /** Whether the padding counts in the average, as in PyTorch; in TensorFlow it does not. Default true. */
  readonly countIncludePad?: boolean;
}

/**
 * The mean of every window.
 *
 * @param x `[batch, height, width, channels]`
 * @returns `[batch, out height, out width, channels]`
 * @throws {PolyphaseError} if `x` has another rank, no window fits, or the padding is not shorter than the window
 */
export function avgPool(x: Tensor, options: AvgPoolOptions): Tensor {
  return tf.tidy(() => {
    const { size, strides = size, padding = 0, countIncludePad = true } = options;
    const window = windowOver("avgPool", x.shape, { kernel: size, strides, padding });
    expectShorterPadding("avgPool", window);
    const isPadded = explicitPadding(window).flat().some((length) => length > 0);
    const mean = isExact(options) ? exactMean(x, window) : fastMean(x, window, isPadded);
    if (countIncludePad || !isPadded) return mean;
    return tf.mul(mean, detached(() => areaOverCount(x.shape, window)));
  });
}

/** Mean over whole windows, zeros around the image included. */
function fastMean(x: Tensor, window: Window, isPadded: boolean): Tensor {
  // TensorFlow.js leaves its own padding out of the average, but not out of the gradient: it gets none to see.
  return tf.avgPool(
    (isPadded ? tf.pad(x, explicitPadding(window)) : x) as Parameters<typeof tf.avgPool>[0],
    [window.rows.kernel, window.columns.kernel],
    [window.rows.stride, window.columns.stride],
    "valid",
  );
}

function exactMean(x: Tensor, window: Window): Tensor {
  return tf.div(tf.addN(tapsOf(x, window)), window.rows.kernel * window.columns.kernel);
}

/** For each window, its area over the number of its pixels that lie on the image: `[1, out height, out width, 1]`. */
function areaOverCount([, height, width]: readonly number[], window: Window): Tensor {
  const counts = tf.addN(tapsOf(tf.ones([1, height, width, 1]), window));
  return tf.div(window.rows.kernel * window.columns.kernel, counts);
}
