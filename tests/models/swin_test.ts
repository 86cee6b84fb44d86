/**
 * Swin and Swin V2: logits against plain loops, sizes and costs by formula, second derivatives, and what they show. How
 * they take shifts is tested beside.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import type { Model } from "../../models/model.ts";
import { countParams, disposeParams, flatten, unflatten } from "../../models/params.ts";
import { encodeSafetensors } from "../../models/safetensors.ts";
import { swin, type SwinOptions } from "../../models/swin.ts";
import {
  swinBase,
  swinMini,
  swinNano,
  swinSmall,
  swinTiny,
  swinV2Mini,
  swinV2Nano,
  swinV2Tiny,
} from "../../models/swin_presets.ts";
import { patches1d, patches2d } from "../../models/tokenizers/patches.ts";
import { loadTorch, saveTorch } from "../../models/torch_weights.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { keyOf, normal } from "../../pipeline/random.ts";
import { relativeError } from "../golden.ts";
import { drawn, GRID, MEMBERS, NAMES, SMALL } from "./swin_drawn.ts";
import { drawState, referenceLogits } from "./swin_reference.ts";

for (const name of NAMES) {
  for (const backend of ["cpu", "wasm"] as const) {
    Deno.test(`${name}: plain logits are those of plain loops on PyTorch's weights (${backend})`, async () => {
      await selectBackend(backend);
      const before = tf.memory().numTensors;
      const model = MEMBERS[name](SMALL).build({ grid: GRID, classes: 3 });
      const state = drawState(keyOf(11), model.torch!.timm);
      const bytes = encodeSafetensors({
        arrays: Array.from(
          state,
          ([name, { shape, data }]) => ({ name, shape, data: Float32Array.from(data) }),
        ),
        metadata: {},
      });
      const params = loadTorch(model, bytes, "drawn");
      const values = normal(keyOf(12), 2 * 64 * 3);
      const logits = tf.tidy(() => model.apply(params, tf.tensor3d(values, [2, 64, 3])));
      const reference = {
        version: name === "swin" ? 1 : 2,
        depths: SMALL.depths!,
        heads: SMALL.heads!,
        window: 4,
      } as const;
      const expected = [0, 1].flatMap((image) => {
        const pixel = (row: number, column: number) =>
          [0, 1, 2].map((channel) => values[((image * 8 + row) * 8 + column) * 3 + channel]);
        const map = Array.from(
          { length: 8 },
          (_, row) => Array.from({ length: 8 }, (_, column) => pixel(row, column)),
        );
        return referenceLogits(state, reference, map);
      });
      const error = relativeError(await logits.data(), expected);
      assert(error < 2e-5, `${error}`);
      // Written again, the weights are what they were, to the bit.
      assertEquals(
        flatten(loadTorch(model, await saveTorch(model, params), "again")).map(([name, tensor]) => {
          const values = tensor.dataSync();
          tensor.dispose();
          return [name, values];
        }),
        flatten(params).map(([name, tensor]) => [name, tensor.dataSync()]),
      );
      logits.dispose();
      disposeParams(params);
      assertEquals(tf.memory().numTensors, before);
    });
  }

  Deno.test(`${name}: second derivatives are right`, async () => {
    await selectBackend("wasm");
    const model = MEMBERS[name]({ ...SMALL, depths: [2, 1, 1], adaptive: true }).build({
      grid: GRID,
      classes: 2,
    });
    const params = drawn(model, 4);
    const leaves = flatten(params);
    const at = leaves.findIndex(([leaf]) => leaf === "stages.0.blocks.0.attention.qkv.weight");
    const tokens = tf.tensor3d(normal(keyOf(2), 2 * 64 * 3), [2, 64, 3]);
    const loss = (weight: Tensor) =>
      tf.sum(tf.square(model.apply(
        unflatten(leaves.map(([leaf, tensor], index) => [leaf, index === at ? weight : tensor])),
        tokens,
      )));
    const weight = leaves[at][1];
    const along = tf.tensor(normal(keyOf(7), weight.size), weight.shape);
    const [product, estimate] = tf.tidy(() => {
      const slope = tf.grad(loss);
      const by = (step: number) => slope(tf.add(weight, tf.mul(along, step)));
      return [
        tf.grad((each: Tensor) => tf.sum(tf.mul(slope(each), along)))(weight),
        tf.div(tf.sub(by(2e-3), by(-2e-3)), 4e-3),
      ];
    });
    const error = relativeError(await product.data(), await estimate.data());
    assert(error < 2e-2, `${error}`);
    tf.dispose([product, estimate, along, tokens]);
    disposeParams(params);
  });
}

/** Parameters by formula. */
function countBy(
  version: 1 | 2,
  { embed: E, depths, heads }: { embed: number; depths: readonly number[]; heads: readonly number[] },
  patch: number,
  classes: number,
  /** Rows of the table of positions of each stage. */
  entries: readonly number[],
): number {
  let total = patch * E + E + 2 * E;
  depths.forEach((depth, stage) => {
    const C = E * 2 ** stage;
    const positions = version === 1 ? entries[stage] * heads[stage] : 512 * 3 + 512 * heads[stage];
    const offsets = version === 1 ? 3 * C : 2 * C + heads[stage];
    total += depth * (4 * C + 4 * C * C + offsets + C + positions + 8 * C * C + 5 * C);
    if (stage > 0) total += 2 * C * C + (version === 1 ? 4 * C : 2 * C);
  });
  const last = E * 2 ** (depths.length - 1);
  return total + 2 * last + last * classes + classes;
}

