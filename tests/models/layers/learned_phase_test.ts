/**
 * Mixtures of polyphases, and the learned choice among them: against polyphases that are cut out one by one.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { type BackendName, selectBackend } from "../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../models/backend/tf.ts";
import { circularPad } from "../../../models/layers/circular_pad.ts";
import { conv2d, type Conv2dParams } from "../../../models/layers/conv2d.ts";
import {
  gumbelSoftmax,
  initPhaseLogits,
  likeliestPhase,
  phaseLogits,
} from "../../../models/layers/learned_phase.ts";
import { mixPhases, phaseWeights } from "../../../models/layers/mix_phases.ts";
import type { Stride } from "../../../models/layers/phases.ts";
import { takePhase } from "./polyphase_reference.ts";
import { roll } from "../../../models/backend/ops/roll.ts";
import { unflatten } from "../../../models/params.ts";
import { keyOf } from "../../../pipeline/random.ts";
import { difference, randomMap } from "./padding_maps.ts";

const SHAPE = [3, 4, 6, 2] as const;
const STRIDE: Stride = [2, 3];
const PHASES = 6;

/** Every polyphase, cut out. */
function allPhases(x: Tensor): Tensor[] {
  return Array.from({ length: PHASES }, (_, phase) => {
    const constant = (value: number) => tf.fill([x.shape[0]], value);
    return takePhase(x, { row: constant(Math.floor(phase / 3)), column: constant(phase % 3) }, STRIDE);
  });
}

for (const backend of ["wasm", "cpu"] satisfies BackendName[]) {
  Deno.test(`mixPhases: a weighted sum, and a single polyphase to the bit (${backend})`, async () => {
    await selectBackend(backend);
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const x = randomMap(1, SHAPE);
      const weights = randomMap(2, [SHAPE[0], PHASES]);
      const mixed = (each: Tensor, by: Tensor) =>
        allPhases(each).reduce<Tensor>(
          (sum, phase, index) =>
            tf.add(sum, tf.mul(phase, tf.slice(by, [0, index], [-1, 1]).reshape([SHAPE[0], 1, 1, 1]))),
          tf.zeros([SHAPE[0], 2, 2, 2]),
        );
      assert(difference(mixPhases(x, weights, STRIDE), mixed(x, weights)) < 1e-5);
      const target = randomMap(3, [SHAPE[0], 2, 2, 2]);
      const gradients = [mixed, (each: Tensor, by: Tensor) => mixPhases(each, by, STRIDE)].map((make) =>
        tf.grads((each, by) => tf.sum(tf.mul(target, make(each, by))))([x, weights])
      );
      [0, 1].forEach((input) => assert(difference(gradients[0][input], gradients[1][input]) < 1e-5));
      const choice = { row: tf.tensor1d([0, 1, 1]), column: tf.tensor1d([2, 0, 1]), gap: tf.zeros([3]) };
      const one = mixPhases(x, phaseWeights(choice, STRIDE), STRIDE);
      assertEquals([...one.dataSync()], [...takePhase(x, choice, STRIDE).dataSync()]);
    });
    assertEquals(tf.memory().numTensors, before);
  });

  Deno.test(`phaseLogits: those of polyphases that go through both convolutions, with their gradients (${backend})`, async () => {
    await selectBackend(backend);
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const leaves = initPhaseLogits(keyOf(4), { channels: SHAPE[3], hidden: 5 });
      const x = randomMap(5, SHAPE);
      const target = randomMap(6, [SHAPE[0], PHASES]);
      const slowly = (each: Tensor, tree: Record<string, Conv2dParams>) => {
        const around = (y: Tensor) => circularPad(y, [1, 1, 1, 1]);
        return tf.stack(
          allPhases(each).map((phase) => {
            const features = conv2d(tree.conv1, around(phase), { activation: "relu" });
            return tf.mean(conv2d(tree.conv2, around(features)), [1, 2, 3]);
          }),
          1,
        );
      };
      const loss = (isFast: boolean) => (...inputs: Tensor[]) => {
        const tree = unflatten(inputs.slice(1).map((tensor, index) => [leaves[index][0], tensor] as const));
        const logits = isFast
          ? phaseLogits(tree, inputs[0], STRIDE)
          : slowly(inputs[0], tree as Record<string, Conv2dParams>);
        return tf.sum(tf.mul(target, logits));
      };
      const inputs = [x, ...leaves.map(([, tensor]) => tensor)];
      const [fast, slow] = [true, false].map((isFast) => tf.valueAndGrads(loss(isFast))(inputs));
      assert(difference(fast.value, slow.value) < 1e-5);
      fast.grads.forEach((grad, index) => {
        assertEquals(grad.shape, inputs[index].shape);
        const error = difference(grad, slow.grads[index]);
        assert(error < 1e-5, `${["x", ...leaves.map(([name]) => name)][index]}: ${error}`);
      });
    });
    assertEquals(tf.memory().numTensors, before);
  });
}

