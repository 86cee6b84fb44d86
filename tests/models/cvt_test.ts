/**
 * CvT: the network written out on plain arrays on fixed and adaptive grids, parameter counts, cost, training, and what it
 * refuses.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { cvt, cvt13, cvt21, cvtMicro, type CvtOptions } from "../../models/cvt.ts";
import type { Architecture } from "../../models/model.ts";
import { countParams, disposeParams, flatten } from "../../models/params.ts";
import { patches2d } from "../../models/tokenizers/patches.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { keyOf } from "../../pipeline/random.ts";
import { bitsOf } from "../pipeline/fixtures.ts";
import { cvtReference } from "./cvt_reference.ts";
import { builtFor, type ImageSize } from "./shifted_maps.ts";
import {
  expectCollected,
  expectCost,
  expectLogitsOf,
  expectTraining,
  SIGNAL,
  SIZE,
  STAGES,
} from "./stage_models.ts";

const OPTIONS = STAGES satisfies CvtOptions;

for (const backend of ["cpu", "wasm"] as const) {
  for (
    const [what, size, options] of [
      ["plain, class token", SIZE, {}],
      ["plain, mean, large windows", SIZE, {
        pooling: "mean",
        kernelSizes: [7, 3, 3],
        strides: [4, 2, 1],
        paddings: [2, 1, 1],
      }],
      ["plain, sides that strides do not divide", { ...SIZE, height: 9, width: 11 }, {}],
      ["adaptive", SIZE, { adaptive: true }],
      ["adaptive, class token, large windows", SIZE, {
        adaptive: true,
        pooling: "token",
        kernelSizes: [7, 3, 3],
        strides: [4, 1, 1],
        paddings: [2, 1, 1],
        keyStrides: [1, 1, 1],
      }],
      ["a signal, plain", SIGNAL, {}],
      ["a signal, adaptive", SIGNAL, { adaptive: true }],
    ] satisfies [string, ImageSize, CvtOptions][]
  ) {
    Deno.test(`cvt: logits are those of the network written out (${what}, ${backend})`, async () => {
      await selectBackend(backend);
      const all = { ...OPTIONS, ...options };
      const sizes = {
        kernelSizes: [3, 3, 3],
        strides: [2, 2, 1],
        paddings: [1, 1, 1],
        keyStrides: [2, 1, 1],
        ...all,
      };
      await expectLogitsOf(
        cvt(all),
        size,
        (weights, image) => cvtReference(weights, image, sizes, "adaptive" in options),
      );
    });
  }
}

Deno.test("cvt: parameters are as many as the layers have, and the adaptive twin has the same", async () => {
  await selectBackend("wasm");
  const size = { height: 32, width: 32, channels: 3 };
  // Filters of q, k, v; batch norms; four linear maps; two normalizations; perceptron.
  const block = (d: number, ratio: number) =>
    3 * (9 * d + 2 * d) + 4 * (d * d + d) + 4 * d + 2 * ratio * d * d + (ratio + 1) * d;
  const embedding = (kernel: number, from: number, to: number) => kernel ** 2 * from * to + 3 * to;
  for (
    const [make, embed, depths, kernels, ratio] of [
      [cvt, [64, 128, 192], [1, 2, 4], [3, 3, 3], 4],
      [cvtMicro, [32, 64, 96], [1, 1, 1], [3, 3, 3], 2],
      // An eighth as wide: random numbers for all weights of the published sizes take long.
      [(options) => cvt13({ ...options, embed: [8, 24, 48] }), [8, 24, 48], [1, 2, 10], [7, 3, 3], 4],
      [(options) => cvt21({ ...options, embed: [8, 24, 48] }), [8, 24, 48], [1, 4, 16], [7, 3, 3], 4],
    ] satisfies [(options: CvtOptions) => Architecture, number[], number[], number[], number][]
  ) {
    const last = embed[embed.length - 1];
    const stages = embed.reduce(
      (sum, d, stage) =>
        sum + embedding(kernels[stage], stage === 0 ? 3 : embed[stage - 1], d) +
        depths[stage] * block(d, ratio),
      0,
    );
    const expected = stages + last + 2 * last + 10 * last + 10;
    for (const adaptive of [false, true]) {
      const model = builtFor(make({ adaptive }), adaptive ? { ...size, height: 64, width: 64 } : size, 10);
      const params = model.init(keyOf(0));
      assertEquals(countParams(params, model), adaptive ? expected - last : expected);
      const buffers = flatten(params).filter(([name]) => model.isBuffer!(name));
      assertEquals(buffers.length, 3 * 2 * depths.reduce((sum, each) => sum + each, 0));
      if (make === cvtMicro) assert(countParams(params, model) < 300_000);
      if (make === cvt) assert(countParams(params, model) > 1e6 && countParams(params, model) < 5e6);
      disposeParams(params);
    }
  }
  const same = builtFor(cvtMicro(), size).init(keyOf(7));
  const [again, other] = [
    builtFor(cvtMicro(), size).init(keyOf(7)),
    builtFor(cvtMicro(), size).init(keyOf(8)),
  ];
  assertEquals(await bitsOf(again), await bitsOf(same));
  assertNotEquals(await bitsOf(other), await bitsOf(same));
  for (const each of [same, again, other]) disposeParams(each);
});

Deno.test("cvt: the small models take 28 and 32 pixels, adaptive ones too; the published take 224", () => {
  for (const make of [cvt, cvtMicro]) {
    for (const adaptive of [false, true]) {
      for (const side of [28, 32]) builtFor(make({ adaptive }), { height: side, width: side, channels: 1 });
    }
  }
  for (const make of [cvt13, cvt21]) {
    builtFor(make({ adaptive: true }), { height: 224, width: 224, channels: 3 });
    assertThrows(
      () => builtFor(make({ adaptive: true }), { height: 200, width: 224, channels: 3 }),
      PolyphaseError,
      "cvt got images of 200×224, expected sides that its adaptive strides divide, multiples of 32: make images 192×224",
    );
  }
});

Deno.test("cvt: multiplyAdds are those of the products and convolutions that run", async () => {
  for (const options of [{}, { pooling: "mean" }, { adaptive: true }] satisfies CvtOptions[]) {
    await expectCost(cvt({ ...OPTIONS, ...options }));
  }
});

Deno.test("cvt: collect is handed maps, choices and the code", async () => {
  for (
    const [options, choices] of [
      [{ pooling: "token" }, []],
      [{ adaptive: true }, ["stages.0.embedding", "stages.0.blocks.0.attention.keys", "stages.1.embedding"]],
    ] satisfies [CvtOptions, string[]][]
  ) {
    await expectCollected(cvt({ ...OPTIONS, ...options }), [
      ["stages.0.embedding", [3, 4, 6, 8]],
      ["stages.0.blocks.0", [3, 4, 6, 8]],
      ["stages.1.embedding", [3, 2, 3, 12]],
      ["stages.1.blocks.0", [3, 2, 3, 12]],
      ["stages.1.blocks.1", [3, 2, 3, 12]],
      ["stages.2.embedding", [3, 2, 3, 12]],
      ["stages.2.blocks.0", [3, 2, 3, 12]],
      ["code", [3, 12]],
    ], choices);
  }
});

Deno.test("cvt: training has gradients of all parameters, new running statistics, and drops paths by key", async () => {
  for (const adaptive of [false, true]) {
    await expectTraining(cvt({ ...OPTIONS, pooling: "mean", dropPath: 0.5, adaptive }));
  }
});

Deno.test("cvt: the configuration builds the same architecture again", () => {
  for (
    const options of [{}, { adaptive: true }, { adaptive: { keys: false }, energy: { p: 3 }, dropPath: 0.1 }]
  ) {
    const { config } = cvt(options);
    assertEquals(JSON.parse(JSON.stringify(config)), config);
    assertEquals(cvt(JSON.parse(JSON.stringify(config))).config, config);
  }
  assertEquals(cvt().config.pooling, "token");
  assertEquals(cvt({ adaptive: true }).config.pooling, "mean");
  assertEquals(cvt({ adaptive: { keys: false } }).config.adaptive, {
    embedding: true,
    keys: false,
    padding: true,
  });
  for (const [{ config }, depths] of [[cvt13(), [1, 2, 10]], [cvt21(), [1, 4, 16]]] as const) {
    assertEquals([config.embed, config.heads, config.depths], [[64, 192, 384], [1, 3, 6], depths]);
  }
});

Deno.test("cvt: what cannot be is refused in one line that says the mend", () => {
  const refused = (options: CvtOptions, text: string) =>
    assertThrows(() => cvt(options), PolyphaseError, text);
  refused({ embed: [64, 128] }, "depths of 3 stages and embed of 2, expected as many of both");
  refused({ embed: [], depths: [], heads: [] }, "embed of 0 stages");
  refused({ strides: [2, 0, 1] }, "0 among strides, expected whole numbers: give 1 or more");
  refused({ paddings: [1, -1, 1] }, "-1 among paddings, expected whole numbers: give 0 or more");
  refused(
    { paddings: [1, 3, 1] },
    "padding 3 for windows of 3, expected less padding than window: set it to 1",
  );
  refused(
    { heads: [1, 3, 3] },
    "embed 128 and 3 heads in stage 1, expected heads that divide it: set embed to 129",
  );
  refused({ mlpRatio: 0 }, "mlpRatio 0, expected a number above 0: give 4");
  refused({ energy: { p: NaN } }, "energy.p NaN, expected a number above 0: give 2");
  refused({ dropPath: 1.5 }, "dropPath 1.5, expected 0 to 1");
  refused(JSON.parse('{ "pooling": "max" }'), 'pooling "max", expected token or mean');
  refused(
    JSON.parse('{ "adaptive": { "windows": true } }'),
    "adaptive.windows true, expected true or false for embedding, keys, padding: name one of these",
  );
  refused(JSON.parse('{ "adaptive": { "keys": 1 } }'), "adaptive.keys 1, expected true or false");
  assertThrows(
    () =>
      cvt().build({ grid: patches2d({ size: 2 }).grid({ height: 8, width: 8, channels: 1 }), classes: 2 }),
    PolyphaseError,
    "cvt got a token grid",
  );
});
