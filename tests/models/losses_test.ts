/**
 * Losses against their closed forms, with their gradients.
 *
 * @module
 */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import { crossEntropy, l2, type Loss } from "../../models/losses.ts";
import { oneHot } from "../../pipeline/evaluate.ts";
import { keyOf, normal } from "../../pipeline/random.ts";

/** The loss of logits `[labels.length, classes]`. */
async function lossOf(loss: Loss, logits: readonly number[], labels: readonly number[]): Promise<number> {
  const classes = logits.length / labels.length;
  const scalar = tf.tidy(() =>
    loss.apply(
      tf.tensor2d([...logits], [labels.length, classes]),
      tf.tensor2d(oneHot(Uint8Array.from(labels), classes), [labels.length, classes]),
    )
  );
  assertEquals(scalar.shape, []);
  const [value] = await scalar.data();
  scalar.dispose();
  return value;
}

for (const backend of ["cpu", "wasm"] as const) {
  Deno.test(`cross-entropy: minus the log of the softmax at the label, as a mean over the batch (${backend})`, async () => {
    await selectBackend(backend);
    assertAlmostEquals(await lossOf(crossEntropy(), new Array(10).fill(3), [4]), Math.log(10), 1e-6);
    assertAlmostEquals(await lossOf(crossEntropy(), [0, Math.log(3)], [1]), Math.log(4 / 3), 1e-6);
    assertAlmostEquals(
      await lossOf(crossEntropy(), [0, Math.log(3), 0, Math.log(3)], [1, 0]),
      (Math.log(4 / 3) + Math.log(4)) / 2,
      1e-6,
    );
    // Large logits must not overflow.
    assertAlmostEquals(await lossOf(crossEntropy(), [1000, 0, -1000], [0]), 0, 1e-6);
    assertAlmostEquals(await lossOf(crossEntropy(), [1000, 0, -1000], [1]), 1000, 1e-3);
    const logits = Array.from(normal(keyOf(1), 28));
    const labels = [0, 6, 3, 2];
    const expected = labels.reduce((sum, label, row) => {
      const values = logits.slice(row * 7, row * 7 + 7);
      return sum + Math.log(values.reduce((total, value) => total + Math.exp(value), 0)) - values[label];
    }, 0) / 4;
    assertAlmostEquals(await lossOf(crossEntropy(), logits, labels), expected, 1e-6);
  });

  Deno.test(`l2: mean of squared differences over batch and classes (${backend})`, async () => {
    await selectBackend(backend);
    // The anchors of ten classes: an output of zeros, and the best constant.
    assertAlmostEquals(await lossOf(l2(), new Array(20).fill(0), [3, 9]), 0.1, 1e-7);
    assertAlmostEquals(await lossOf(l2(), new Array(20).fill(0.1), [3, 9]), 0.09, 1e-7);
    assertAlmostEquals(await lossOf(l2(), [1, 0, 0, 1], [0, 1]), 0, 0);
    assertAlmostEquals(await lossOf(l2(), [3, 0, 0, 1], [0, 1]), 1, 1e-7);
  });

  Deno.test(`losses: gradients are the closed forms (${backend})`, async () => {
    await selectBackend(backend);
    const values = Array.from(normal(keyOf(2), 12));
    const labels = Array.from(oneHot(Uint8Array.from([2, 0, 3]), 4));
    const gradient = async (loss: Loss) => {
      const [x, y] = [tf.tensor2d(values, [3, 4]), tf.tensor2d(labels, [3, 4])];
      const slope = tf.grad((logits: Tensor) => loss.apply(logits, y) as Tensor)(x);
      const numbers = Array.from(await slope.data());
      tf.dispose([x, y, slope]);
      return numbers;
    };
    (await gradient(crossEntropy())).forEach((slope, place) => {
      const row = values.slice(Math.floor(place / 4) * 4, Math.floor(place / 4) * 4 + 4);
      const sum = row.reduce((total, value) => total + Math.exp(value), 0);
      assertAlmostEquals(slope, (Math.exp(values[place]) / sum - labels[place]) / 3, 1e-6);
    });
    (await gradient(l2())).forEach((slope, place) =>
      assertAlmostEquals(slope, 2 * (values[place] - labels[place]) / 12, 1e-6)
    );
  });
}

Deno.test("losses: names and configurations", () => {
  assertEquals([crossEntropy().name, crossEntropy().config], ["cross-entropy", { name: "cross-entropy" }]);
  assertEquals([l2().name, l2().config], ["l2", { name: "l2" }]);
});
