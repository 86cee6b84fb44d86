/**
 * Losses against their closed forms, with their gradients.
 *
 * @module
 */

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import { crossEntropy, l2, type Loss } from "../../models/losses.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { oneHot } from "../../pipeline/evaluate.ts";
import { keyOf, normal } from "../../pipeline/random.ts";

/** The loss of logits `[labels.length, classes]`. */
function lossOf(loss: Loss, logits: readonly number[], labels: readonly number[]): Promise<number> {
  const classes = logits.length / labels.length;
  return lossOfTargets(loss, logits, Array.from(oneHot(Uint8Array.from(labels), classes)), classes);
}

/** The loss of logits and targets `[..., classes]`. */
async function lossOfTargets(
  loss: Loss,
  logits: readonly number[],
  targets: readonly number[],
  classes: number,
): Promise<number> {
  const shape: [number, number] = [logits.length / classes, classes];
  const scalar = tf.tidy(() => loss.apply(tf.tensor2d([...logits], shape), tf.tensor2d([...targets], shape)));
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

  Deno.test(`losses: take targets that are shared between classes, and smooth them (${backend})`, async () => {
    await selectBackend(backend);
    const [logits, targets] = [Array.from(normal(keyOf(3), 8)), [0.3, 0.7, 0, 0, 0.25, 0.25, 0.1, 0.4]];
    const of = (loss: Loss) => lossOfTargets(loss, logits, targets, 4);
    const logSoftmax = logits.map((value, at) => {
      const row = logits.slice(4 * Math.floor(at / 4), 4 * Math.floor(at / 4) + 4);
      return value - Math.log(row.reduce((sum, each) => sum + Math.exp(each), 0));
    });
    for (const labelSmoothing of [0, 0.1, 1]) {
      const expected = logSoftmax.reduce(
        (sum, log, at) => sum - (targets[at] * (1 - labelSmoothing) + labelSmoothing / 4) * log,
        0,
      ) / 2;
      assertAlmostEquals(await of(crossEntropy({ labelSmoothing })), expected, 1e-6);
    }
    const squares = logits.reduce((sum, value, at) => sum + (value - targets[at]) ** 2, 0);
    assertAlmostEquals(await of(l2()), squares / 8, 1e-6);
    // A mixture of two labels costs what the mixture of their losses does.
    const [first, second] = [
      await lossOf(crossEntropy(), logits, [0, 1]),
      await lossOf(crossEntropy(), logits, [3, 1]),
    ];
    const mixed = await lossOfTargets(crossEntropy(), logits, [0.6, 0, 0, 0.4, 0, 1, 0, 0], 4);
    assertAlmostEquals(mixed, 0.6 * first + 0.4 * second, 1e-6);
  });

  Deno.test(`losses: gradients of smoothed and shared targets (${backend})`, async () => {
    await selectBackend(backend);
    const [values, targets] = [Array.from(normal(keyOf(4), 6)), [0.3, 0.7, 0, 0, 0.5, 0.5]];
    const before = tf.memory().numTensors;
    const [x, t] = [tf.tensor2d(values, [2, 3]), tf.tensor2d(targets, [2, 3])];
    const slope = tf.grad((logits: Tensor) =>
      crossEntropy({ labelSmoothing: 0.3 }).apply(logits, t) as Tensor
    )(x);
    (await slope.data()).forEach((value, at) => {
      const row = values.slice(3 * Math.floor(at / 3), 3 * Math.floor(at / 3) + 3);
      const softmax = Math.exp(values[at]) / row.reduce((sum, each) => sum + Math.exp(each), 0);
      assertAlmostEquals(value, (softmax - (0.7 * targets[at] + 0.1)) / 2, 1e-6);
    });
    tf.dispose([x, t, slope]);
    assertEquals(tf.memory().numTensors, before);
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
  // Smoothing is in the configuration only if there is some: runs from before it could be set keep their ids.
  assertEquals(crossEntropy({ labelSmoothing: 0 }).config, { name: "cross-entropy" });
  assertEquals(crossEntropy({ labelSmoothing: 0.1 }).config, { name: "cross-entropy", labelSmoothing: 0.1 });
  for (const labelSmoothing of [-0.1, 1.1, NaN]) {
    assertThrows(
      () => crossEntropy({ labelSmoothing }),
      PolyphaseError,
      `labelSmoothing is ${labelSmoothing}, expected`,
    );
  }
  assertEquals([l2().name, l2().config], ["l2", { name: "l2" }]);
});
