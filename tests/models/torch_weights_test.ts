/**
 * Files of PyTorch's: parameters that come back to the bit, names of both conventions, and one line for what does not
 * fit.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { tf } from "../../models/backend/tf.ts";
import type { Model, Params, TorchEntry } from "../../models/model.ts";
import { disposeParams, flatten, unflatten } from "../../models/params.ts";
import { decodeSafetensors, encodeSafetensors } from "../../models/safetensors.ts";
import { loadTorch, saveTorch } from "../../models/torch_weights.ts";
import { vit } from "../../models/vit.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { foldIn, keyOf, normal } from "../../pipeline/random.ts";
import { floats } from "../golden.ts";
import { bitsOf } from "../pipeline/fixtures.ts";
import { fileOf, OPTIONS, SHAPE, WEIGHTS } from "./vit_golden.ts";

const CONVENTIONS = ["torchvision", "timm"] as const;
const model = vit(OPTIONS).build(SHAPE);

/** Parameters in which no two tensors and no two places are alike: fresh ones have zeros and ones. */
function random(model: Model): Params {
  const fresh = model.init(keyOf(1));
  const drawn = flatten(fresh).map(([name, { size, shape }]) =>
    [name, tf.tensor(normal(foldIn(keyOf(2), name), size), shape)] as const
  );
  disposeParams(fresh);
  return unflatten(drawn);
}

/** The arrays of a file by name. */
function arraysOf(file: Uint8Array<ArrayBuffer>): Map<string, { shape: readonly number[]; data: number[] }> {
  return new Map(
    decodeSafetensors(file, "file").arrays.map(({ name, shape, data }) => [name, { shape, data: [...data] }]),
  );
}

/** A safetensors file with a header of one's own. */
function withHeader(header: unknown, data = new Uint8Array()): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const file = new Uint8Array(8 + text.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  file.set(data, 8 + text.length);
  return file;
}

Deno.test("torch weights: a file of torchvision's comes back with the same names, shapes and bits", async () => {
  await selectBackend("cpu");
  const before = tf.memory().numTensors;
  const params = loadTorch(model, fileOf(WEIGHTS), "golden.safetensors");
  const saved = arraysOf(await saveTorch(model, params));
  assertEquals(saved.size, WEIGHTS.length);
  for (const [name, array] of WEIGHTS) {
    assertEquals(saved.get(name), { shape: array.shape, data: [...floats(array)] }, name);
  }
  disposeParams(params);
  assertEquals(tf.memory().numTensors, before);
});

for (const convention of CONVENTIONS) {
  for (const code of [undefined, 3]) {
    Deno.test(`torch weights: saved and loaded parameters have the same bits (${convention}, ${code ?? "no"} code)`, async () => {
      await selectBackend("wasm");
      const model = vit({ ...OPTIONS, code }).build({
        ...SHAPE,
        grid: { ...SHAPE.grid, patch: 6, patchShape: [1, 2, 3] },
      });
      const before = tf.memory().numTensors;
      const params = random(model);
      const loaded = loadTorch(model, await saveTorch(model, params, convention), "own.safetensors");
      assertEquals(flatten(loaded).map(([name]) => name), flatten(params).map(([name]) => name));
      assertEquals(await bitsOf(loaded), await bitsOf(params));
      disposeParams(params);
      disposeParams(loaded);
      assertEquals(tf.memory().numTensors, before);
    });
  }
}

