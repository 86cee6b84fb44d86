/**
 * Swin and Swin V2: plain ones against plain loops, adaptive ones under every shift, and what each part is good for.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { Images } from "../../datasets/dataset.ts";
import { shiftImages } from "../../datasets/shift.ts";
import { selectBackend } from "../../models/backend/select.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import type { Architecture, Model, Params } from "../../models/model.ts";
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
import { swinV2 } from "../../models/swin_v2.ts";
import { adaptive } from "../../models/tokenizers/adaptive.ts";
import { patches1d, patches2d, pixels } from "../../models/tokenizers/patches.ts";
import { loadTorch, saveTorch } from "../../models/torch_weights.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { foldIn, keyOf, normal, randint } from "../../pipeline/random.ts";
import { relativeError } from "../golden.ts";
import { drawState, referenceLogits } from "./swin_reference.ts";

const MEMBERS = { swin, "swin-v2": swinV2 } as const;
const NAMES = ["swin", "swin-v2"] as const;

/** A small model: maps of 8, 4 and 2 tokens a side, with windows of 4, so that the first stage has four of them. */
const SMALL: SwinOptions = { embed: 8, depths: [2, 2, 1], heads: [2, 2, 4], window: 4 };
const GRID = pixels().grid({ height: 8, width: 8, channels: 3 });

/** Parameters that are all drawn, as no fresh bias or norm is. */
function drawn(model: Model, seed: number): Params {
  const fresh = model.init(keyOf(0));
  const made = unflatten(
    flatten(fresh).map(([name, { shape, size }]) => {
      const isScale = shape.length === 1 && name.endsWith("weight");
      const deviation = shape.length === 2 && name.endsWith("weight") ? 1 / Math.sqrt(shape[0]) : 0.3;
      const values = normal(foldIn(keyOf(seed), name), size).map((each) =>
        Number(isScale) + each * deviation
      );
      return [name, tf.tensor(values, shape)];
    }),
  );
  disposeParams(fresh);
  return made;
}

function drawImages(seed: number, height: number, width: number, count: number): Images {
  const bytes = randint(keyOf(seed), count * height * width * 3, 0, 256);
  return { count, height, width, channels: 3, pixels: Uint8Array.from(bytes) };
}

/** Logits of images shifted by every offset, by offset: tokens are laid by the tokenizer that the model's embedding asks. */
async function logitsOfShifts(
  architecture: Architecture,
  images: Images,
  { patch = 1, fresh = false, isAdaptive = true, flat = false } = {},
): Promise<Float32Array[]> {
  const { count, height, width } = images;
  const patches = flat ? patches1d({ size: patch }) : patches2d({ size: patch });
  const tokenizer = isAdaptive ? adaptive(patches) : patches;
  const model = architecture.build({ grid: patches.grid(images), classes: 5 });
  const params = fresh ? model.init(keyOf(5)) : drawn(model, 5);
  const { weight, bias } = model.embedding!(params);
  const embedding = { weight: await weight.data<"float32">(), bias: await bias.data<"float32">() };
  const all: Float32Array[] = [];
  const { tokens, patch: size } = patches.grid(images);
  for (let place = 0; place < height * width; place++) {
    const offset = flat ? { dy: 0, dx: place } : { dy: Math.floor(place / width), dx: place % width };
    const shifted = shiftImages(images, [offset], flat ? "circular-flat" : "circular-2d");
    const values = Float32Array.from(tokenizer.tokenize(shifted, { embedding }).values, (byte) => byte / 255);
    const logits = tf.tidy(() => model.apply(params, tf.tensor3d(values, [count, tokens, size])));
    all.push(await logits.data<"float32">());
    logits.dispose();
  }
  disposeParams(params);
  return all;
}

