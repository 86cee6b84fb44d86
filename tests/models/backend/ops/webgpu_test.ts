/**
 * The ops on the GPU give what they give on the CPU, in both forms. Without a GPU these tests are ignored.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { selectBackend } from "../../../../models/backend/select.ts";
import { tf } from "../../../../models/backend/tf.ts";
import { keyOf } from "../../../../pipeline/random.ts";
import { opCases } from "./cases.ts";
import { assertSame, drawInputs, type Result, sizeOf, valueAndGrads } from "./support.ts";

const hasAdapter = await navigator.gpu?.requestAdapter() != null;

for (const { name, drawn } of opCases) {
  Deno.test({
    name: `webgpu: ${name} is that of the CPU, with its gradients (needs a GPU)`,
    ignore: !hasAdapter,
    async fn() {
      const cases = fc.sample(drawn.filter(({ shapes }) => shapes.every((shape) => sizeOf(shape) > 0)), {
        numRuns: 5,
        seed: 9,
      });
      await selectBackend("cpu");
      const expected: Result[] = [];
      for (const each of cases) {
        expected.push(await valueAndGrads(each, drawInputs(each.shapes, keyOf(1)), false));
      }
      await selectBackend("webgpu");
      const before = tf.memory().numTensors;
      for (const [index, each] of cases.entries()) {
        for (const exact of [false, true]) {
          const result = await valueAndGrads(each, drawInputs(each.shapes, keyOf(1)), exact);
          assertSame(result, expected[index], 2e-5, `${each.label}, exact ${exact}`);
        }
      }
      assertEquals(tf.memory().numTensors, before);
    },
  });
}