Deno.test("torch weights: timm's names hold the same numbers as torchvision's", async () => {
  await selectBackend("cpu");
  const params = random(model);
  const [torchvision, timm] = await Promise.all(
    CONVENTIONS.map(async (each) => arraysOf(await saveTorch(model, params, each))),
  );
  disposeParams(params);
  assertEquals(torchvision.size, timm.size);
  const same = {
    class_token: "cls_token",
    "encoder.pos_embedding": "pos_embed",
    "conv_proj.weight": "patch_embed.proj.weight",
    "encoder.layers.encoder_layer_1.ln_1.bias": "blocks.1.norm1.bias",
    "encoder.layers.encoder_layer_1.self_attention.in_proj_weight": "blocks.1.attn.qkv.weight",
    "encoder.layers.encoder_layer_1.self_attention.in_proj_bias": "blocks.1.attn.qkv.bias",
    "encoder.layers.encoder_layer_0.self_attention.out_proj.weight": "blocks.0.attn.proj.weight",
    "encoder.layers.encoder_layer_0.ln_2.weight": "blocks.0.norm2.weight",
    "encoder.layers.encoder_layer_0.mlp.0.weight": "blocks.0.mlp.fc1.weight",
    "encoder.layers.encoder_layer_0.mlp.3.weight": "blocks.0.mlp.fc2.weight",
    "encoder.ln.weight": "norm.weight",
    "heads.head.weight": "head.weight",
  };
  for (const [theirs, other] of Object.entries(same)) assertEquals(timm.get(other), torchvision.get(theirs));
});

Deno.test("torch weights: with a code the names are those of an encoder with a linear layer behind it", () => {
  const { torch } = vit({ ...OPTIONS, code: 3 }).build(SHAPE);
  for (const convention of CONVENTIONS) {
    const names = torch![convention].map(({ torch }) => torch);
    assertEquals(names.filter((name) => !name.startsWith("encoder.")), ["linear.weight", "linear.bias"]);
  }
  assert(torch!.torchvision.some(({ torch }) => torch === "encoder.encoder.ln.weight"));
});

Deno.test("torch weights: pooling that torchvision does not know has timm's names alone", () => {
  const of = (options: object) => {
    const { torch } = vit({ ...OPTIONS, ...options }).build(SHAPE);
    return [
      Object.keys(torch!),
      torch!.timm.map(({ torch }) => torch).filter((name) => /norm\.|token/.test(name)),
    ];
  };
  const means = ["fc_norm.weight", "fc_norm.bias"];
  assertEquals(of({ pooling: "mean" }), [["timm"], ["cls_token", ...means]]);
  assertEquals(of({ classToken: false }), [["timm"], means]);
  assertEquals(of({}), [[...CONVENTIONS], ["cls_token", "norm.weight", "norm.bias"]]);
});

/** A model of one weight, stored there as `[2, 6]`, which is `[2, (3, 2)]` seen otherwise. */
function viewed(entry: Partial<TorchEntry>): Model {
  return {
    name: "viewed",
    config: {},
    init: () => ({ weight: tf.zeros([6, 2]) }),
    apply: (_, tokens) => tokens,
    torch: { torch: [{ name: "weight", torch: "fc.weight", shape: [2, 6], ...entry }] },
  };
}

