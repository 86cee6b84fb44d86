/**
 * Derivatives against finite differences: the gradient of each form, and the Hessian-vector product of the exact form,
 * which nested gradients take by themselves.
 *
 * @module
 */

import { assert, assertAlmostEquals } from "@std/assert";
import fc from "fast-check";
import { gelu } from "../../../../models/backend/ops/gelu.ts";
import { softmax } from "../../../../models/backend/ops/softmax.ts";
import { selectBackend } from "../../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { foldIn, keyOf, normal, permutation } from "../../../../pipeline/random.ts";
import { type Drawn, opCases } from "./cases.ts";
import { registerReferenceKernels, unregisterReferenceKernels } from "./reference_kernels.ts";
import { drawInputs, type Numbers, PLATFORMS, selectPlatform, sizeOf, tensorsOf } from "./support.ts";

const STEP = 2 ** -7;

/** Cases that have something to differentiate. */
function sample(drawn: fc.Arbitrary<Drawn>): Drawn[] {
  return fc.sample(drawn.filter(({ shapes }) => shapes.every((shape) => sizeOf(shape) > 0)), {
    numRuns: 6,
    seed: 3,
  });
}

/** Numbers of which no two, and none and 0, are closer than ten steps: no kink lies between the points of a difference. */
function farApart(shape: readonly number[], seed: number): Numbers {
  const size = sizeOf(shape);
  return Float32Array.from(permutation(keyOf(seed), size), (place) => (place - size / 2 + 0.25) * 20 * STEP);
}

function inputsOf(name: string, { shapes }: Drawn, seed: number): Numbers[] {
  return name === "relu" || name === "maxPool"
    ? shapes.map((shape) => farApart(shape, seed))
    : drawInputs(shapes, keyOf(seed));
}

function moved(inputs: readonly Numbers[], directions: readonly Numbers[], by: number): Numbers[] {
  return inputs.map((values, index) => values.map((value, place) => value + by * directions[index][place]));
}

function isBounded(name: string, { label }: Drawn): boolean {
  // What goes into the ReLU of a linear map may cross its kink wherever it is.
  return !(["linear", "conv2d", "batchNorm"].includes(name) && label.includes('"relu"'));
}

/** Directions with numbers in [-1, 1]. */
function directionsOf({ shapes }: Drawn, seed: number): Numbers[] {
  return drawInputs(shapes, foldIn(keyOf(seed), "direction")).map((values) => values.map(Math.sin));
}

/** Half the weighted sum of squares of an op: its second derivatives do not vanish even where the op is linear. */
function loss(drawn: Drawn, tensors: readonly Tensor[], exact: boolean | undefined): Tensor {
  const y = drawn.apply(tensors, exact);
  const weights = tf.tensor(normal([5, 5], y.size), y.shape);
  return tf.mul(tf.sum(tf.mul(weights, tf.square(y))), 0.5);
}

/** The same, summed in double precision. */
function lossNumber(drawn: Drawn, inputs: readonly Numbers[]): number {
  return tf.tidy(() => {
    const y = drawn.apply(tensorsOf(drawn, inputs), false).dataSync();
    return normal([5, 5], y.length).reduce((sum, weight, index) => sum + 0.5 * weight * y[index] ** 2, 0);
  });
}

function gradsOf(drawn: Drawn, inputs: readonly Numbers[], exact: boolean): Numbers[] {
  return tf.tidy(() =>
    tf.grads((...each: Tensor[]) => loss(drawn, each, exact))(tensorsOf(drawn, inputs))
      .map((grad) => grad.dataSync() as Numbers)
  );
}

function dot(left: readonly Numbers[], right: readonly Numbers[]): number {
  return left.reduce(
    (sum, each, i) => each.reduce((total, value, j) => total + value * right[i][j], sum),
    0,
  );
}

/** Derivative of the gradient along the directions, by a central difference. */
function slopes(
  drawn: Drawn,
  inputs: readonly Numbers[],
  directions: readonly Numbers[],
  step: number,
): Numbers[] {
  const [after, before] = [step, -step].map((by) => gradsOf(drawn, moved(inputs, directions, by), true));
  return after.map((grad, input) => grad.map((value, place) => (value - before[input][place]) / (2 * step)));
}

/** Derivative of the gradient along the directions, by nested gradients. */
function hessianProduct(
  drawn: Drawn,
  inputs: readonly Numbers[],
  directions: readonly Numbers[],
  exact: boolean | undefined,
): Numbers[] {
  return tf.tidy(() => {
    const along = tensorsOf(drawn, directions);
    const slope = (...each: Tensor[]) => {
      const grads = tf.grads((...inner: Tensor[]) => loss(drawn, inner, exact))(each);
      return tf.addN(grads.map((grad, index) => tf.sum(tf.mul(grad, along[index]))));
    };
    return tf.grads(slope)(tensorsOf(drawn, inputs)).map((each) => each.dataSync() as Numbers);
  });
}

