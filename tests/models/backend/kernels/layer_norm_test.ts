/**
 * The fused layer normalization and its gradient against loops in double precision.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { tf } from "../../../../models/backend/tf.ts";
import { runFused } from "../../../../models/backend/ops/fused_kernels.ts";
import { assertNear } from "./cpu_reference.ts";
import { numbers, STRICT, withKernels } from "./reference.ts";

const EPSILON = 1e-5;

/** Everything that the two kernels give, from `[rows, features]`. */
function expected(
  rows: number,
  features: number,
  x: Float32Array,
  dy: Float32Array,
  gamma: Float32Array,
  beta: Float32Array,
) {
  const y = new Float64Array(rows * features);
  const dx = new Float64Array(rows * features);
  const mean = new Float64Array(rows);
  const rstd = new Float64Array(rows);
  const dgamma = new Float64Array(features);
  const dbeta = new Float64Array(features);
  for (let row = 0; row < rows; row++) {
    const at = (j: number) => row * features + j;
    const columns = Array.from({ length: features }, (_, j) => j);
    const average = (f: (j: number) => number) => columns.reduce((sum, j) => sum + f(j), 0) / features;
    mean[row] = average((j) => x[at(j)]);
    rstd[row] = 1 / Math.sqrt(average((j) => (x[at(j)] - mean[row]) ** 2) + EPSILON);
    const normal = (j: number) => (x[at(j)] - mean[row]) * rstd[row];
    const level = average((j) => dy[at(j)] * gamma[j]);
    const along = average((j) => dy[at(j)] * gamma[j] * normal(j));
    for (const j of columns) {
      y[at(j)] = normal(j) * gamma[j] + beta[j];
      dx[at(j)] = rstd[row] * (dy[at(j)] * gamma[j] - level - normal(j) * along);
      dgamma[j] += dy[at(j)] * normal(j);
      dbeta[j] += dy[at(j)];
    }
  }
  return { y, mean, rstd, dx, dgamma, dbeta };
}

/** The same from the kernels. */
function actual(
  rows: number,
  features: number,
  x: Float32Array,
  dy: Float32Array,
  gamma: Float32Array,
  beta: Float32Array,
) {
  return tf.tidy(() => {
    const matrix = (values: Float32Array) => tf.tensor2d(values, [rows, features]);
    const inputs = { x: matrix(x), gamma: tf.tensor1d(gamma) };
    const [y, mean, rstd] = runFused("PolyphaseLayerNorm", { ...inputs, beta: tf.tensor1d(beta) }, {
      epsilon: EPSILON,
    });
    const grads = runFused("PolyphaseLayerNormGrad", { ...inputs, dy: matrix(dy), mean, rstd }, {});
    assertEquals([y.shape, mean.shape, rstd.shape], [[rows, features], [rows], [rows]]);
    assertEquals(grads.map(({ shape }) => shape), [[rows, features], [features], [features]]);
    const [dx, dgamma, dbeta] = grads;
    return Object.entries({ y, mean, rstd, dx, dgamma, dbeta }).map(([name, t]) =>
      [name, t.dataSync()] as const
    );
  });
}

Deno.test("values and gradients of random shapes", STRICT, async () => {
  await withKernels(() => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 30 }),
        fc.oneof(fc.integer({ min: 2, max: 20 }), fc.integer({ min: 21, max: 1100 })),
        fc.nat({ max: 1000 }),
        (rows, features, seed) => {
          const inputs = [
            // Neighbours are far apart, so that no row comes without spread, where rounding counts for much.
            numbers(rows * features, seed).map((each, i) => each + (i % features % 2 === 0 ? 4 : -1)),
            numbers(rows * features, seed + 1),
            numbers(features, seed + 2),
            numbers(features, seed + 3),
          ] as const;
          const wanted = expected(rows, features, ...inputs);
          for (const [name, values] of actual(rows, features, ...inputs)) {
            assertNear(
              values,
              wanted[name as keyof typeof wanted],
              3e-6,
              `${name} of [${rows}, ${features}]`,
            );
          }
        },
      ),
      { seed: 7, numRuns: 40 },
    );
  });
});

Deno.test("a single feature, rows without spread, and values far from zero", STRICT, async () => {
  await withKernels(() => {
    const far = numbers(64, 1).map((each) => 1000 + each);
    const results = (rows: number, features: number, x: Float32Array) =>
      Object.fromEntries(
        actual(rows, features, x, numbers(x.length, 2), numbers(features, 3), numbers(features, 4)),
      );
    const beta = [...numbers(1, 4)];
    assertEquals([...results(3, 1, Float32Array.of(5, -7, 9)).y], [...beta, ...beta, ...beta]);
    assertEquals([...results(1, 6, new Float32Array(6).fill(4)).y], [...numbers(6, 4)]);
    const wanted = expected(1, 64, far, numbers(64, 2), numbers(64, 3), numbers(64, 4));
    // The mean itself is rounded to 6e-5 here.
    assertNear(results(1, 64, far).y, wanted.y, 2e-4, "far from zero");
  });
});

Deno.test("NaN spoils its own row alone", STRICT, async () => {
  await withKernels(() => {
    const x = numbers(3 * 7, 1);
    x[9] = NaN;
    const { y, dx } = Object.fromEntries(actual(3, 7, x, numbers(21, 2), numbers(7, 3), numbers(7, 4)));
    for (const values of [y, dx]) {
      assertEquals(Array.from(values, Number.isNaN), Array.from({ length: 21 }, (_, i) => i >= 7 && i < 14));
    }
  });
});
