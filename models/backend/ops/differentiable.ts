/**
 * Functions of tensors with a hand-written gradient, and functions that the gradient does not see.
 *
 * This is `tf.customGrad` less one cost: that computes the gradient of every input, needed or not; here each input has
 * a function of its own, which TensorFlow.js calls only if the gradient is asked for. The gradient of the first layer
 * with respect to images, or of all weights in a saliency map, then costs nothing.
 *
 * @module
 */

import { type Tensor, tf } from "../tf.ts";

/** The part of the engine that `tf.customGrad` is made of. */
type Engine = {
  readonly state: { readonly gradientDepth: number };
  runKernelFunc(call: {
    forwardFunc: (backend: unknown, save: (tensors: Tensor[]) => void) => Tensor | Tensor[];
    backwardsFunc?: (dy: Tensor, saved: Tensor[]) => Record<string, () => Tensor>;
    inputs: Readonly<Record<string, Tensor>>;
  }): Tensor | Tensor[];
};

function engine(): Engine {
  return tf.engine() as unknown as Engine;
}

/**
 * A function of `inputs` with its gradient.
 *
 * What `forward` makes is disposed of, but for the value it returns and what it hands to `save` (call that once, if at
 * all). What `backward` itself makes lives until the end of the whole backward pass, what its functions make does not.
 * They are called once at most, and must not return `dy`, nor the same tensor twice: TensorFlow.js disposes of them.
 *
 * Second derivatives through it are wrong if it saves anything but inputs: see {@linkcode isExact}.
 *
 * @param inputs the tensors that a gradient can be asked for
 * @param forward the value
 * @param backward one function an input, from the gradient of the value and the saved tensors
 */
export function differentiable<Name extends string>(
  inputs: Readonly<Record<Name, Tensor>>,
  forward: (save: (...tensors: Tensor[]) => void) => Tensor,
  backward: (dy: Tensor, ...saved: Tensor[]) => Record<Name, () => Tensor>,
): Tensor {
  return engine().runKernelFunc({
    forwardFunc: (_, save) => forward((...tensors) => save(tensors)),
    backwardsFunc: (dy, saved) => backward(dy, ...saved),
    inputs,
  }) as Tensor;
}

/** Runs `make` unseen by any gradient: what it returns counts as constants. The rest of what it makes is disposed of. */
export function detached<T extends Tensor | Tensor[]>(make: () => T): T {
  return engine().runKernelFunc({ forwardFunc: make, inputs: {} }) as T;
}

/**
 * What an op gives for an empty batch: `value`, with gradients of 0. The WASM backend's sums over nothing are not 0 but
 * what happened to lie in memory.
 */
export function ofNothing(inputs: readonly Tensor[], value: () => Tensor): Tensor {
  return differentiable(
    Object.fromEntries(inputs.map((input, index) => [index, input])),
    value,
    () => Object.fromEntries(inputs.map((input, index) => [index, () => tf.zeros(input.shape)])),
  );
}

/** Whether a gradient is being recorded, so that what it needs is worth keeping. */
export function isRecording(): boolean {
  return engine().state.gradientDepth > 0;
}

/** The option that every op shares. */
export interface ExactOption {
  /**
   * Whether to compose the op of plain operations whose *second* derivatives are right in TensorFlow.js, instead of
   * the fast form, whose first derivative alone is. Slower. Default: true within nested gradients, such as
   * `tf.grad(tf.grad(f))`, else false.
   */
  readonly exact?: boolean;
}

/** Resolves {@linkcode ExactOption}. */
export function isExact({ exact }: ExactOption): boolean {
  return exact ?? engine().state.gradientDepth > 1;
}
