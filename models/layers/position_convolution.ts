/**
 * Positions by convolution: each token sees its neighbours on the grid, by a depth-wise 3×3 filter whose result is added to
 * it (X. Chu et al., "Conditional Positional Encodings for Vision Transformers", arXiv 2102.10882).
 *
 * The grid is taken as a torus, without the zeros around it that would tell tokens where the border is; so a circular shift
 * of the tokens shifts the result (P. Ding et al., "Reviving Shift Equivariance in Vision Transformers", arXiv 2306.07470).
 *
 * @module
 */

import { type Key, split } from "../../pipeline/random.ts";
import { conv2d } from "../backend/ops/conv2d.ts";
import type { ExactOption } from "../backend/ops/differentiable.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import { circularPad } from "./circular_pad.ts";
import type { Conv2dParams } from "./conv2d.ts";
import { initUniform } from "./initial_values.ts";

/** Rows and columns of tokens: 1 row for a sequence. */
export type PositionGrid = readonly [rows: number, columns: number];

/** Taps along an axis: a grid of one row has no neighbours above and below. */
function taps(length: number): number {
  return length === 1 ? 1 : 3;
}

/** Multiply-adds for the tokens of one image. */
export function positionConvolutionMultiplyAdds([rows, columns]: PositionGrid, embed: number): number {
  return rows * columns * embed * taps(rows) * taps(columns);
}

/**
 * Fresh parameters, uniform as those of PyTorch's depth-wise `nn.Conv2d`: a filter `[3, 3, 1, embed]`, of 1 row or column
 * where the grid has no more, and `[embed]`.
 */
export function initPositionConvolution(
  key: Key,
  [rows, columns]: PositionGrid,
  embed: number,
): Conv2dParams {
  const size = [taps(rows), taps(columns)];
  const bound = 1 / Math.sqrt(size[0] * size[1]);
  const [forWeight, forBias] = split(key);
  return {
    weight: initUniform(forWeight, [...size, 1, embed], bound),
    bias: initUniform(forBias, [embed], bound),
  };
}

/** `[batch, rows · columns, embed]` → the same, with what the neighbours of each token say added. */
export function positionConvolution(
  { weight, bias }: Conv2dParams,
  x: Tensor,
  [rows, columns]: PositionGrid,
  { exact }: ExactOption = {},
): Tensor {
  return tf.tidy(() => {
    const [batch, , embed] = x.shape as [number, number, number];
    const [above, beside] = [rows, columns].map((length) => (taps(length) - 1) / 2);
    const map = circularPad(tf.reshape(x, [batch, rows, columns, embed]), [above, above, beside, beside]);
    return tf.add(x, tf.reshape(conv2d(map, weight, { bias, groups: embed, exact }), x.shape));
  });
}
