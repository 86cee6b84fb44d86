/**
 * Moments of columns, batch normalization and its gradient against loops in double precision.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { runFused } from "../../../../models/backend/ops/fused_kernels.ts";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { assertNear, type Case, drawn } from "./cpu_reference.ts";
import { assertLikeLoops } from "./loop_reference.ts";
import { numbers, STRICT, withKernels } from "./reference.ts";

const EPSILON = 1e-3;

/** Gamma and beta, and moments that are not those of x. */
function perChannel(channels: number): Record<"gamma" | "beta" | "mean" | "variance", Tensor> {
  return {
    gamma: drawn([channels], 3, 2),
    beta: drawn([channels], 4),
    mean: drawn([channels], 5),
    variance: tf.add(drawn([channels], 6, 0.4), 0.6),
  };
}

/** What is normalized, and what follows; by default nothing does. */
interface Sizes {
  readonly rows: number;
  readonly channels: number;
  readonly training: boolean;
  readonly residual?: boolean;
  readonly activation?: "none" | "relu";
}

function caseOf({ rows, channels, training, residual, activation = "none" }: Sizes): Case {
  return {
    name: `[${rows}, ${channels}], ${training ? "training" : "evaluation"}`,
    compute() {
      const x = drawn([rows, channels], 1, 3);
      const { gamma, beta, mean, variance } = perChannel(channels);
      const dy = drawn([rows, channels], 2);
      const moments = runFused("PolyphaseMoments", { x }, {});
      const [y] = runFused("PolyphaseBatchNorm", {
        x,
        gamma,
        beta,
        mean,
        variance,
        residual: residual ? drawn([rows, channels], 7, 2) : undefined,
      }, { epsilon: EPSILON, activation });
      const inputs = { dy, x, gamma, mean, variance };
      const grads = runFused("PolyphaseBatchNormGrad", inputs, { epsilon: EPSILON, training });
      return [...moments, y, ...grads];
    },
  };
}

Deno.test("values and gradients of random shapes", STRICT, async () => {
  const sizes = fc.record({
    rows: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 21, max: 700 })),
    channels: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 10, max: 150 })),
    training: fc.boolean(),
    residual: fc.boolean(),
    activation: fc.constantFrom("none" as const, "relu" as const),
  });
  await assertLikeLoops(fc.sample(sizes, { seed: 5, numRuns: 30 }).map(caseOf), 3e-6);
});

Deno.test("more rows and channels than one block of sums holds", STRICT, async () => {
  await assertLikeLoops(
    [
      { rows: 5000, channels: 1, training: true },
      { rows: 2050, channels: 6, training: true },
      { rows: 37, channels: 2100, training: true },
    ].map(caseOf),
    3e-6,
  );
});

Deno.test("no rows, no channels, one row", STRICT, async () => {
  for (const training of [true, false]) {
    await assertLikeLoops(
      [[0, 3], [3, 0], [0, 0], [1, 5]].map(([rows, channels]) => caseOf({ rows, channels, training })),
      3e-6,
    );
  }
});

Deno.test("moments keep their digits far from zero and over many rows", STRICT, async () => {
  await withKernels(() => {
    tf.tidy(() => {
      const far = numbers(3 * 20000, 1).map((each, i) => each + (i % 3 === 0 ? 1000 : 0.5));
      const [mean, variance] = runFused("PolyphaseMoments", { x: tf.tensor2d(far, [20000, 3]) }, {});
      const columns = [0, 1, 2].map((c) => Array.from({ length: 20000 }, (_, row) => far[3 * row + c]));
      const means = columns.map((column) => column.reduce((a, b) => a + b, 0) / 20000);
      const variances = columns.map((column, c) =>
        column.reduce((sum, each) => sum + (each - means[c]) ** 2, 0) / 20000
      );
      means.forEach((each, c) => assertNear([mean.dataSync()[c]], [each], 7e-8, `mean ${c}`));
      assertNear(variance.dataSync(), variances, 2e-7, "variances");
    });
  });
});

Deno.test("NaN spoils its own channel alone, and inputs stay as they were", STRICT, async () => {
  await withKernels(() => {
    tf.tidy(() => {
      const values = numbers(4 * 7, 1);
      values[9] = NaN;
      const x = tf.tensor2d(values, [4, 7]);
      const { gamma, beta } = perChannel(7);
      const [mean, variance] = runFused("PolyphaseMoments", { x }, {});
      const [y] = runFused("PolyphaseBatchNorm", { x, gamma, beta, mean, variance }, {
        epsilon: EPSILON,
        activation: "relu",
      });
      const inputs = { dy: drawn([4, 7], 2), x, gamma, mean, variance };
      const [dx, dgamma, dbeta] = runFused("PolyphaseBatchNormGrad", inputs, {
        epsilon: EPSILON,
        training: true,
      });
      for (const each of [mean, variance, y, dx, dgamma]) {
        assertEquals(
          Array.from(each.dataSync(), Number.isNaN),
          Array.from({ length: each.size }, (_, i) => i % 7 === 2),
        );
      }
      assertEquals(Array.from(dbeta.dataSync(), Number.isNaN), Array(7).fill(false));
      assertEquals(x.dataSync(), values);
      assertEquals(inputs.dy.dataSync(), numbers(28, 2));
    });
  });
});
