/**
 * Masks of dropout against the generator that they come from.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { dropout } from "../../../../models/backend/ops/dropout.ts";
import { runFused } from "../../../../models/backend/ops/fused_kernels.ts";
import { tf } from "../../../../models/backend/tf.ts";
import { foldIn, type Key, keyOf, uniform } from "../../../../pipeline/random.ts";
import { STRICT, withKernels } from "./reference.ts";

/** The mask by the contract. */
function maskOf(count: number, rate: number, key: Key): Float32Array {
  return uniform(key, count).map((draw) => draw < rate ? 0 : 1 / (1 - rate));
}

Deno.test("the same bits as the generator, for any count, rate and key", STRICT, async () => {
  await withKernels(() => {
    const keys: Key[] = [keyOf(0), keyOf(4294967295), foldIn(keyOf(7), "dropout"), [0x80000000, 0xdeadbeef]];
    for (const key of keys) {
      for (const shape of [[], [0], [1], [2], [3], [5, 7], [4, 3, 100]]) {
        for (const rate of [0.1, 0.25, 0.5, 1 / 3, 0.999, 2 ** -23, 1e-9]) {
          const mask = runFused("PolyphaseDropoutMask", {}, { shape, rate, key })[0];
          assertEquals(mask.shape, shape);
          assertEquals(mask.dataSync(), maskOf(mask.size, rate, key), `${shape} at ${rate} of ${key}`);
          mask.dispose();
        }
      }
    }
  });
});

Deno.test("a draw that equals the rate is kept", STRICT, async () => {
  await withKernels(() => {
    const key = keyOf(3);
    const draws = uniform(key, 50);
    const mask = runFused("PolyphaseDropoutMask", {}, { shape: [50], rate: draws[20], key })[0];
    assertEquals(mask.dataSync(), maskOf(50, draws[20], key));
    assertEquals(mask.dataSync()[20] > 0, true);
    mask.dispose();
  });
});

Deno.test("the op drops by the kernel", STRICT, async () => {
  await withKernels(() => {
    tf.tidy(() => {
      const y = dropout(tf.ones([6, 11]), 0.3, keyOf(5));
      assertEquals(y.dataSync(), maskOf(66, 0.3, keyOf(5)));
    });
  });
});
