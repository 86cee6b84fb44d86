/**
 * Circular shifts of feature maps, each image by an offset of its own.
 *
 * @module
 */

import { differentiable } from "../backend/ops/differentiable.ts";
import { type Tensor, tf } from "../backend/tf.ts";

/**
 * `[batch, height, width, channels]` read from an offset on: `out[b, y, x] = in[b, (y + rows[b]) mod height, (x +
 * columns[b]) mod width]`, so that what stood at the offset comes to the origin. Of any order of derivatives with respect
 * to `x`; the offsets have none.
 *
 * @param x `[batch, height, width, channels]`
 * @param rows whole numbers, negative ones too, `[batch]` or `[1]` for all images alike
 * @param columns likewise
 */
export function rollImages(x: Tensor, rows: Tensor, columns: Tensor): Tensor {
  return differentiable(
    { x },
    (save) => {
      save(rows, columns);
      return rolled(x, rows, columns);
    },
    (dy, rows, columns) => ({ x: () => rollImages(dy, tf.neg(rows), tf.neg(columns)) }),
  );
}

function rolled(x: Tensor, rows: Tensor, columns: Tensor): Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  if (x.size === 0) return tf.zeros(x.shape);
  // As floats, whole up to 2²⁴: the WASM backend has no remainder of integers.
  const place = (length: number, offset: Tensor): Tensor => {
    const from = tf.add(tf.range(0, length).expandDims(0), tf.cast(offset, "float32").expandDims(1));
    return tf.sub(from, tf.mul(tf.floor(tf.div(tf.add(from, 0.5), length)), length));
  };
  const starts = tf.mul(tf.range(0, batch), height * width).reshape([batch, 1, 1]);
  const lines = tf.mul(place(height, rows), width).expandDims(2);
  const index = tf.add(tf.add(starts, lines), place(width, columns).expandDims(1));
  const pixels = tf.gather(
    tf.reshape(x, [batch * height * width, channels]),
    tf.cast(tf.reshape(index, [-1]), "int32"),
  );
  return tf.reshape(pixels, x.shape);
}
