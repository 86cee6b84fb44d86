/**
 * Fused attention and its gradient against loops in double precision.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { attention } from "../../../../models/backend/ops/attention.ts";
import { runFused } from "../../../../models/backend/ops/fused_kernels.ts";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { assertNear, type Case, drawn, gradientsOf } from "./cpu_reference.ts";
import { assertLikeLoops } from "./loop_reference.ts";
import { numbers, STRICT, withKernels } from "./reference.ts";

/** Sizes of one attention, and which axes of bias and mask are stretched; either may be missing. */
interface Sizes {
  readonly batch: number;
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
  readonly dim: number;
  readonly width: number;
  readonly bias?: readonly boolean[];
  readonly mask?: readonly boolean[];
}

function inputsOf({ batch, heads, queries, keys, dim, width, bias, mask }: Sizes) {
  const scores = [batch, heads, queries, keys];
  const shared = (stretched: readonly boolean[]) => scores.map((size, axis) => stretched[axis] ? 1 : size);
  return {
    q: drawn([batch, heads, queries, dim], 1, 3),
    k: drawn([batch, heads, keys, dim], 2),
    v: drawn([batch, heads, keys, width], 3),
    ...bias && { bias: drawn(shared(bias), 4, 2) },
    // Some queries may see no key at all.
    ...mask && { mask: tf.greater(drawn(shared(mask), 5), 0.2) },
  };
}

function caseOf(sizes: Sizes): Case {
  return {
    name: JSON.stringify(sizes),
    compute() {
      const inputs = inputsOf(sizes);
      const attrs = { scale: 0.7 };
      const [y, logSumExp] = runFused("PolyphaseAttention", inputs, attrs);
      const dy = drawn(y.shape, 6);
      return [y, logSumExp, ...runFused("PolyphaseAttentionGrad", { ...inputs, dy, y, logSumExp }, attrs)]
        .map((each) => each!);
    },
  };
}

const stretched = fc.option(fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }), { nil: undefined });

Deno.test("values and gradients of random shapes, with bias and mask", STRICT, async () => {
  const length = (max: number, min = 1) => fc.integer({ min, max });
  const small = fc.record({
    batch: length(3),
    heads: length(3),
    queries: length(11),
    keys: length(21),
    dim: length(19),
    width: length(19),
    bias: stretched,
    mask: stretched,
  });
  await assertLikeLoops(fc.sample(small, { seed: 3, numRuns: 60 }).map(caseOf), 5e-6);
});

Deno.test("more queries than one block holds", STRICT, async () => {
  const rest = { batch: 1, heads: 2, dim: 8, width: 5 };
  const bias = [true, false, false, false];
  await assertLikeLoops(
    [
      { ...rest, queries: 96, keys: 6 },
      { ...rest, queries: 97, keys: 50, bias },
      { ...rest, queries: 197, keys: 33, mask: [false, true, false, false] },
      { ...rest, queries: 200, keys: 7, bias: [false, true, true, true], mask: bias },
    ].map(caseOf),
    5e-6,
  );
});

Deno.test("axes of length 0", STRICT, async () => {
  const full = { batch: 2, heads: 3, queries: 4, keys: 5, dim: 6, width: 7, bias: [], mask: [] };
  await assertLikeLoops(
    (["batch", "heads", "queries", "keys", "dim", "width"] as const).map((axis) =>
      caseOf({ ...full, [axis]: 0 })
    ),
    5e-6,
  );
});

Deno.test("a query that sees no key gives zeros and takes no gradient", STRICT, async () => {
  await withKernels(() => {
    tf.tidy(() => {
      const [q, k, v] = [1, 2, 3].map((seed) => drawn([1, 1, 2, 3], seed));
      const mask = tf.tensor4d([1, 1, 0, 0], [1, 1, 2, 2], "bool");
      const [y, logSumExp] = runFused("PolyphaseAttention", { q, k, v, mask }, { scale: 1 });
      assertEquals([...y.dataSync().slice(3)], [0, 0, 0]);
      assertEquals(logSumExp.dataSync()[1], -Infinity);
      const dy = tf.onesLike(y);
      const inputs = { dy, q, k, v, mask, y, logSumExp };
      const [dq, , dv] = runFused("PolyphaseAttentionGrad", inputs, { scale: 1 });
      assertEquals([...dq.dataSync().slice(3)], [0, 0, 0]);
      assertNear(tf.sum(dv, 2).dataSync(), [1, 1, 1], 1e-6, "all gradients of v come from the first query");
    });
  });
});