Deno.test("swin: has as many parameters as the formula of its parts says", async () => {
  await selectBackend("wasm");
  const tiny = { embed: 96, depths: [2, 2, 6, 2], heads: [3, 6, 12, 24] };
  const small = { ...tiny, depths: [2, 2, 18, 2] };
  const base = { embed: 128, depths: [2, 2, 18, 2], heads: [4, 8, 16, 32] };
  const mini = { embed: 96, depths: [2, 2], heads: [3, 6] };
  const nano = { embed: 40, depths: [2, 2], heads: [2, 4] };
  const cases = [
    [swinTiny(), tiny, 1, 224, 4, [169, 169, 169, 169]],
    [swinTiny({ adaptive: true }), tiny, 1, 224, 4, [169, 169, 169, 49]],
    [swinSmall(), small, 1, 224, 4, [169, 169, 169, 169]],
    [swinBase(), base, 1, 224, 4, [169, 169, 169, 169]],
    [swinV2Tiny(), tiny, 2, 256, 4, []],
    [swinMini(), mini, 1, 28, 2, [169, 169]],
    [swinMini({ adaptive: true, image: 32 }), mini, 1, 32, 2, [225, 64]],
    [swinNano({ adaptive: true }), nano, 1, 28, 2, [169, 49]],
    [swinV2Mini({ adaptive: true }), mini, 2, 28, 2, []],
    [swinV2Nano({ image: 32 }), nano, 2, 32, 2, []],
  ] as const;
  for (const [architecture, sizes, version, image, patch, entries] of cases) {
    const grid = patches2d({ size: patch }).grid({ height: image, width: image, channels: 3 });
    const model = architecture.build({ grid, classes: 10 });
    const expected = countBy(version, sizes, patch * patch * 3, 10, entries);
    const ofLayout = model.torch!.timm.map(({ shape }) => shape.reduce((a, b) => a * b, 1));
    assertEquals(ofLayout.reduce((a, b) => a + b, 0), expected);
    if (image > 32) continue;
    const params = model.init(keyOf(0));
    assertEquals(countParams(params, model), expected);
    assert(sizes === mini ? expected > 1e6 && expected < 5e6 : expected < 3e5);
    disposeParams(params);
  }
});

