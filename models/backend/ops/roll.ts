/**
 * Circular shifts of images, each by an offset of its own.
 *
 * @module
 */

import { PolyphaseError } from "../../../pipeline/errors.ts";
import { type Tensor, tf } from "../tf.ts";
import { differentiable } from "./differentiable.ts";
import { hasFused, runFused } from "./fused_kernels.ts";

/**
 * `out[b, y, x] = in[b, (y + rows[b]) mod height, (x + columns[b]) mod width]`, as `torch.roll` by the opposite offsets.
 * Of any order of derivatives with respect to `x`; the offsets have none.
 *
 * @param x `[batch, height, width, channels]`, float32
 * @param rows whole numbers, negative ones too, `[batch]` or `[1]` for all images alike
 * @param columns likewise
 * @throws {PolyphaseError} if the shapes do not fit
 */
export function roll(x: Tensor, rows: Tensor, columns: Tensor): Tensor {
  for (const [name, { shape }] of Object.entries({ rows, columns })) {
    if (x.rank === 4 && shape.length === 1 && (shape[0] === x.shape[0] || shape[0] === 1)) continue;
    throw new PolyphaseError(
      `roll got x [${x.shape}] and ${name} [${shape}], expected x [batch, height, width, channels] and ${name} [batch] ` +
        `or [1]: reshape them`,
    );
  }
  return differentiable(
    { x },
    (save) => {
      save(rows, columns);
      return rolled(x, rows, columns);
    },
    (dy, rows, columns) => ({ x: () => roll(dy, tf.neg(rows), tf.neg(columns)) }),
  );
}

function rolled(x: Tensor, rows: Tensor, columns: Tensor): Tensor {
  const [down, right] = [rows, columns].map((offset) => tf.cast(offset, "float32"));
  if (x.dtype === "float32" && hasFused("PolyphaseRoll")) {
    return runFused("PolyphaseRoll", { x, rows: down, columns: right }, {})[0];
  }
  return composed(x, down, right);
}

function composed(x: Tensor, rows: Tensor, columns: Tensor): Tensor {
  if (x.size === 0) return tf.zeros(x.shape);
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  // As floats, whole up to 2²⁴: the WASM backend has no remainder of integers.
  const place = (length: number, offset: Tensor): Tensor => {
    const from = tf.add(tf.range(0, length).expandDims(0), offset.expandDims(1));
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
