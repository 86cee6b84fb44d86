/**
 * Fused attention on packed projections against loops in double precision, and against attention on heads taken apart.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { PolyphaseError } from "../../../../pipeline/errors.ts";
import { attention } from "../../../../models/backend/ops/attention.ts";
import { runFused } from "../../../../models/backend/ops/fused_kernels.ts";
import { packedAttention } from "../../../../models/backend/ops/packed_attention.ts";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { assertNear, type Case, drawn, gradientsOf } from "./cpu_reference.ts";
import { assertLikeLoops } from "./loop_reference.ts";
import { numbers, STRICT, withKernels } from "./reference.ts";

/** Sizes of one attention, and which axes of bias and mask are stretched; either may be missing. */
interface Sizes {
  readonly batch: number;
  readonly tokens: number;
  readonly queries?: number;
  readonly heads: number;
  readonly dim: number;
  readonly bias?: readonly boolean[];
  readonly mask?: readonly boolean[];
}

function caseOf(sizes: Sizes): Case {
  return {
    name: JSON.stringify(sizes),
    compute() {
      const { batch, tokens, heads, dim, bias, mask } = sizes;
      const queries = Math.min(sizes.queries ?? tokens, tokens);
      const scores = [batch, heads, queries, tokens];
      const shared = (stretched: readonly boolean[]) =>
        scores.map((size, axis) => stretched[axis] ? 1 : size);
      const inputs = {
        qkv: drawn([batch, tokens, 3 * heads * dim], 1, 2),
        ...bias && { bias: drawn(shared(bias), 4, 2) },
        // Some tokens may see no other.
        ...mask && { mask: tf.greater(drawn(shared(mask), 5), 0.2) },
      };
      const attrs = { heads, queries, scale: 0.7 };
      const [y, logSumExp] = runFused("PolyphasePackedAttention", inputs, attrs);
      const dy = drawn(y.shape, 6);
      const grads = runFused("PolyphasePackedAttentionGrad", { ...inputs, dy, y, logSumExp }, attrs);
      return [y, logSumExp, ...grads].map((each) => each!);
    },
  };
}

const stretched = fc.option(fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }), { nil: undefined });

Deno.test("values and gradients of random shapes, with bias and mask", STRICT, async () => {
  const length = (max: number) => fc.integer({ min: 1, max });
  const small = fc.record({
    batch: length(3),
    tokens: length(21),
    queries: fc.option(length(21), { nil: undefined }),
    heads: length(4),
    dim: length(19),
    bias: stretched,
    mask: stretched,
  });
  await assertLikeLoops(fc.sample(small, { seed: 4, numRuns: 50 }).map(caseOf), 5e-6);
});

Deno.test("more tokens than one block holds", STRICT, async () => {
  const bias = [true, false, false, false];
  await assertLikeLoops(
    [
      { batch: 1, heads: 2, dim: 8, tokens: 97, bias },
      { batch: 2, heads: 2, dim: 5, tokens: 197, queries: 98 },
      { batch: 2, heads: 1, dim: 5, tokens: 197, mask: [false, true, false, false] },
    ].map(caseOf),
    5e-6,
  );
});

Deno.test("axes of length 0", STRICT, async () => {
  const full = { batch: 2, heads: 3, tokens: 4, dim: 6, bias: [], mask: [] };
  await assertLikeLoops(
    (["batch", "tokens", "queries", "dim"] as const).map((axis) => caseOf({ ...full, [axis]: 0 })),
    5e-6,
  );
});

Deno.test("the op gives what attention gives on heads taken apart, gradients too", STRICT, async () => {
  await withKernels(() => {
    tf.tidy(() => {
      const [batch, tokens, heads, dim] = [3, 17, 4, 16];
      const qkv = () => drawn([batch, tokens, 3 * heads * dim], 1);
      const bias = drawn([heads, tokens, tokens], 2);
      const apart = (x: Tensor, b: Tensor) => {
        const parts = tf.transpose(tf.reshape(x, [batch, tokens, 3, heads, dim]), [2, 0, 3, 1, 4]);
        const [q, k, v] = tf.unstack(parts);
        const y = attention(q, k, v, { bias: b });
        return tf.reshape(tf.transpose(y, [0, 2, 1, 3]), [batch, tokens, heads * dim]);
      };
      const packed = (x: Tensor, b: Tensor) => packedAttention(x, heads, { bias: b });
      assertNear(packed(qkv(), bias).dataSync(), apart(qkv(), bias).dataSync(), 1e-6, "value");
      const [own, other] = [packed, apart].map((f) => gradientsOf(f, [qkv(), bias]));
      own.forEach((grad, i) => {
        assertEquals(grad.shape, other[i].shape);
        assertNear(grad.dataSync(), other[i].dataSync(), 2e-6, `gradient ${i}`);
      });
      const x = qkv();
      gradientsOf((each) => packed(each, bias), [x]);
      assertEquals(x.dataSync(), numbers(x.size, 1));
    });
  });
});

Deno.test("shapes and heads that do not fit are refused in one line", STRICT, async () => {
  await withKernels(() => {
    tf.tidy(() => {
      const qkv = tf.zeros([2, 3, 24]);
      for (const heads of [0, -2, 1.5, 5, 16, NaN]) {
        assertThrows(() => packedAttention(qkv, heads), PolyphaseError, "heads");
      }
      for (const queries of [-1, 1.5, 4]) {
        assertThrows(() => packedAttention(qkv, 2, { queries }), PolyphaseError, "queries");
      }
      assertThrows(() => packedAttention(tf.zeros([3, 24]), 2), PolyphaseError, "[batch, tokens, 3 · embed]");
      assertThrows(() => packedAttention(qkv, 2, { bias: tf.zeros([2, 3, 4]) }), PolyphaseError, "bias");
      assertThrows(() => packedAttention(qkv, 2, { mask: tf.zeros([3, 3]) }), PolyphaseError, "bool");
    });
  });
});
