/**
 * A bias of attention that a small perceptron makes of the logarithm of distances, so that it can be asked for windows of
 * any size.
 *
 * Z. Liu et al., "Swin Transformer V2: Scaling Up Capacity and Resolution", arXiv 2111.09883.
 *
 * @module
 */

import { foldIn, type Key } from "../../pipeline/random.ts";
import { linear as linearOp } from "../backend/ops/linear.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import { initNormal } from "./initial_values.ts";
import { linear, type LinearParams } from "./linear.ts";
import type { RelativePositions } from "./relative_positions.ts";
import type { RowsColumns } from "./window_partition.ts";

/** Parameters of the perceptron. */
export type ContinuousPositionsParams = {
  /** Of the distance along rows and columns, `[2, 512]`. */
  readonly fc1: LinearParams;
  /** A number for each head, `[512, heads]`, without offsets. */
  readonly fc2: { readonly weight: Tensor };
};

/** Hidden units of the perceptron. */
export const POSITION_HIDDEN = 512;

/** Standard deviation of fresh weights. */
const DEVIATION = 0.02;

/** Fresh parameters: weights are normal with deviation 0.02, offsets are 0. */
export function initContinuousPositions(key: Key, heads: number): ContinuousPositionsParams {
  return {
    fc1: {
      weight: initNormal(foldIn(key, "fc1"), [2, POSITION_HIDDEN], DEVIATION),
      bias: tf.zeros([POSITION_HIDDEN]),
    },
    fc2: { weight: initNormal(foldIn(key, "fc2"), [POSITION_HIDDEN, heads], DEVIATION) },
  };
}

/**
 * The numbers of all differences, `[entries, heads]`, between 0 and 16.
 *
 * @param window whose farthest difference counts as 1, so that a distance means the same in a map of another size
 */
export function continuousPositions(
  { fc1, fc2 }: ContinuousPositionsParams,
  { entries, differences }: RelativePositions,
  [rows, columns]: RowsColumns,
): Tensor {
  return tf.tidy(() => {
    const coordinates = differences.map((difference, index) =>
      logarithmic(difference / Math.max(1, (index % 2 === 0 ? rows : columns) - 1))
    );
    const hidden = linear(fc1, tf.tensor2d(coordinates, [entries, 2]), { activation: "relu" });
    return tf.mul(tf.sigmoid(linearOp(hidden, fc2.weight, null)), 16);
  });
}

/** ±8 goes to about ±1, with most of the range for what is near. */
function logarithmic(share: number): number {
  return Math.sign(share) * Math.log2(Math.abs(8 * share) + 1) / Math.log2(8);
}
