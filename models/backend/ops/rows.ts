/**
 * Tensors seen as rows: all axes but the last as one.
 *
 * @module
 */

import { PolyphaseError } from "../../../pipeline/errors.ts";
import { type Tensor, tf } from "../tf.ts";

/**
 * `[..., features]` → `[rows, features]`, the same data.
 *
 * @param op name of the op, for the error
 * @throws {PolyphaseError} if `x` is a scalar
 */
export function asRows(op: string, x: Tensor): Tensor {
  if (x.rank === 0) throw new PolyphaseError(`${op} got a scalar, expected [..., features]: give it an axis`);
  if (x.rank === 2) return x;
  // Not -1, which cannot be worked out where there are no features.
  const rows = x.shape.slice(0, -1).reduce((product, length) => product * length, 1);
  return tf.reshape(x, [rows, x.shape[x.rank - 1]]);
}

/** The inverse of {@linkcode asRows}: `[rows, features]` → `shape`. */
export function fromRows(rows: Tensor, shape: readonly number[]): Tensor {
  return shape.length === 2 ? rows : tf.reshape(rows, [...shape]);
}

/**
 * Checks that parameters have one value a feature.
 *
 * @throws {PolyphaseError} if one does not
 */
export function expectFeatures(
  op: string,
  features: number,
  parameters: Readonly<Record<string, Tensor>>,
): void {
  for (const [name, { shape }] of Object.entries(parameters)) {
    if (shape.length !== 1 || shape[0] !== features) {
      throw new PolyphaseError(
        `${op} got ${name} [${shape}], expected [${features}]: its length is that of x's last axis`,
      );
    }
  }
}
