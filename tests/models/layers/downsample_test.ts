/**
 * Ways to halve a map in a residual block: both paths by one choice, each piece as its paper's code has it.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type BackendName, selectBackend } from "../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../models/backend/tf.ts";
import { basicBlock } from "../../../models/layers/basic_block.ts";
import { blurPool } from "../../../models/layers/blur_pool.ts";
import { bottleneck } from "../../../models/layers/bottleneck.ts";
import { convNorm } from "../../../models/layers/conv_norm.ts";
import {
  downsample,
  downsampleLike,
  downsampleMultiplyAdds,
  type DownsampleRule,
  downsampleSize,
  initDownsample,
} from "../../../models/layers/downsample.ts";
import { polyphaseDownsample, takePhase } from "./polyphase_reference.ts";
import { applyResidualBlock, initResidualBlock } from "../../../models/layers/residual_block.ts";
import { unflatten } from "../../../models/params.ts";
import { keyOf } from "../../../pipeline/random.ts";
import { difference, randomMap } from "./padding_maps.ts";

const RULES: readonly DownsampleRule[] = [
  { kind: "blur", filterSize: 4, padding: "zero" },
  { kind: "aps", filterSize: 1, padding: "circular", p: 2 },
  { kind: "aps", filterSize: 3, padding: "circular", p: 1 },
  { kind: "lps", filterSize: 1, padding: "circular", temperature: 0.7 },
];

for (const backend of ["wasm", "cpu"] satisfies BackendName[]) {
  for (const [name, block] of [["basicBlock", basicBlock], ["bottleneck", bottleneck]] as const) {
    Deno.test(`${name}: with aps it is its parts, the shortcut by the choice of the path (${backend})`, async () => {
      await selectBackend(backend);
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        const rule = { kind: "aps", filterSize: 3, padding: "circular", p: 2 } as const;
        const made = block({ inputs: 3, width: 4, stride: 2, padding: "circular", rule });
        const params = unflatten(initResidualBlock(keyOf(1), made, false));
        const x = randomMap(2, [5, 4, 6, 3]);
        const unit = (index: number, y: Tensor, residual?: Tensor) =>
          convNorm(params, made.path[index], y, { activation: "relu", residual });
        const blurred = (y: Tensor) => blurPool(y, { filterSize: 3, stride: 1, padding: "circular" });
        const last = made.path.length - 1;
        const early = made.path.slice(0, last).reduce((y, _, index) => unit(index, y), x);
        const { output, choice } = polyphaseDownsample(blurred(early), [2, 2]);
        const around = convNorm(params, made.shortcut!, takePhase(blurred(x), choice, [2, 2]), {});
        const expected = unit(last, output, around);
        const actual = applyResidualBlock(params, made, x, {});
        assertEquals(actual.shape, [5, 2, 3, made.outputs]);
        assert(difference(actual, expected) < 1e-5 * tf.max(expected).dataSync()[0]);
        // The images do not all agree, or the choice would not count.
        assert(new Set(choice.row.dataSync()).size + new Set(choice.column.dataSync()).size > 2);
      });
      assertEquals(tf.memory().numTensors, before);
    });
  }

  for (const rule of RULES) {
    Deno.test(`downsample: the gradient is the slope (${rule.kind}, filter ${rule.filterSize}, ${backend})`, async () => {
      await selectBackend(backend);
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        const unit = { rule, channels: 3, stride: 2 };
        const leaves = initDownsample(keyOf(3), unit);
        assertEquals(leaves.length, rule.kind === "lps" ? 4 : 0);
        const [x, other] = [randomMap(4, [3, 4, 6, 3]), randomMap(5, [3, 4, 6, 2])];
        const [target, second] = [randomMap(6, [3, 2, 3, 3]), randomMap(7, [3, 2, 3, 2])];
        const loss = (...inputs: Tensor[]) => {
          const params = unflatten(
            inputs.slice(2).map((tensor, index) => [leaves[index][0], tensor] as const),
          );
          const made = downsample(params, unit, inputs[0], { training: true, key: keyOf(8) });
          const alike = downsampleLike({ ...unit, channels: 2 }, inputs[1], made);
          return tf.add(tf.sum(tf.mul(target, made.output)), tf.sum(tf.mul(second, alike))).asScalar();
        };
        const inputs = [x, other, ...leaves.map(([, tensor]) => tensor)];
        const { grads } = tf.valueAndGrads(loss)(inputs);
        const names = ["x", "other", ...leaves.map(([name]) => name)];
        grads.forEach((grad, index) => {
          const squared = tf.sum(tf.square(grad)).dataSync()[0];
          // A bias that all polyphases share changes none of their shares.
          if (names[index] === "logits.conv2.bias") return assert(squared < 1e-10);
          assert(squared > 1e-6, names[index]);
          const step = 2e-2 / Math.sqrt(squared);
          const moved = (by: number) =>
            loss(...inputs.map((each, at) => at === index ? tf.add(each, tf.mul(grad, by)) : each))
              .dataSync()[0];
          const slope = (moved(step) - moved(-step)) / (2 * step);
          assert(Math.abs(slope / squared - 1) < 0.01, `${names[index]}: ${slope}, ${squared}`);
        });
      });
      assertEquals(tf.memory().numTensors, before);
    });
  }
}

Deno.test("blocks of every kind begin with the same filters; lps has its logits besides", async () => {
  await selectBackend("cpu");
  tf.tidy(() => {
    const leavesOf = (rule: DownsampleRule | undefined) =>
      initResidualBlock(keyOf(1), basicBlock({ inputs: 2, width: 3, stride: 2, rule }), false);
    const plain = leavesOf(undefined);
    for (const rule of RULES) {
      const leaves = leavesOf(rule);
      assertEquals(leaves.slice(0, plain.length).map(([name]) => name), plain.map(([name]) => name));
      plain.forEach(([, tensor], index) =>
        assertEquals([...leaves[index][1].dataSync()], [...tensor.dataSync()])
      );
      assertEquals(
        leaves.slice(plain.length).map(([name, { shape }]) => [name, shape]),
        rule.kind !== "lps" ? [] : [
          ["logits.conv1.weight", [3, 3, 3, 3]],
          ["logits.conv1.bias", [3]],
          ["logits.conv2.weight", [3, 3, 3, 3]],
          ["logits.conv2.bias", [3]],
        ],
      );
      // A block that does not stride has nothing to sample.
      const still = basicBlock({ inputs: 3, width: 3, stride: 1, rule });
      assertEquals(still.sampling, undefined);
    }
  });
});

Deno.test("downsample: sizes and multiply-adds", () => {
  const unit = (rule: DownsampleRule) => ({ rule, channels: 3, stride: 2 });
  assertEquals([5, 6].map((size) => downsampleSize(size, unit(RULES[0]))), [3, 3]);
  assertEquals(RULES.map((rule) => downsampleMultiplyAdds(unit(rule), 4, 6)), [
    16 * 3 * 2 * 3,
    0,
    9 * 3 * 4 * 6,
    24 * 3 * (9 * 3 + 1),
  ]);
  assertEquals(RULES.map((rule) => downsampleMultiplyAdds(unit(rule), 4, 6, true)).at(-1), 0);
  const narrow: DownsampleRule = {
    kind: "lps",
    filterSize: 2,
    padding: "zero",
    temperature: 1,
    logitChannels: 5,
  };
  assertEquals(downsampleMultiplyAdds(unit(narrow), 4, 6), 4 * 3 * 24 + 24 * 5 * (9 * 3 + 1));
});
