/**
 * What is computed with `@jax-js/jax` too: products, attention and convolutions, forward alone and with all gradients, in
 * the terms of TensorFlow.js.
 *
 * @module
 */

import { attention } from "../../models/backend/ops/attention.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import { numbersOf, type Op } from "./ops.ts";

/** The version compared with, which the door to the library names too. */
export const JAX_VERSION = "0.1.25";

/** Which function a case computes. */
export type JaxFunction = "gemm" | "attention" | "conv2d";

/** A function with its inputs. */
export interface JaxCase extends Op {
  /** What it computes. */
  readonly compute: JaxFunction;
  /** Shapes of the inputs, and last that of the result, whose gradient is an input where gradients are asked for. */
  readonly shapes: readonly (readonly number[])[];
  /** Whether the gradients of all inputs are computed too. */
  readonly gradients: boolean;
  /** The result, then the gradients of the inputs if they are computed. */
  values(): Promise<Float32Array[]>;
}

type Image = ReturnType<typeof tf.tensor4d>;

/** The functions; a convolution keeps the size of its images. */
const FUNCTIONS: Readonly<Record<JaxFunction, (...inputs: Tensor[]) => Tensor>> = {
  gemm: (a, b) => tf.matMul(a, b),
  attention: (q, k, v) => attention(q, k, v),
  conv2d: (x, filter) => tf.conv2d(x as Image, filter as Image, 1, "same"),
};

/** All of them, in the order of the table. */
export const JAX_CASES: readonly JaxCase[] = [
  ...pair("gemm", "512", [[512, 512], [512, 512], [512, 512]], 2 * 512 ** 3),
  ...[[64, 16, 17, 16], [8, 4, 196, 32]].flatMap(([batch, heads, tokens, dim]) =>
    pair(
      "attention",
      `${tokens}-tokens`,
      new Array(4).fill([batch, heads, tokens, dim]),
      4 * batch * heads * tokens * tokens * dim,
    )
  ),
  ...pair(
    "conv2d",
    "3x3",
    [[64, 28, 28, 32], [3, 3, 32, 32], [64, 28, 28, 32]],
    2 * 64 * 28 * 28 * 32 * 32 * 9,
  ),
];

/** A function alone, and with the gradients of all inputs. */
function pair(
  compute: JaxFunction,
  size: string,
  shapes: readonly (readonly number[])[],
  flops: number,
): JaxCase[] {
  const text = shapes.slice(0, -1).map((shape) => `[${shape.join(", ")}]`).join(" and ");
  const shape = new Set(shapes.map(String)).size === 1 && compute === "attention"
    ? `q, k, v [${shapes[0].join(", ")}]`
    : text;
  return [
    caseOf({ name: `${compute}-${size}`, compute, shapes, shape, flops, gradients: false }),
    caseOf({
      name: `${compute}-${size}-training`,
      compute,
      shapes,
      shape: `${shape}, with all gradients`,
      // A product has two factors, and the gradient of each is a product of the same size.
      flops: 3 * flops,
      gradients: true,
    }),
  ];
}

function caseOf(given: Omit<JaxCase, "make" | "values" | "kernel">): JaxCase {
  const { compute, shapes, gradients } = given;
  const apply = FUNCTIONS[compute];
  const all = (inputs: readonly Tensor[]): Tensor[] => {
    if (!gradients) return [apply(...inputs)];
    const { value, grads } = tf.valueAndGrads(apply)(inputs.slice(0, -1), inputs.at(-1)!);
    return [value, ...grads];
  };
  const tensors = () =>
    inputsOf(given).map((numbers, index) => tf.tensor(numbers, [...shapes[index]], "float32"));
  return {
    ...given,
    kernel: compute === "conv2d" && gradients ? "Conv2DBackpropFilter" : undefined,
    make() {
      const inputs = tensors();
      return { run: () => tf.dispose(all(inputs)), dispose: () => tf.dispose(inputs) };
    },
    async values() {
      const results = tf.tidy(() => all(tensors()));
      const numbers = await Promise.all(results.map((each) => each.data()));
      tf.dispose(results);
      return numbers as Float32Array[];
    },
  };
}

/** The numbers of the inputs of a case, the same on every side. */
export function inputsOf({ shapes, gradients }: Pick<JaxCase, "shapes" | "gradients">): Float32Array[] {
  return (gradients ? shapes : shapes.slice(0, -1)).map((shape, index) => numbersOf(shape, index));
}
