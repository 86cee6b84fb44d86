/**
 * Residual networks: how many parameters they have and how they start, and what they cost.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { tf } from "../../models/backend/tf.ts";
import type { Architecture, Model, TorchEntry } from "../../models/model.ts";
import { countParams, disposeParams, flatten } from "../../models/params.ts";
import { resnet, resnet18, resnet34, resnet50 } from "../../models/resnet.ts";
import { pixels } from "../../models/tokenizers/patches.ts";
import { keyOf } from "../../pipeline/random.ts";

function built(architecture: Architecture, size = 28, channels = 3, classes = 10): Model {
  return architecture.build({ grid: pixels().grid({ height: size, width: size, channels }), classes });
}

function sizeOf({ shape }: TorchEntry): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Numbers of the trained weights that the layout names. */
function countEntries({ torch, isBuffer }: Model): number {
  return torch!.torchvision.filter(({ name }) => !isBuffer!(name))
    .reduce((sum, entry) => sum + sizeOf(entry), 0);
}

Deno.test("resnet18 with a code of 128 has torchvision's 11,243,466 trained parameters, and 9,600 running statistics", async () => {
  await selectBackend("wasm");
  const before = tf.memory().numTensors;
  const model = built(resnet18({ code: 128 }));
  const params = model.init(keyOf(0));
  assertEquals(countParams(params, model), 11_243_466);
  assertEquals(countParams(params) - countParams(params, model), 9_600);
  assertEquals(countEntries(model), 11_243_466);
  assertEquals(
    model.torch!.torchvision.map(({ name }) => name).sort(),
    flatten(params).map(([name]) => name).sort(),
  );
  // He's initialization: normal, with variance 2 / (9 · 512) for 512 filters of 3×3.
  const values = await new Map(flatten(params)).get("layer4.1.conv2.weight")!.data<"float32">();
  const moment = (power: number) => values.reduce((sum, value) => sum + value ** power, 0) / values.length;
  const variance = 2 / (9 * 512);
  assert(Math.abs(moment(1)) < 5 * Math.sqrt(variance / values.length));
  assert(Math.abs(moment(2) / variance - 1) < 0.01);
  assert(Math.abs(moment(4) / (3 * variance ** 2) - 1) < 0.03);
  disposeParams(params);
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("the layers of every depth add up", () => {
  const sum = (counts: readonly number[], each: (stage: number, index: number) => number) =>
    counts.reduce((all, count, stage) => {
      for (let index = 0; index < count; index++) all += each(stage, index);
      return all;
    }, 0);
  const stem = 3 * 49 * 64 + 2 * 64;
  const basic = (counts: readonly number[]) =>
    sum(counts, (stage, index) => {
      const [width, inputs] = [64 * 2 ** stage, index === 0 && stage > 0 ? 32 * 2 ** stage : 64 * 2 ** stage];
      return 9 * inputs * width + 9 * width ** 2 + 4 * width +
        (inputs === width ? 0 : inputs * width + 2 * width);
    });
  const wide = (counts: readonly number[]) =>
    sum(counts, (stage, index) => {
      const width = 64 * 2 ** stage;
      const inputs = index > 0 ? 4 * width : stage === 0 ? 64 : 2 * width;
      return inputs * width + 9 * width ** 2 + 4 * width ** 2 + 2 * (width + width + 4 * width) +
        (index === 0 ? inputs * 4 * width + 2 * 4 * width : 0);
    });
  const head = (features: number) => features * 10 + 10;
  const counts: [Architecture, number][] = [
    [resnet18(), stem + basic([2, 2, 2, 2]) + head(512)],
    [resnet34(), stem + basic([3, 4, 6, 3]) + head(512)],
    [resnet50(), stem + wide([3, 4, 6, 3]) + head(2048)],
    [resnet({ depth: 101 }), stem + wide([3, 4, 23, 3]) + head(2048)],
    [resnet({ depth: 152 }), stem + wide([3, 8, 36, 3]) + head(2048)],
  ];
  for (const [architecture, count] of counts) assertEquals(countEntries(built(architecture)), count);
  // One filter of 3 · 3 · 1 instead of 7 · 7 · 3 for each of 64 channels.
  assertEquals(
    countEntries(built(resnet18({ stem: "cifar" }), 28, 1)),
    countEntries(built(resnet18())) - 64 * (147 - 9),
  );
});

Deno.test("multiply-adds are those of every convolution and product", () => {
  // 28 → 14 → 7 pixels, and 7, 4, 2 and 1 in the stages.
  const stage = (pixels: number, inputs: number, width: number) =>
    pixels * (9 * inputs * width + 3 * 9 * width ** 2 + (inputs === width ? 0 : inputs * width));
  const convolutions = 196 * 147 * 64 + stage(49, 64, 64) + stage(16, 64, 128) + stage(4, 128, 256) +
    stage(1, 256, 512);
  assertEquals(built(resnet18()).multiplyAdds, convolutions + 512 * 10);
  assertEquals(built(resnet18({ code: 128 })).multiplyAdds, convolutions + 512 * 128 + 128 * 10);
  // The first 1×1 convolution of a bottleneck that strides sees the larger image.
  const first = 64 * 64 + 9 * 64 ** 2 + 64 * 256 + 64 * 256;
  const rest = 256 * 64 + 9 * 64 ** 2 + 64 * 256;
  assertEquals(
    built(resnet({ depth: 50, stem: "cifar" }), 8, 1).multiplyAdds,
    64 * 9 * 64 + 64 * (first + 2 * rest) + 2048 * 10 +
      [[128, 64, 4], [256, 16, 6], [512, 4, 3]].reduce((sum, [width, pixels, count]) => {
        const after = pixels / 4;
        const striding = pixels * 2 * width * width +
          after * (9 * width ** 2 + 4 * width ** 2 + 8 * width ** 2);
        return sum + striding + (count - 1) * after * (4 * width ** 2 + 9 * width ** 2 + 4 * width ** 2);
      }, 0),
  );
});
