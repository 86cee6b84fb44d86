/**
 * Steps of optimizers in one call against the rules written out in double precision.
 *
 * @module
 */

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { PolyphaseError } from "../../../../pipeline/errors.ts";
import { selectBackend } from "../../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { adamStep, gradientNorm, sgdStep } from "../../../../models/backend/kernels/optimizer_steps.ts";
import { assertNear, drawn } from "./cpu_reference.ts";
import { sizeOf, STRICT, withKernels } from "./reference.ts";

/** Shapes with every remainder of four, a scalar and an empty one. */
const SHAPES = [[3, 7], [], [4], [5], [2, 3], [0, 2], [17, 31]];
const STEPS = 4;

const zeros = () => SHAPES.map((shape) => new Array<number>(sizeOf(shape)).fill(0));
const numbersOf = (tensors: readonly Tensor[]) => tensors.map((each) => [...each.dataSync()]);
const draw = (seed: number) => SHAPES.map((shape, index) => drawn(shape, seed + 10 * index));

function assertLists(actual: readonly Tensor[], expected: number[][], what: string): void {
  assertEquals(actual.map(({ shape }) => shape), SHAPES);
  actual.forEach((each, i) => assertNear(each.dataSync(), expected[i], 1e-6, `${what} ${i}`));
}

Deno.test("gradient descent with momentum, Nesterov, weight decay and a scale", STRICT, async () => {
  await withKernels(() => {
    for (const momentum of [0, 0.9]) {
      for (const nesterov of momentum === 0 ? [false] : [false, true]) {
        for (const weightDecay of [undefined, 0.1, SHAPES.map((_, i) => i % 2 ? 0.2 : 0)]) {
          tf.tidy(() => {
            let params = draw(1);
            let velocity = momentum === 0 ? [] : params.map((each) => tf.zerosLike(each));
            const w = numbersOf(params);
            const v = zeros();
            for (let step = 1; step <= STEPS; step++) {
              const gradients = draw(100 * step);
              const options = { learningRate: 0.05, momentum, nesterov, weightDecay, gradientScale: 0.5 };
              ({ params, velocity } = sgdStep(params, gradients, velocity, options));
              numbersOf(gradients).forEach((list, i) =>
                list.forEach((gradient, j) => {
                  const decay = Array.isArray(weightDecay) ? weightDecay[i] : weightDecay ?? 0;
                  const g = 0.5 * gradient + decay * w[i][j];
                  v[i][j] = momentum * v[i][j] + g;
                  w[i][j] -= 0.05 * (nesterov ? g + momentum * v[i][j] : v[i][j]);
                })
              );
              assertLists(params, w, `parameter in step ${step}`);
              if (momentum > 0) assertLists(velocity, v, `velocity in step ${step}`);
              else assertEquals(velocity, []);
            }
          });
        }
      }
    }
  });
});

Deno.test("Adam and AdamW", STRICT, async () => {
  await withKernels(() => {
    for (const decoupled of [undefined, false, true]) {
      for (const weightDecay of [undefined, 0.1, SHAPES.map((_, i) => i % 2 ? 0.2 : 0)]) {
        tf.tidy(() => {
          let params = draw(2);
          let [mean, square] = [
            params.map((each) => tf.zerosLike(each)),
            params.map((each) => tf.zerosLike(each)),
          ];
          const [w, m, s] = [numbersOf(params), zeros(), zeros()];
          for (let step = 1; step <= STEPS; step++) {
            const gradients = draw(100 * step);
            const options = { step, learningRate: 0.01, beta1: 0.8, beta2: 0.95, epsilon: 1e-6 };
            ({ params, mean, square } = adamStep(params, gradients, mean, square, {
              ...options,
              decoupled,
              weightDecay,
            }));
            numbersOf(gradients).forEach((list, i) =>
              list.forEach((gradient, j) => {
                const decay = Array.isArray(weightDecay) ? weightDecay[i] : weightDecay ?? 0;
                const g = gradient + (decoupled ? 0 : decay * w[i][j]);
                if (decoupled) w[i][j] *= 1 - 0.01 * decay;
                m[i][j] = 0.8 * m[i][j] + 0.2 * g;
                s[i][j] = 0.95 * s[i][j] + 0.05 * g * g;
                w[i][j] -= 0.01 * (m[i][j] / (1 - 0.8 ** step)) /
                  (Math.sqrt(s[i][j] / (1 - 0.95 ** step)) + 1e-6);
              })
            );
            assertLists(params, w, `parameter in step ${step}`);
            assertLists(mean, m, `mean in step ${step}`);
            assertLists(square, s, `square in step ${step}`);
          }
        });
      }
    }
  });
});

Deno.test("a step changes no tensor that it was given", STRICT, async () => {
  await withKernels(() =>
    tf.tidy(() => {
      const [params, gradients, mean, square] = [1, 2, 3, 4].map(draw);
      const positive = square.map((each) => tf.abs(each));
      const before = [params, gradients, mean, positive].map(numbersOf);
      sgdStep(params, gradients, mean, { learningRate: 1, momentum: 0.5 });
      adamStep(params, gradients, mean, positive, { learningRate: 1, step: 3 });
      assertEquals([params, gradients, mean, positive].map(numbersOf), before);
    })
  );
});

Deno.test("the norm of all gradients", STRICT, async () => {
  await withKernels(() =>
    tf.tidy(() => {
      const gradients = draw(5);
      const squares = numbersOf(gradients).flat().reduce((sum, g) => sum + g * g, 0);
      assertAlmostEquals(gradientNorm(gradients), Math.sqrt(squares), 1e-12);
      assertEquals(gradientNorm([]), 0);
      assertEquals(gradientNorm([...gradients, tf.scalar(NaN)]), NaN);
      // Squares beyond the range of a float.
      assertAlmostEquals(gradientNorm([tf.fill([7], 1e30)]) / (1e30 * Math.sqrt(7)), 1, 1e-6);
    })
  );
});

Deno.test("what does not fit is refused, as is another backend", STRICT, async () => {
  await withKernels(() =>
    tf.tidy(() => {
      const [w, g] = [tf.ones([2, 3]), tf.ones([3, 2])];
      const refused = (said: string, run: () => unknown) => assertThrows(run, PolyphaseError, said);
      const options = { learningRate: 1 };
      refused("sgdStep got a gradient float32 [3,2], expected float32 [2,3]", () =>
        sgdStep([w], [g], [], options));
      refused("sgdStep got 1 parameters and 0", () =>
        sgdStep([w], [], [], options));
      refused("sgdStep got 1 parameters and 0", () => sgdStep([w], [w], [], { ...options, momentum: 0.9 }));
      refused("1 parameters and 2", () => sgdStep([w], [w], [], { ...options, weightDecay: [1, 2] }));
      refused("adamStep got a slot", () => adamStep([w], [w], [g], [w], { ...options, step: 1 }));
      refused("gradientNorm got a gradient int32", () => gradientNorm([tf.ones([2], "int32")]));
    })
  );
  await selectBackend("cpu");
  tf.tidy(() => {
    assertThrows(
      () => sgdStep([tf.ones([2])], [tf.ones([2])], [], { learningRate: 1 }),
      PolyphaseError,
      '"cpu"',
    );
  });
});