Deno.test("swin: multiplyAdds are those of the products that run", async () => {
  await selectBackend("cpu");
  for (const adaptive of [false, true]) {
    const model = swin({ ...SMALL, adaptive }).build({ grid: GRID, classes: 5 });
    const params = model.init(keyOf(0));
    const tokens = tf.zeros([1, 64, 3]);
    const { kernels } = await tf.profile(() => tf.tidy(() => model.apply(params, tokens)));
    const seen = kernels.filter(({ name }) => name === "BatchMatMul").map(({ inputShapes, outputShapes }) => {
      const [left, out] = [inputShapes[0]!, outputShapes[0]];
      return left.at(-1)! * out.reduce((a, b) => a * b, 1);
    });
    assertEquals(seen.reduce((a, b) => a + b, 0), model.multiplyAdds);
    tokens.dispose();
    disposeParams(params);
  }
});

Deno.test("swin: shows maps, choices and gaps under the names of their parts", async () => {
  await selectBackend("wasm");
  for (const name of NAMES) {
    const model = MEMBERS[name]({ ...SMALL, adaptive: true }).build({ grid: GRID, classes: 5 });
    const params = drawn(model, 8);
    const seen = new Map<string, Tensor>();
    const [logits, fromCode] = tf.tidy(() => {
      const tokens = tf.tensor3d(normal(keyOf(9), 3 * 64 * 3), [3, 64, 3]);
      const logits = model.apply(params, tokens, {
        collect: (name, value) => seen.set(name, tf.keep(value)),
      });
      const { weight, bias } = params.head as Record<string, Tensor>;
      return [logits, tf.add(tf.matMul(seen.get("code")!, weight), bias)];
    });
    const block = (at: string, size: number[], chosen: boolean): [string, number[]][] => [
      ...chosen ? part(`stages.${at}.attention`) : [],
      [`stages.${at}.attention`, size],
      [`stages.${at}`, size],
    ];
    const part = (at: string): [string, number[]][] => [[`${at}.phase`, [3, 2]], [`${at}.gap`, [3]]];
    assertEquals(Array.from(seen, ([name, { shape }]) => [name, shape]), [
      ["embedding", [3, 8, 8, 8]],
      ...block("0.blocks.0", [3, 8, 8, 8], true),
      ...block("0.blocks.1", [3, 8, 8, 8], true),
      ...part("stages.1.merge"),
      ["stages.1.merge", [3, 4, 4, 16]],
      ...block("1.blocks.0", [3, 4, 4, 16], false),
      ...block("1.blocks.1", [3, 4, 4, 16], false),
      ...part("stages.2.merge"),
      ["stages.2.merge", [3, 2, 2, 32]],
      ...block("2.blocks.0", [3, 2, 2, 32], false),
      ["code", [3, 32]],
    ]);
    for (const [name, value] of seen) {
      const values = await value.data();
      if (name.endsWith(".gap")) assert(values.every((gap) => gap >= 0 && gap < 1), name);
      const stride = name.includes("merge") ? 2 : 4;
      if (name.endsWith(".phase")) assert(values.every((at) => at >= 0 && at < stride), name);
      value.dispose();
    }
    assert(relativeError(await fromCode.data(), await logits.data()) < 1e-6);
    tf.dispose([logits, fromCode]);
    disposeParams(params);
  }
});

Deno.test("swin: what is dropped in training depends on the key, and not on who looks on", async () => {
  await selectBackend("wasm");
  for (const name of NAMES) {
    for (const rate of ["dropout", "attentionDropout", "dropPath"] as const) {
      const model = MEMBERS[name]({ ...SMALL, [rate]: 0.4, adaptive: name === "swin" }).build({
        grid: GRID,
        classes: 5,
      });
      const params = drawn(model, 9);
      const tokens = tf.tensor3d(normal(keyOf(3), 3 * 64 * 3), [3, 64, 3]);
      const before = tf.memory().numTensors;
      const logits = async (options: Parameters<Model["apply"]>[2]) => {
        const made = tf.tidy(() => model.apply(params, tokens, options));
        const values = await made.data();
        made.dispose();
        return values;
      };
      const plain = await logits({});
      const once = await logits({ training: true, key: keyOf(1) });
      assert(relativeError(once, plain) > 1e-3, rate);
      assertEquals(await logits({ training: true, key: keyOf(1), collect: () => {} }), once);
      assert(relativeError(await logits({ training: true, key: keyOf(2) }), once) > 1e-3, rate);
      assertEquals(await logits({ key: keyOf(1) }), plain);
      await assertRejects(() => logits({ training: true }), PolyphaseError, "got no key to drop by");
      assertEquals(tf.memory().numTensors, before);
      tokens.dispose();
      disposeParams(params);
    }
  }
});

