/**
 * The fully connected layer, `y = x · weight + bias`.
 *
 * @module
 */

import { type Key, split, uniform } from "../../pipeline/random.ts";
import { linear as linearOp, type LinearOptions } from "../backend/ops/linear.ts";
import { type Tensor, tf } from "../backend/tf.ts";

export type { ExactOption } from "../backend/ops/differentiable.ts";
export type { Activation } from "../backend/ops/fused_kernels.ts";
export type { LinearOptions } from "../backend/ops/linear.ts";

/** Parameters of a fully connected layer. */
export type LinearParams = {
  /** `[in, out]`: the transpose of PyTorch's. */
  readonly weight: Tensor;
  /** `[out]`. */
  readonly bias: Tensor;
};

/** Fresh parameters, uniform in ±1/√in as those of PyTorch's `nn.Linear`. */
export function initLinear(key: Key, inputs: number, outputs: number): LinearParams {
  const bound = 1 / Math.sqrt(inputs);
  const [forWeight, forBias] = split(key);
  return {
    weight: tf.tensor(uniform(forWeight, inputs * outputs, -bound, bound), [inputs, outputs]),
    bias: tf.tensor(uniform(forBias, outputs, -bound, bound), [outputs]),
  };
}

/** `[..., in]` → `[..., out]`; the options are those of the op, such as `activation`. */
export function linear(params: LinearParams, x: Tensor, options?: LinearOptions): Tensor {
  return linearOp(x, params.weight, params.bias, options);
}