Deno.test("torch weights: axes are those of the view", async () => {
  await selectBackend("cpu");
  const file = encodeSafetensors({
    arrays: [{
      name: "fc.weight",
      shape: [2, 6],
      data: Float32Array.from({ length: 12 }, (_, index) => index),
    }],
    metadata: {},
  });
  const load = async (entry: Partial<TorchEntry>) => {
    const model = viewed(entry);
    const params = loadTorch(model, file, "fc.safetensors");
    assertEquals(arraysOf(await saveTorch(model, params)), arraysOf(file));
    const [[, weight]] = flatten(params);
    assertEquals(weight.shape, [6, 2]);
    const values = [...await weight.data()];
    disposeParams(params);
    return values;
  };
  assertEquals(await load({}), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  assertEquals(await load({ axes: [1, 0] }), [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]);
  // Three channels of two pixels become two pixels of three channels, and the outputs the last axis.
  assertEquals(await load({ view: [2, 3, 2], axes: [2, 1, 0] }), [0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11]);
});

Deno.test("torch weights: integers are ignored, whatever their type", async () => {
  await selectBackend("cpu");
  const header = {
    "__metadata__": { format: "pt" },
    "bn.num_batches_tracked": { dtype: "I64", shape: [], data_offsets: [0, 8] },
    "fc.weight": { dtype: "F32", shape: [2, 6], data_offsets: [8, 56] },
    "steps": { dtype: "I32", shape: [1], data_offsets: [56, 60] },
  };
  const data = new Uint8Array(60);
  data.set(new Uint8Array(Float32Array.from({ length: 12 }, (_, index) => index / 7).buffer), 8);
  const params = loadTorch(viewed({}), withHeader(header, data), "counted.safetensors");
  assertEquals(
    [...await flatten(params)[0][1].data()],
    Array.from({ length: 12 }, (_, index) => Math.fround(index / 7)),
  );
  disposeParams(params);
});

Deno.test("torch weights: one line says what is missing, unexpected and misshapen", async () => {
  await selectBackend("cpu");
  const before = tf.memory().numTensors;
  const fails = (bytes: Uint8Array<ArrayBuffer>, ...expected: RegExp[]) => {
    const { message } = assertThrows(() => loadTorch(model, bytes, "w.safetensors"), PolyphaseError);
    for (const each of [/^[^\n]+$/, /w\.safetensors/, ...expected]) assertMatch(message, each);
  };
  const rest = WEIGHTS.filter(([name]) => !name.includes("mlp"));
  fails(
    fileOf(rest),
    /with torchvision's names: lacks encoder\.layers\.encoder_layer_0\.mlp\.0\.weight, .* and 5 more: build/,
  );
  fails(fileOf([...WEIGHTS, ["extra", WEIGHTS[0][1]]]), /: has besides extra: build/);
  const { shape, ...numbers } = WEIGHTS.find(([name]) => name === "heads.head.weight")![1];
  fails(
    fileOf([...WEIGHTS.filter(([name]) => name !== "heads.head.weight"), ["heads.head.weight", {
      ...numbers,
      shape: shape.toReversed(),
    }]]),
    /its heads\.head\.weight is \[16,5\] and not \[5,16\]: build/,
  );
  fails(
    withHeader({ "blocks.0.norm1.weight": { dtype: "F32", shape: [0], data_offsets: [0, 0] } }),
    /timm's names/,
  );
  fails(
    withHeader({ w: { dtype: "BF16", shape: [1], data_offsets: [0, 2] } }, new Uint8Array(2)),
    /w of type BF16/,
  );
  fails(new Uint8Array(3), /cannot be read as safetensors/);
  fails(withHeader([]), /cannot be read as safetensors/);
  fails(fileOf(WEIGHTS).slice(0, 5000), /cannot be read as safetensors \(cut short/);
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("torch weights: models and conventions without a layout are refused", async () => {
  await selectBackend("cpu");
  const { torch: _, ...bare } = model;
  assertMatch(
    assertThrows(() => loadTorch(bare, fileOf(WEIGHTS), "w"), PolyphaseError).message,
    /vit as it is configured has no names/,
  );
  const params = model.init(keyOf(0));
  const refused = async (work: Promise<unknown>, expected: RegExp) =>
    assertMatch((await assertRejects(() => work, PolyphaseError)).message, expected);
  await refused(saveTorch(bare, params), /vit as it is configured has no names/);
  await refused(saveTorch(model, params, "keras"), /convention "keras": choose torchvision or timm/);
  const { norm: __, ...lacking } = params;
  await refused(saveTorch(model, lacking), /norm\.weight is missing, expected what is \[16\]/);
  const larger = vit({ ...OPTIONS, mlp: 33 }).build(SHAPE);
  await refused(saveTorch(larger, params), /fc1\.weight is \[16,32\], expected what is \[33,16\]/);
  assertThrows(
    () => loadTorch(viewed({ name: "other" }), fileOf([]), "w"),
    PolyphaseError,
    "lacks fc.weight",
  );
  disposeParams(params);
});