Deno.test("NaN and infinities go where the formula sends them", STRICT, async () => {
  const sizes = { batch: 1, heads: 1, queries: 5, keys: 6, dim: 4, width: 3 };
  const spoiled = (x: Tensor, at: number, value: number) => {
    const values = x.dataSync().slice();
    values[at] = value;
    return tf.tensor(values, x.shape);
  };
  const cases = [NaN, Infinity, -Infinity].flatMap((value) =>
    (["q", "v", "bias"] as const).map((name): Case => ({
      name: `${value} in ${name}`,
      compute() {
        const inputs = inputsOf({ ...sizes, bias: [] });
        const changed = { ...inputs, [name]: spoiled(inputs[name]!, 7, value) };
        return [...runFused("PolyphaseAttention", changed, { scale: 1 })].map((each) => each!);
      },
    }))
  );
  await assertLikeLoops(cases, 5e-6);
});

Deno.test("a masked score counts for nothing, even if it is NaN or the greatest", STRICT, async () => {
  await withKernels(() => {
    tf.tidy(() => {
      const inputs = inputsOf({ batch: 1, heads: 1, queries: 3, keys: 7, dim: 4, width: 5 });
      const seen = [1, 0, 1, 1, 1, 0, 1];
      const mask = tf.tensor4d([...seen, ...seen, ...seen], [1, 1, 3, 7], "bool");
      const bias = (a: number, b: number) => tf.tensor4d([0, a, 0, 0, 0, b, 0], [1, 1, 1, 7]);
      const [plain, wild] = [bias(0, 0), bias(NaN, 1e30)].map((each) =>
        runFused("PolyphaseAttention", { ...inputs, mask, bias: each }, { scale: 1 })
      );
      assertEquals([...wild[0].dataSync()], [...plain[0].dataSync()]);
      assertEquals([...wild[1].dataSync()], [...plain[1].dataSync()]);
    });
  });
});

Deno.test("scores far from zero do not overflow", STRICT, async () => {
  await assertLikeLoops([{
    name: "scores near 300",
    compute() {
      const [q, k] = [drawn([2, 2, 9, 8], 1, 20), drawn([2, 2, 9, 8], 2, 20)];
      return [runFused("PolyphaseAttention", { q, k, v: drawn([2, 2, 9, 8], 3) }, { scale: 0.35 })[0]];
    },
  }], 1e-4);
});

Deno.test("the op takes the kernel and its gradients, and leaves its inputs alone", STRICT, async () => {
  const shape = [2, 2, 6, 4];
  const cases: Case[] = [{
    name: "attention",
    compute: () =>
      gradientsOf((q, k, v, bias) => attention(q, k, v, { bias }), [
        drawn(shape, 1),
        drawn(shape, 2),
        drawn(shape, 3),
        drawn([1, 2, 6, 6], 4),
      ]),
  }];
  await assertLikeLoops(cases, 5e-6);
  await withKernels(() => {
    tf.tidy(() => {
      const inputs = inputsOf({ batch: 2, heads: 2, queries: 6, keys: 6, dim: 4, width: 4, bias: [] });
      caseOf({ batch: 2, heads: 2, queries: 6, keys: 6, dim: 4, width: 4 }).compute();
      const [y, logSumExp] = runFused("PolyphaseAttention", inputs, { scale: 1 });
      runFused("PolyphaseAttentionGrad", { ...inputs, dy: y, y, logSumExp }, { scale: 1 });
      assertEquals(inputs.q.dataSync(), numbers(96, 1).map((x) => 3 * x));
      assertEquals(inputs.k.dataSync(), numbers(96, 2));
      assertEquals(inputs.v.dataSync(), numbers(96, 3));
      assertEquals(inputs.bias!.dataSync(), numbers(144, 4).map((x) => 2 * x));
    });
  });
});
