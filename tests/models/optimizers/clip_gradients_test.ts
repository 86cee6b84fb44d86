/**
 * Clipping of gradients against PyTorch's rules written out, on every way there is to compute it.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type BackendName, selectBackend } from "../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../models/backend/tf.ts";
import { clipGradients, type ClipRule } from "../../../models/optimizers/clip_gradients.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";

const STRICT = { sanitizeOps: true, sanitizeResources: true };

const WAYS: readonly { readonly way: string; readonly backend: BackendName; readonly kernels: boolean }[] = [
  { way: "wasm, fused", backend: "wasm", kernels: true },
  { way: "wasm, composed", backend: "wasm", kernels: false },
  { way: "cpu", backend: "cpu", kernels: false },
];

/** Clips lists of numbers, and sees that the gradients stay as they are and nothing is left behind. */
function clip(lists: readonly (readonly number[])[], rule: ClipRule): number[][] {
  const before = tf.memory().numTensors;
  const gradients: Tensor[] = lists.map((list) => tf.tensor1d([...list]));
  const clipped = clipGradients(gradients, rule);
  const numbers = clipped.map((each) => [...each.dataSync()]);
  assertEquals(tf.memory().numTensors, before + 2 * lists.length);
  gradients.forEach((each, index) => assertEquals([...each.dataSync()], lists[index].map(Math.fround)));
  tf.dispose([...gradients, ...clipped]);
  assertEquals(tf.memory().numTensors, before);
  return numbers;
}

const norm = (lists: readonly (readonly number[])[]) => Math.hypot(...lists.flat());

for (const { way, backend, kernels } of WAYS) {
  Deno.test(`clipping by norm: all gradients shrink together (${way})`, STRICT, async () => {
    await selectBackend(backend, { kernels });
    const factor = 1 / (13 + 1e-6);
    clip([[3, 4], [12]], { norm: 1 }).flat().forEach((value, at) =>
      assertAlmostEquals(value, [3, 4, 12][at] * factor, 1e-7)
    );
    // Small ones do not grow.
    assertEquals(clip([[3, 4], [12]], { norm: 14 }), [[3, 4], [12]]);
    assertEquals(clip([[0, 0], []], { norm: 1 }), [[0, 0], []]);
    assertEquals(clip([], { norm: 1 }), []);
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.integer({ min: -1000, max: 1000 }), { maxLength: 9 }), { maxLength: 4 }),
        fc.integer({ min: 1, max: 3000 }),
        (lists, limit) => {
          const clipped = clip(lists, { norm: limit });
          const scale = Math.min(1, limit / (norm(lists) + 1e-6));
          assert(norm(clipped) <= limit * (1 + 1e-5));
          clipped.flat().forEach((value, at) =>
            assertAlmostEquals(value, lists.flat()[at] * scale, 1e-6 * (1 + Math.abs(value)))
          );
        },
      ),
      { numRuns: 30 },
    );
  });

  Deno.test(`clipping by value: each number for itself (${way})`, STRICT, async () => {
    await selectBackend(backend, { kernels });
    assertEquals(clip([[-3, -0.5, 0, 0.25, 2], [7]], { value: 0.5 }), [[-0.5, -0.5, 0, 0.25, 0.5], [0.5]]);
    assertEquals(clip([[-3, 2]], { value: 4 }), [[-3, 2]]);
    assertEquals(clip([], { value: 4 }), []);
  });

  Deno.test(
    `clipping: hides no number that is not finite, as PyTorch does not (${way})`,
    STRICT,
    async () => {
      await selectBackend(backend, { kernels });
      assertEquals(clip([[NaN, 1], [2]], { norm: 1 }), [[NaN, NaN], [NaN]]);
      assertEquals(clip([[Infinity, 1], [2]], { norm: 1 }), [[NaN, 0], [0]]);
      assertEquals(clip([[NaN, 3], [Infinity, -Infinity]], { value: 1 }), [[NaN, 1], [1, -1]]);
    },
  );

  Deno.test(`clipping: keeps shapes (${way})`, STRICT, async () => {
    await selectBackend(backend, { kernels });
    const shapes = [[2, 3], [], [1, 2, 2], [4]];
    for (const rule of [{ norm: 0.1 }, { norm: 100 }, { value: 0.1 }]) {
      tf.tidy(() => {
        const gradients = shapes.map((shape) => tf.ones(shape));
        assertEquals(clipGradients(gradients, rule).map(({ shape }) => shape), shapes);
      });
    }
  });
}

Deno.test("clipping: a rule has one positive limit", () => {
  const refused = (rule: ClipRule, seen: string) =>
    assertThrows(
      () => clipGradients([], rule),
      PolyphaseError,
      `clipGradients got ${seen}, expected { norm } or { value } above 0: give one of them`,
    );
  refused({ norm: 0 }, '{"norm":0}');
  refused({ value: -1 }, '{"value":-1}');
  refused({ norm: NaN }, '{"norm":null}');
  refused({ norm: 1, value: 1 }, '{"norm":1,"value":1}');
});
