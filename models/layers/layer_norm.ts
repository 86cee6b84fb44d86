/**
 * Layer normalization with its scale and offset.
 *
 * @module
 */

import { layerNorm as layerNormOp, type LayerNormOptions } from "../backend/ops/layer_norm.ts";
import { type Tensor, tf } from "../backend/tf.ts";

export type { LayerNormOptions } from "../backend/ops/layer_norm.ts";

/** Parameters of layer normalization. */
export type LayerNormParams = {
  /** The scale, `[features]`. */
  readonly weight: Tensor;
  /** The offset, `[features]`. */
  readonly bias: Tensor;
};

/** Fresh parameters: a scale of 1 and an offset of 0. */
export function initLayerNorm(features: number): LayerNormParams {
  return { weight: tf.ones([features]), bias: tf.zeros([features]) };
}

/** `[..., features]` → `[..., features]`; the options are those of the op, such as `epsilon`. */
export function layerNorm(params: LayerNormParams, x: Tensor, options?: LayerNormOptions): Tensor {
  return layerNormOp(x, params.weight, params.bias, options);
}
