/**
 * The part of a filter that meets the image. On the small images deep in a network the rest of it sees padding alone, and
 * would be multiplied by zeros: of a 3×3 filter on a single pixel only the centre counts.
 *
 * @module
 */

import { type Tensor, tf } from "../backend/tf.ts";

/** A convolution, with a filter and a padding that make the same of the image as another filter and padding. */
export interface UsedTaps {
  /** `[kernel height, kernel width, in, out]`. */
  readonly filter: Tensor;
  /** Zeros around the image, `[[top, bottom], [left, right]]`. */
  readonly padding: readonly [readonly [number, number], readonly [number, number]];
}

/** Along one axis: the first tap that meets the image and the number of them, and the padding that is left. */
interface Span {
  readonly first: number;
  readonly count: number;
  readonly padding: readonly [before: number, after: number];
}

/**
 * The filter without the taps at its edges that only ever see padding; the very filter where there are none.
 *
 * @param size height and width of the image
 * @param filter `[kernel height, kernel width, in, out]`
 * @param stride pixels from window to window along both axes
 * @param padding zeros on each side
 */
export function usedTaps(
  size: readonly [height: number, width: number],
  filter: Tensor,
  stride: number,
  padding: number,
): UsedTaps {
  const [rows, columns] = size.map((length, axis) => span(length, filter.shape[axis]!, stride, padding));
  const [height, width, inputs, outputs] = filter.shape as [number, number, number, number];
  const isWhole = rows.count === height && columns.count === width;
  return {
    filter: isWhole
      ? filter
      : tf.slice(filter, [rows.first, columns.first, 0, 0], [rows.count, columns.count, inputs, outputs]),
    padding: [rows.padding, columns.padding],
  };
}

function span(length: number, kernel: number, stride: number, padding: number): Span {
  const last = Math.floor((length + 2 * padding - kernel) / stride) * stride - padding;
  // The last window reaches the image with the earliest of its taps, the first window with the latest.
  const first = Math.max(0, Math.min(-last, kernel - 1));
  const end = Math.min(kernel, length + padding);
  return {
    first,
    count: end - first,
    padding: [padding - first, padding - (kernel - end)],
  };
}
