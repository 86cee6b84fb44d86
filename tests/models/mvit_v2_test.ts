/**
 * MViTv2: the network written out on plain arrays on fixed and adaptive grids, parameter counts, cost, training, and what
 * it refuses.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import {
  mvitV2,
  mvitV2Base,
  mvitV2Micro,
  type MvitV2Options,
  mvitV2Small,
  mvitV2Tiny,
} from "../../models/mvit_v2.ts";
import type { Architecture } from "../../models/model.ts";
import { countParams, disposeParams } from "../../models/params.ts";
import { patches2d } from "../../models/tokenizers/patches.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { keyOf } from "../../pipeline/random.ts";
import { bitsOf } from "../pipeline/fixtures.ts";
import { mvitV2Reference } from "./mvit_v2_reference.ts";
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

const OPTIONS = STAGES satisfies MvitV2Options;

for (const backend of ["cpu", "wasm"] as const) {
  for (
    const [what, size, options] of [
      ["plain", SIZE, {}],
      ["plain, large patches", SIZE, {
        patchSize: 7,
        patchStride: 4,
        patchPadding: 3,
        keyStrides: [4, 2, 1],
      }],
      ["plain, sides that strides do not divide", { ...SIZE, height: 9, width: 11 }, {}],
      ["adaptive", SIZE, { adaptive: true }],
      ["adaptive, large patches", { ...SIZE, height: 16, width: 32 }, {
        adaptive: true,
        patchSize: 7,
        patchStride: 4,
        patchPadding: 3,
        keyStrides: [4, 1, 1],
      }],
      ["a signal, plain", SIGNAL, {}],
      ["a signal, adaptive", SIGNAL, { adaptive: true }],
    ] satisfies [string, ImageSize, MvitV2Options][]
  ) {
    Deno.test(`mvitV2: logits are those of the network written out (${what}, ${backend})`, async () => {
      await selectBackend(backend);
      const all = { ...OPTIONS, ...options };
      const sizes = {
        patchSize: 3,
        patchStride: 2,
        patchPadding: 1,
        queryStrides: [1, 2, 1],
        keyStrides: [2, 1, 1],
        ...all,
      };
      await expectLogitsOf(
        mvitV2(all),
        size,
        (weights, image) => mvitV2Reference(weights, image, sizes, "adaptive" in options),
      );
    });
  }
}

Deno.test("mvitV2: parameters are as many as the layers have; circular positions have other tables", async () => {
  await selectBackend("wasm");
  const small = { height: 32, width: 32, channels: 3 };
  const large = { ...small, height: 224, width: 224 };
  // qkv; three filters and normalizations a head; proj; two normalizations; perceptron; shortcut.
  const block = (from: number, to: number, dim: number, ratio: number) =>
    3 * to * (from + 1) + 3 * (9 * dim + 2 * dim) + to * (to + 1) + 2 * from + 2 * to +
    2 * ratio * to * to + (ratio + 1) * to + (from === to ? 0 : to * (from + 1));
  for (
    const [make, size, embed, heads, depths, patch, ratio, tables] of [
      [mvitV2, small, [64, 128, 192], [1, 2, 3], [1, 2, 3], 3, 4, {
        // A block: twice the longer of queries and keys less 1, or as many as there were before pooling.
        plain: [31, 31, 15, 15, 15, 15],
        circular: [16, 16, 8, 8, 8, 8],
      }],
      [mvitV2Micro, small, [32, 64, 96], [1, 2, 3], [1, 1, 1], 3, 2, {
        plain: [31, 31, 15],
        circular: [16, 16, 8],
      }],
      [
        (options) => mvitV2Tiny({ ...options, embed: [4, 8, 16, 32] }),
        large,
        [4, 8, 16, 32],
        [1, 2, 4, 8],
        [
          1,
          2,
          5,
          2,
        ],
        7,
        4,
        {
          plain: [111, 55, 55, 55, 27, 27, 27, 27, 27, 13],
          circular: [56, 56, 28, 28, 14, 14, 14, 14, 14, 7],
        },
      ],
    ] satisfies [
      (options: MvitV2Options) => Architecture,
      ImageSize,
      number[],
      number[],
      number[],
      number,
      number,
      { plain: number[]; circular: number[] },
    ][]
  ) {
    const dim = embed[0] / heads[0];
    let from = embed[0];
    const blocks = embed.flatMap((to, stage) =>
      Array.from({ length: depths[stage] }, () => {
        const count = block(from, to, dim, ratio);
        from = to;
        return count;
      })
    ).reduce((sum, each) => sum + each, 0);
    const last = embed[embed.length - 1];
    const rest = patch ** 2 * 3 * embed[0] + embed[0] + 2 * last + 10 * last + 10;
    for (const adaptive of [false, true]) {
      const model = builtFor(make({ adaptive }), size, 10);
      const rows = adaptive ? tables.circular : tables.plain;
      const positions = rows.reduce((sum, each) => sum + 2 * each * dim, 0);
      const params = model.init(keyOf(0));
      assertEquals(countParams(params, model), blocks + positions + rest);
      if (make === mvitV2Micro) assert(countParams(params, model) < 300_000);
      if (make === mvitV2) assert(countParams(params, model) > 1e6 && countParams(params, model) < 5e6);
      disposeParams(params);
    }
  }
  const same = builtFor(mvitV2Micro(), small).init(keyOf(7));
  const [again, other] = [7, 8].map((seed) => builtFor(mvitV2Micro(), small).init(keyOf(seed)));
  assertEquals(await bitsOf(again), await bitsOf(same));
  assertNotEquals(await bitsOf(other), await bitsOf(same));
  for (const each of [same, again, other]) disposeParams(each);
});

Deno.test("mvitV2: the small models take 28 and 32 pixels, adaptive ones too; the published take 224", () => {
  for (const make of [mvitV2, mvitV2Micro]) {
    for (const adaptive of [false, true]) {
      for (const side of [28, 32]) builtFor(make({ adaptive }), { height: side, width: side, channels: 1 });
    }
  }
  for (const make of [mvitV2Tiny, mvitV2Small, mvitV2Base]) {
    builtFor(make({ adaptive: true }), { height: 224, width: 224, channels: 3 });
    assertThrows(
      () => builtFor(make({ adaptive: true }), { height: 200, width: 224, channels: 3 }),
      PolyphaseError,
      "mvit-v2 got images of 200×224, expected sides that its adaptive strides divide, multiples of 32: " +
        "make images 192×224",
    );
  }
});

Deno.test("mvitV2: multiplyAdds are those of the products and convolutions that run", async () => {
  for (const adaptive of [false, true]) await expectCost(mvitV2({ ...OPTIONS, adaptive }));
});

Deno.test("mvitV2: collect is handed maps, choices and the code", async () => {
  for (
    const [options, choices] of [
      [{}, []],
      [{ adaptive: true }, [
        "embedding",
        "stages.0.blocks.0.attention.keys",
        "stages.1.blocks.0.attention.queries",
      ]],
    ] satisfies [MvitV2Options, string[]][]
  ) {
    await expectCollected(mvitV2({ ...OPTIONS, ...options }), [
      ["embedding", [3, 4, 6, 8]],
      ["stages.0.blocks.0", [3, 4, 6, 8]],
      ["stages.1.blocks.0", [3, 2, 3, 12]],
      ["stages.1.blocks.1", [3, 2, 3, 12]],
      ["stages.2.blocks.0", [3, 2, 3, 12]],
      ["code", [3, 12]],
    ], choices);
  }
});

Deno.test("mvitV2: training has gradients of all parameters and drops paths by key", async () => {
  for (const adaptive of [false, true]) {
    await expectTraining(mvitV2({ ...OPTIONS, dropPath: 0.5, adaptive }));
  }
});

Deno.test("mvitV2: the configuration builds the same architecture again", () => {
  for (
    const options of [{}, { adaptive: true }, { adaptive: { keys: false }, energy: { p: 3 }, dropPath: 0.1 }]
  ) {
    const { config } = mvitV2(options);
    assertEquals(JSON.parse(JSON.stringify(config)), config);
    assertEquals(mvitV2(JSON.parse(JSON.stringify(config))).config, config);
  }
  assertEquals(mvitV2({ adaptive: { keys: false } }).config.adaptive, {
    embedding: true,
    queries: true,
    keys: false,
    positions: true,
    padding: true,
  });
  for (
    const [{ config }, depths] of [
      [mvitV2Tiny(), [1, 2, 5, 2]],
      [mvitV2Small(), [1, 2, 11, 2]],
      [mvitV2Base(), [2, 3, 16, 3]],
    ] as const
  ) {
    assertEquals([config.embed, config.heads, config.depths], [[96, 192, 384, 768], [1, 2, 4, 8], depths]);
  }
});

Deno.test("mvitV2: what cannot be is refused in one line that says the mend", () => {
  const refused = (options: MvitV2Options, text: string) =>
    assertThrows(() => mvitV2(options), PolyphaseError, text);
  refused({ embed: [64, 128] }, "depths of 3 stages and embed of 2, expected as many of both");
  refused({ queryStrides: [2, 0, 1] }, "0 among queryStrides, expected whole numbers: give 1 or more");
  refused({ patchStride: 1.5 }, "1.5 among patchStride, expected whole numbers: give 1 or more");
  refused({ patchPadding: -1 }, "-1 among patchPadding, expected whole numbers: give 0 or more");
  refused({ patchPadding: 3 }, "padding 3 for windows of 3, expected less padding than window: set it to 1");
  refused(
    { heads: [1, 3, 3] },
    "embed 128 and 3 heads in stage 1, expected heads that divide it: set embed to 129",
  );
  refused({ mlpRatio: -1 }, "mlpRatio -1, expected a number above 0: give 4");
  refused({ energy: { p: 0 } }, "energy.p 0, expected a number above 0: give 2");
  refused({ dropPath: NaN }, "dropPath NaN, expected 0 to 1");
  refused(
    JSON.parse('{ "adaptive": { "windows": true } }'),
    "adaptive.windows true, expected true or false for embedding, queries, keys, positions, padding",
  );
  assertThrows(
    () =>
      mvitV2().build({ grid: patches2d({ size: 2 }).grid({ height: 8, width: 8, channels: 1 }), classes: 2 }),
    PolyphaseError,
    "mvit-v2 got a token grid",
  );
});
