/**
 * The fully connected map with its activation: `activation(x · weight + bias)`.
 *
 * @module
 */

import { PolyphaseError } from "../../../pipeline/errors.ts";
import { type Tensor, tf } from "../tf.ts";
import { differentiable, type ExactOption, isExact, isRecording, ofNothing } from "./differentiable.ts";
import { type Activation, type GeluApproximation, hasFused, runFused } from "./fused_kernels.ts";
import { composedFactor, composedGeluGrad, exactGelu, timesFactor } from "./gelu.ts";
import { asRows, expectFeatures, fromRows } from "./rows.ts";

/** Options of {@linkcode linear}. */
export interface LinearOptions extends ExactOption {
  /** What is applied to the result. Default `none`. */
  readonly activation?: Activation;
}

/**
 * `activation(x · weight + bias)`.
 *
 * @param x `[..., in]`
 * @param weight `[in, out]`
 * @param bias `[out]`, or null for none
 * @returns `[..., out]`
 * @throws {PolyphaseError} if the shapes do not fit
 */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null, options: LinearOptions = {}): Tensor {
  return tf.tidy(() => {
    const { activation = "none" } = options;
    const [inputs, outputs] = weight.shape as [number, number];
    if (weight.rank !== 2 || x.shape.at(-1) !== inputs) {
      throw new PolyphaseError(
        `linear got x [${x.shape}] and weight [${weight.shape}], expected [..., in] and [in, out]: ` +
          `their in must be the same`,
      );
    }
    if (bias !== null) expectFeatures("linear", outputs, { bias });
    const shape = [...x.shape.slice(0, -1), outputs];
    if (x.size === 0 && inputs > 0) {
      return ofNothing(bias === null ? [x, weight] : [x, weight, bias], () => tf.zeros(shape));
    }
    const rows = asRows("linear", x);
    const y = isExact(options)
      ? exactActivation(affine(rows, weight, bias), activation)
      : fastLinear(rows, weight, bias, activation);
    return fromRows(y, shape);
  });
}

function fastLinear(x: Tensor, weight: Tensor, bias: Tensor | null, activation: Activation): Tensor {
  const isFused = hasFused("PolyphaseLinear", "PolyphaseLinearGrad");
  const inputs: Record<string, Tensor> = bias === null ? { x, weight } : { x, weight, bias };
  return differentiable(inputs, (save) => {
    const { y, kept } = (isFused ? fusedForward : composedForward)(x, weight, bias, activation);
    save(x, weight, ...kept);
    return y;
  }, (dy, x, weight, ...kept) => {
    const [dz, dbias] = activation === "none"
      ? [dy]
      : isFused
      ? runFused("PolyphaseLinearGrad", { dy, saved: kept[0] }, { activation })
      : [composedActivationGrad(dy, kept, activation)];
    return {
      x: () => tf.matMul(dz, weight, false, true),
      weight: () => tf.matMul(x, dz, true, false),
      bias: () => dbias ?? tf.sum(dz, 0),
    };
  });
}

/** A value and, beside the inputs, what its gradient needs. */
type Forward = { readonly y: Tensor; readonly kept: readonly Tensor[] };

function fusedForward(x: Tensor, weight: Tensor, bias: Tensor | null, activation: Activation): Forward {
  const keepPreActivation = approximationOf(activation) !== undefined && isRecording();
  const inputs = { x, weight, bias: bias ?? undefined };
  const [y, z] = runFused("PolyphaseLinear", inputs, { activation, keepPreActivation });
  return { y, kept: z !== undefined ? [z] : activation === "relu" ? [y] : [] };
}

function composedForward(x: Tensor, weight: Tensor, bias: Tensor | null, activation: Activation): Forward {
  const z = affine(x, weight, bias);
  const approximate = approximationOf(activation);
  if (approximate !== undefined) {
    const factor = composedFactor(z, approximate);
    return { y: timesFactor(z, factor), kept: [z, factor] };
  }
  if (activation === "none") return { y: z, kept: [] };
  const y = tf.relu(z);
  return { y, kept: [y] };
}

function composedActivationGrad(dy: Tensor, kept: readonly Tensor[], activation: Activation): Tensor {
  const approximate = approximationOf(activation);
  if (approximate !== undefined) return composedGeluGrad(dy, kept[0], kept[1], approximate);
  return tf.tidy(() => tf.mul(dy, tf.step(kept[0])));
}

function affine(x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  const product = tf.matMul(x, weight);
  return bias === null ? product : tf.add(product, bias);
}

function exactActivation(z: Tensor, activation: Activation): Tensor {
  const approximate = approximationOf(activation);
  if (approximate !== undefined) return exactGelu(z, approximate);
  return activation === "relu" ? tf.relu(z) : z;
}

/** Which GELU an activation is, if it is one. */
function approximationOf(activation: Activation): GeluApproximation | undefined {
  return activation === "gelu" ? "none" : activation === "gelu-tanh" ? "tanh" : undefined;
}