Deno.test("phaseLogits: a shift permutes them", async () => {
  await selectBackend("wasm");
  tf.tidy(() => {
    const params = unflatten(initPhaseLogits(keyOf(7), { channels: SHAPE[3], hidden: 4 }));
    const x = randomMap(8, SHAPE);
    const still = phaseLogits(params, x, STRIDE).arraySync() as number[][];
    for (let dy = 0; dy < SHAPE[1]; dy++) {
      for (let dx = 0; dx < SHAPE[2]; dx++) {
        const moved = phaseLogits(params, roll(x, tf.tensor1d([dy]), tf.tensor1d([dx])), STRIDE);
        (moved.arraySync() as number[][]).forEach((logits, b) =>
          logits.forEach((logit, phase) => {
            const from = (Math.floor(phase / 3) + dy) % 2 * 3 + (phase + dx) % 3;
            assertAlmostEquals(logit, still[b][from], 1e-6);
          })
        );
      }
    }
    // Not all alike, or it would say nothing.
    assert(Math.max(...still[0]) - Math.min(...still[0]) > 1e-3);
  });
});

Deno.test("gumbelSoftmax: the greatest weight is each as often as the softmax says; cold mixtures have a single one", async () => {
  await selectBackend("wasm");
  tf.tidy(() => {
    const draws = 20_000;
    const logits = [0.5, -1, 1.5, 0];
    const batch = tf.add(tf.zeros([draws, 4]), tf.tensor1d(logits));
    const weights = gumbelSoftmax(batch, 0.5, keyOf(9));
    assert(difference(tf.sum(weights, 1), tf.ones([draws])) < 1e-5);
    const counts = [0, 0, 0, 0];
    tf.argMax(weights, 1).dataSync().forEach((phase) => counts[phase]++);
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
    counts.forEach((count, phase) => {
      const share = Math.exp(logits[phase]) / total;
      const deviation = Math.sqrt(share * (1 - share) / draws);
      assert(Math.abs(count / draws - share) < 5 * deviation, `${phase}: ${count}`);
    });
    // The temperature changes the mixture, not the order of its weights.
    const cold = gumbelSoftmax(batch, 1e-3, keyOf(9));
    assertEquals([...tf.argMax(cold, 1).dataSync()], [...tf.argMax(weights, 1).dataSync()]);
    assert(tf.mean(tf.max(cold, 1)).dataSync()[0] > 0.99 && tf.mean(tf.max(weights, 1)).dataSync()[0] < 0.95);
    // Without a key there is no chance.
    const plain = gumbelSoftmax(batch, 2, undefined).dataSync().slice(0, 4);
    const halves = logits.map((logit) => Math.exp(logit / 2));
    const sum = halves.reduce((all, each) => all + each);
    plain.forEach((weight, phase) => assertAlmostEquals(weight, halves[phase] / sum, 1e-6));
  });
});

Deno.test("likeliestPhase: the greatest logit, negative ones too; energy settles ties", async () => {
  await selectBackend("wasm");
  tf.tidy(() => {
    // Of the third image, the polyphase that starts at row 1, column 0 has most energy.
    const x = tf.add(tf.ones([3, 2, 2, 1]), tf.tensor4d([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0], [3, 2, 2, 1]));
    const logits = tf.tensor2d([[-3, -1, -2, -9], [40, 41, 40.5, 0], [-2, -5, -2, -2 - 1e-8]]);
    const { row, column, gap } = likeliestPhase(x, logits, [2, 2]);
    assertEquals([[...row.dataSync()], [...column.dataSync()]], [[0, 0, 1], [1, 1, 0]]);
    const gaps = gap.dataSync();
    assertAlmostEquals(gaps[0], 1 - Math.exp(-1), 1e-6);
    assertAlmostEquals(gaps[1], 1 - Math.exp(-0.5), 1e-5);
    assertAlmostEquals(gaps[2], 0, 1e-6);
  });
});