for (const backend of PLATFORMS) {
  for (const { name, drawn } of opCases) {
    Deno.test(`${name}: gradients are finite differences of the value (${backend})`, async () => {
      await selectPlatform(backend);
      sample(drawn).filter((each) => isBounded(name, each)).forEach((each, seed) => {
        const [inputs, directions] = [inputsOf(name, each, seed), directionsOf(each, seed)];
        const difference = lossNumber(each, moved(inputs, directions, STEP)) -
          lossNumber(each, moved(inputs, directions, -STEP));
        const grads = gradsOf(each, inputs, false);
        const scale = grads.reduce((sum, grad) => grad.reduce((s, value) => s + Math.abs(value), sum), 1);
        const off = Math.abs(dot(grads, directions) - difference / (2 * STEP)) / scale;
        assert(off < 1e-3, `${each.label}: off by ${off} of ${scale}`);
      });
    });

    Deno.test(`${name}: Hessian-vector products are finite differences of the gradient (${backend})`, async () => {
      await selectPlatform(backend);
      sample(drawn).filter((each) => isBounded(name, each)).forEach((each, seed) => {
        const [inputs, directions] = [inputsOf(name, each, seed), directionsOf(each, seed)];
        const coarse = slopes(each, inputs, directions, STEP);
        const fine = slopes(each, inputs, directions, STEP / 2);
        const products = hessianProduct(each, inputs, directions, true);
        const scale = products.reduce(
          (most, product) => product.reduce((m, v) => Math.max(m, Math.abs(v)), most),
          1,
        );
        products.forEach((product, input) =>
          product.forEach((value, place) => {
            // Richardson's extrapolation: what is left is of the fourth order in the step.
            const difference = (4 * fine[input][place] - coarse[input][place]) / 3;
            const off = Math.abs(value - difference) / scale;
            assert(
              off < 3e-3,
              `${each.label}: ${value} at ${place} of input ${input}, expected ${difference}`,
            );
          })
        );
      });
    });
  }
}

Deno.test("nested gradients take the exact form by themselves, fused kernels or not", async () => {
  await selectBackend("cpu");
  for (const isFused of [false, true]) {
    if (isFused) registerReferenceKernels();
    try {
      for (const { name, drawn } of opCases) {
        const each = sample(drawn)[0];
        const [inputs, directions] = [inputsOf(name, each, 0), directionsOf(each, 0)];
        const expected = hessianProduct(each, inputs, directions, true);
        hessianProduct(each, inputs, directions, undefined).forEach((product, input) =>
          product.forEach((value, place) => assertAlmostEquals(value, expected[input][place], 1e-6, name))
        );
      }
    } finally {
      if (isFused) unregisterReferenceKernels();
    }
  }
});

Deno.test("exact: false in nested gradients is the fast form, which lacks a term", async () => {
  await selectBackend("cpu");
  const curvature = (exact: boolean) =>
    tf.tidy(() => {
      const loss = (x: Tensor) => tf.sum(tf.mul(tf.tensor1d([1, 0, 0]), softmax(x, { exact })));
      const slope = (x: Tensor) => tf.slice(tf.grad(loss)(x), 0, 1) as Tensor;
      return tf.grad(slope)(tf.tensor1d([0, 1, 2])).dataSync()[0];
    });
  const [p] = await tf.tidy(() => softmax(tf.tensor1d([0, 1, 2]))).data();
  assertAlmostEquals(curvature(true), p * (1 - p) * (1 - 2 * p), 1e-6);
  let isWrong = false;
  try {
    isWrong = Math.abs(curvature(false) - p * (1 - p) * (1 - 2 * p)) > 1e-3;
  } catch {
    // TensorFlow.js may also find no path from the input to the gradient.
    isWrong = true;
  }
  assert(isWrong);
});

Deno.test("gradients: only what is asked for is computed", async () => {
  await selectBackend("cpu");
  const [x, w] = [tf.ones([2, 3]), tf.ones([3, 4])];
  const { linear } = await import("../../../../models/backend/ops/linear.ts");
  const count = async (f: () => Tensor) => {
    const { kernels } = await tf.profile(f);
    return kernels.filter(({ name }) => name === "BatchMatMul").length;
  };
  assert(await count(() => tf.grad((weight: Tensor) => tf.sum(linear(x, weight, null)))(w)) === 2);
  assert(await count(() => tf.grads((a: Tensor, b: Tensor) => tf.sum(linear(a, b, null)))([x, w])[0]) === 3);
  tf.dispose([x, w]);
  tf.disposeVariables();
});

Deno.test("gelu: large and infinite values", async () => {
  for (const backend of PLATFORMS) {
    await selectPlatform(backend);
    for (const approximate of ["none", "tanh"] as const) {
      for (const exact of [false, true]) {
        const y = tf.tidy(() =>
          gelu(tf.tensor1d([-1000, -20, 20, 1000, Infinity, NaN]), { approximate, exact }).dataSync()
        );
        [0, 0, 20, 1000, Infinity, NaN].forEach((value, index) =>
          assert(Object.is(y[index], value) || y[index] === value, `${backend} ${approximate} ${exact}: ${y}`)
        );
      }
    }
  }
});
