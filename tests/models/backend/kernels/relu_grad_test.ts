/**
 * The gradient of ReLU with its sums over rows against loops in double precision.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { runFused } from "../../../../models/backend/ops/fused_kernels.ts";
import { tf } from "../../../../models/backend/tf.ts";
import { type Case, drawn } from "./cpu_reference.ts";
import { assertLikeLoops } from "./loop_reference.ts";
import { STRICT, withKernels } from "./reference.ts";

function caseOf([rows, columns]: readonly [number, number]): Case {
  return {
    name: `[${rows}, ${columns}]`,
    compute: () => {
      const inputs = { dy: drawn([rows, columns], 1), saved: tf.relu(drawn([rows, columns], 2)) };
      return runFused("PolyphaseLinearGrad", inputs, { activation: "relu" });
    },
  };
}

Deno.test("values and sums at every edge of vectors and blocks", STRICT, async () => {
  const sizes = [[1, 1], [3, 2], [7, 3], [64, 4], [65, 5], [129, 33], [40, 600], [17, 2100], [0, 5], [
    5,
    0,
  ]] as const;
  await assertLikeLoops(sizes.map(caseOf), 1e-6);
});

Deno.test("sums keep their digits over many rows", STRICT, async () => {
  await withKernels(() => {
    tf.tidy(() => {
      const inputs = { dy: tf.fill([300_000, 3], 1.1), saved: tf.ones([300_000, 3]) };
      const [, sums] = runFused("PolyphaseLinearGrad", inputs, { activation: "relu" });
      for (const sum of sums.dataSync()) assert(Math.abs(sum / (300_000 * Math.fround(1.1)) - 1) < 1e-6);
    });
  });
});

Deno.test("the derivative at 0 is 0, and NaN stays NaN", STRICT, async () => {
  await withKernels(() => {
    tf.tidy(() => {
      const dy = tf.tensor2d([2, 3, 4, Infinity, NaN, 5], [1, 6]);
      const saved = tf.tensor2d([0, 1, NaN, 2, 0, -0], [1, 6]);
      const [dz] = runFused("PolyphaseLinearGrad", { dy, saved }, { activation: "relu" });
      assertEquals([...dz.dataSync()].map((each) => each + 0), [0, 3, NaN, Infinity, NaN, 0]);
    });
  });
});
