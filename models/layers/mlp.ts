/**
 * The multi-layer perceptron of a transformer block: two linear maps with exact GELU between.
 *
 * @module
 */

import type { Key } from "../../pipeline/random.ts";
import type { ExactOption } from "../backend/ops/differentiable.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import { dropout } from "./dropout.ts";
import { linear, type LinearParams } from "./linear.ts";

/** Parameters of a multi-layer perceptron. */
export type MlpParams = {
  /** `[embed, hidden]`. */
  readonly fc1: LinearParams;
  /** `[hidden, embed]`. */
  readonly fc2: LinearParams;
};

/** How {@linkcode mlp} is applied. */
export interface MlpOptions extends ExactOption {
  /** Rate at which hidden and resulting values are dropped in training. Default 0. */
  readonly dropout?: number;
  /** Random key of training. Without one nothing is dropped. */
  readonly key?: Key;
}

/** `[..., embed]` → `[..., embed]`. */
export function mlp(
  params: MlpParams,
  x: Tensor,
  { dropout: rate = 0, key, exact }: MlpOptions = {},
): Tensor {
  return tf.tidy(() => {
    const hidden = dropout(linear(params.fc1, x, { activation: "gelu", exact }), rate, key, "hidden");
    return dropout(linear(params.fc2, hidden, { exact }), rate, key, "out");
  });
}