/** The greatest relative difference to the logits of the image as it is, and whether all predictions are the same. */
function spread(all: readonly Float32Array[]): { error: number; same: boolean } {
  const predictions = (logits: Float32Array) =>
    Array.from({ length: logits.length / 5 }, (_, image) => {
      const row = [...logits.subarray(image * 5, image * 5 + 5)];
      return row.indexOf(Math.max(...row));
    }).join();
  return {
    error: Math.max(...all.map((each) => relativeError(each, all[0]))),
    same: all.every((each) => predictions(each) === predictions(all[0])),
  };
}

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

  for (const window of ["box", "hann"] as const) {
    Deno.test(`${name}: adaptive logits are the same at every shift, plain ones are not (${window})`, async () => {
      await selectBackend("wasm");
      const images = drawImages(1, 8, 8, 3);
      for (const fresh of [false, true]) {
        const { error, same } = spread(
          await logitsOfShifts(MEMBERS[name]({ ...SMALL, adaptive: true, energy: { window } }), images, {
            fresh,
          }),
        );
        assert(error < 1e-5 && same, `fresh ${fresh}: ${error}`);
      }
      const plain = spread(await logitsOfShifts(MEMBERS[name](SMALL), images, { isAdaptive: false }));
      assert(plain.error > 1e-2, `${plain.error}`);
    });
  }

  Deno.test(`${name}: each adaptive part is needed, the tokenizer too`, async () => {
    await selectBackend("wasm");
    // A window of an odd size: what even ones leave open, merging by two divides.
    const images = drawImages(2, 6, 6, 2);
    const odd = { embed: 8, depths: [2, 1], heads: [2, 2], window: 3 };
    const all = spread(await logitsOfShifts(MEMBERS[name]({ ...odd, adaptive: true }), images));
    assert(all.error < 1e-5 && all.same, `${all.error}`);
    for (const part of ["windows", "merge", "positions"] as const) {
      const { error } = spread(
        await logitsOfShifts(MEMBERS[name]({ ...odd, adaptive: { [part]: false } }), images),
      );
      assert(error > 1e-3, `without ${part}: ${error}`);
    }
    const larger = drawImages(3, 8, 8, 2);
    const options = { embed: 8, depths: [2], heads: [2], window: 2, adaptive: true } as const;
    const exact = spread(await logitsOfShifts(MEMBERS[name](options), larger, { patch: 2 }));
    assert(exact.error < 1e-5 && exact.same, `${exact.error}`);
    const fixed = spread(
      await logitsOfShifts(MEMBERS[name](options), larger, { patch: 2, isAdaptive: false }),
    );
    assert(fixed.error > 1e-3, `fixed grid: ${fixed.error}`);
  });

  Deno.test(`${name}: maps that are no squares, and sequences`, async () => {
    await selectBackend("wasm");
    for (
      const [images, flat] of [
        [drawImages(4, 4, 16, 2), false],
        [drawImages(5, 1, 32, 2), true],
      ] as const
    ) {
      const options = { embed: 8, depths: [2, 2], heads: [2, 2], window: 4 };
      const exact = spread(
        await logitsOfShifts(MEMBERS[name]({ ...options, adaptive: true }), images, { flat }),
      );
      assert(exact.error < 1e-5 && exact.same, `${exact.error}`);
      const plain = spread(await logitsOfShifts(MEMBERS[name](options), images, { flat, isAdaptive: false }));
      assert(plain.error > 1e-3, `${plain.error}`);
    }
  });

  Deno.test(`${name}: an adaptive model has the same loss gradient at every shift`, async () => {
    await selectBackend("wasm");
    const model = MEMBERS[name]({ ...SMALL, adaptive: true }).build({ grid: GRID, classes: 3 });
    const params = drawn(model, 6);
    const leaves = flatten(params);
    const before = tf.memory().numTensors;
    const gradients = (dy: number, dx: number) => {
      const bytes = shiftImages(drawImages(7, 8, 8, 2), [{ dy, dx }], "circular-2d").pixels;
      const tokens = tf.tensor3d(Float32Array.from(bytes, (byte) => byte / 255), [2, 64, 3]);
      return tf.tidy(() => {
        const loss = (...each: Tensor[]) =>
          tf.sum(tf.square(model.apply(unflatten(each.map((leaf, at) => [leaves[at][0], leaf])), tokens)));
        const all = tf.grads(loss)(leaves.map(([, leaf]) => leaf));
        tokens.dispose();
        return all;
      });
    };
    const [here, there] = [gradients(0, 0), gradients(3, 6)];
    for (const [at, [leaf]] of leaves.entries()) {
      const [a, b] = [await here[at].data(), await there[at].data()];
      assert(a.some((each) => each !== 0), leaf);
      // Of some biases little is left after rounding: what softmax makes of them nearly cancels.
      assert(relativeError(b, a) < 2e-3, `${leaf}: ${relativeError(b, a)}`);
    }
    tf.dispose([...here, ...there]);
    assertEquals(tf.memory().numTensors, before);
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