Deno.test("swin: the configuration builds the same model again", () => {
  assertEquals(swin().config, {
    name: "swin",
    embed: 96,
    depths: [2, 2],
    heads: [3, 6],
    window: 7,
    mlpRatio: 4,
    dropout: 0,
    attentionDropout: 0,
    dropPath: 0,
    adaptive: false,
    energy: { p: 2, window: "box" },
  });
  for (const name of NAMES) {
    for (
      const options of [{}, { adaptive: true }, { adaptive: { merge: false } }, {
        energy: { p: 3 },
        dropPath: 0.1,
      }]
    ) {
      const { config } = MEMBERS[name](options);
      assertEquals(JSON.parse(JSON.stringify(config)), config);
      assertEquals(MEMBERS[name](config as SwinOptions).config, config);
    }
  }
});

Deno.test("swin: what cannot be is refused in one line that says the mend", async () => {
  const refused = (options: SwinOptions, text: string) =>
    assertThrows(() => swin(options), PolyphaseError, text);
  refused({ embed: 0 }, "embed 0, expected a whole number");
  refused({ depths: [2, 1.5] }, "depths of stage 1 1.5");
  refused({ depths: [2] }, "depths of 1 stages and heads of 2");
  refused({ embed: 10, heads: [2, 3] }, "3 heads for 20 channels in stage 1");
  refused({ mlpRatio: 0 }, "mlpRatio 0");
  refused({ dropPath: 1.1 }, "dropPath 1.1, expected 0 to 1");
  refused({ energy: { p: 1 } }, "exponent 1, expected a number above 1");
  refused({ energy: JSON.parse('{ "window": "cosine" }') }, 'window "cosine", expected box or hann');
  refused(
    { adaptive: JSON.parse('{ "tokens": true }') },
    'adaptive "tokens", expected windows, merge or positions',
  );
  assertThrows(() => swinMini(JSON.parse('{ "image": 30 }')), PolyphaseError, "image 30, expected 28 or 32");
  const at = (image: number, size: number) =>
    patches2d({ size }).grid({ height: image, width: image, channels: 1 });
  assertThrows(
    () => swinMini({ adaptive: true }).build({ grid: at(32, 2), classes: 10 }),
    PolyphaseError,
    "a grid of 16×16 tokens, expected one that windows of 7 and 1 mergings divide: make the image 28×28 pixels",
  );
  assertThrows(
    () => swinTiny().build({ grid: at(256, 4), classes: 10 }),
    PolyphaseError,
    "make the image 224×224 pixels",
  );
  assertThrows(
    () =>
      swin().build({ grid: patches1d({ size: 2 }).grid({ height: 1, width: 32, channels: 1 }), classes: 10 }),
    PolyphaseError,
    "make the image 28 pixels",
  );
  await selectBackend("cpu");
  const model = swin(SMALL).build({ grid: GRID, classes: 5 });
  const params = model.init(keyOf(0));
  const tokens = tf.zeros([1, 32, 6]);
  assertThrows(() => model.apply(params, tokens), PolyphaseError, "tokens [1,32,6], expected [batch, 64, 3]");
  tokens.dispose();
  disposeParams(params);
});

Deno.test("swin: an empty batch has no logits", async () => {
  await selectBackend("wasm");
  for (const name of NAMES) {
    for (const adaptive of [false, true]) {
      const model = MEMBERS[name]({ ...SMALL, adaptive }).build({ grid: GRID, classes: 5 });
      const params = model.init(keyOf(0));
      const logits = tf.tidy(() => model.apply(params, tf.zeros([0, 64, 3])));
      assertEquals(logits.shape, [0, 5]);
      logits.dispose();
      disposeParams(params);
    }
  }
});
