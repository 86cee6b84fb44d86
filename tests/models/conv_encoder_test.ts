/**
 * The convolutional encoder: parameter counts, the same network on plain arrays in PyTorch's order, gradients.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import { convEncoder, type ConvEncoderOptions } from "../../models/conv_encoder.ts";
import { l2 } from "../../models/losses.ts";
import type { Model } from "../../models/model.ts";
import { countParams, disposeParams, flatten, unflatten } from "../../models/params.ts";
import { loadTorch, saveTorch } from "../../models/torch_weights.ts";
import { patches2d, pixels } from "../../models/tokenizers/patches.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { keyOf, normal } from "../../pipeline/random.ts";
import { relativeError } from "../golden.ts";
import { bitsOf } from "../pipeline/fixtures.ts";
import { conv, dense, drawMaps, drawStateDict, paramsOf, relu, tokensOf } from "./torch_reference.ts";

function built(options: ConvEncoderOptions, height = 28, width = height, channels = 1, classes = 10): Model {
  return convEncoder(options).build({ grid: pixels().grid({ height, width, channels }), classes });
}

const SMALL = { channels: [3, 4], kernelSize: 3, code: 5 };

Deno.test("conv-encoder has the published number of parameters, for one channel and for three", async () => {
  await selectBackend("wasm");
  for (const [channels, count] of [[1, 2_002_698], [3, 2_003_274]]) {
    const before = tf.memory().numTensors;
    const model = built({}, 28, 28, channels);
    const params = model.init(keyOf(0));
    assertEquals(countParams(params, model), count);
    assertEquals(
      model.torch!.torch.map(({ name, shape }) => [name, shape.reduce((product, size) => product * size)]),
      flatten(params).map(([name, { size }]) => [name, size]),
    );
    assertEquals(
      model.multiplyAdds,
      9 * 32 * (26 ** 2 * channels + 24 ** 2 * 32 + 22 ** 2 * 32) + 22 ** 2 * 32 * 128 + 128 * 10,
    );
    // nn.Conv2d's initialization: uniform within 1/√fan_in.
    const values = await new Map(flatten(params)).get("convs.1.weight")!.data<"float32">();
    const bound = 1 / Math.sqrt(9 * 32);
    const greatest = Math.max(...values.map(Math.abs));
    assert(greatest <= Math.fround(bound) && greatest > 0.99 * bound);
    const variance = values.reduce((sum, value) => sum + value ** 2, 0) / values.length;
    assert(Math.abs(variance / (bound ** 2 / 3) - 1) < 0.05);
    disposeParams(params);
    assertEquals(tf.memory().numTensors, before);
  }
});

for (const backend of ["cpu", "wasm"] as const) {
  Deno.test(`conv-encoder: maps, code and logits are those of PyTorch's modules, flattened channels first (${backend})`, async () => {
    await selectBackend(backend);
    const before = tf.memory().numTensors;
    const model = built(SMALL, 9, 7, 2, 4);
    const entries = model.torch!.torch;
    assertEquals(entries.map(({ torch }) => torch), [
      "0.weight",
      "0.bias",
      "2.weight",
      "2.bias",
      "5.weight",
      "5.bias",
      "6.weight",
      "6.bias",
    ]);
    const state = drawStateDict(keyOf(1), entries);
    const fresh = model.init(keyOf(0));
    const params = paramsOf(state, entries, fresh);
    const images = drawMaps(keyOf(2), [3, 2, 9, 7]);
    const tokens = tokensOf(images);
    const map = relu(conv(state, "2", relu(conv(state, "0", images))));
    const code = dense(state, "5", map);
    const logits = dense(state, "6", code);
    const seen = new Map<string, Tensor>();
    const actual = tf.tidy(() => {
      const collect = (name: string, value: Tensor) => void seen.set(name, tf.keep(value));
      return model.apply(params, tokens, { collect });
    });
    assertEquals([...seen].map(([name, { shape }]) => [name, shape]), [
      ["convs.0", [3, 7, 5, 3]],
      ["convs.1", [3, 5, 3, 4]],
      ["code", [3, 5]],
    ]);
    assert(relativeError(await actual.data(), logits.data) < 1e-5);
    assert(relativeError(await seen.get("code")!.data(), code.data) < 1e-5);
    const turned = tf.transpose(seen.get("convs.1")!, [0, 3, 1, 2]);
    assert(relativeError(await turned.data(), map.data) < 1e-5);
    tf.dispose([...seen.values(), actual, turned, tokens]);
    disposeParams(fresh);
    disposeParams(params);
    assertEquals(tf.memory().numTensors, before);
  });
}

/** Gradients of a batch by name, and the slope of the loss along them. */
async function gradientsOf(model: Model) {
  const before = tf.memory().numTensors;
  const params = model.init(keyOf(6));
  const leaves = flatten(params);
  const tokens = tf.tensor(normal(keyOf(7), 4 * 63 * 2), [4, 63, 2]);
  const labels = tf.tidy(() => tf.cast(tf.oneHot([1, 0, 3, 2], 4), "float32"));
  const lossOf = (...each: Tensor[]) => {
    const tree = unflatten(each.map((leaf, index) => [leaves[index][0], leaf] as const));
    return l2().apply(model.apply(tree, tokens, { training: true }), labels).asScalar();
  };
  const { value, grads } = tf.valueAndGrads(lossOf)(leaves.map(([, leaf]) => leaf));
  const gradients = await Promise.all(grads.map((grad) => grad.data<"float32">()));
  const moved = async (by: number) => {
    const at = tf.tidy(() => lossOf(...leaves.map(([, leaf], i) => tf.add(leaf, tf.mul(grads[i], by)))));
    const [number] = await at.data();
    at.dispose();
    return number;
  };
  const slope = (await moved(1e-2) - await moved(-1e-2)) / 2e-2;
  tf.dispose([value, ...grads, tokens, labels]);
  disposeParams(params);
  assertEquals(tf.memory().numTensors, before);
  return { gradients, slope };
}

Deno.test("conv-encoder: gradients are the slope of the loss, and the same on wasm and cpu", async () => {
  const model = built(SMALL, 9, 7, 2, 4);
  await selectBackend("cpu");
  const cpu = await gradientsOf(model);
  await selectBackend("wasm");
  const wasm = await gradientsOf(model);
  cpu.gradients.forEach((grad, index) =>
    assert(relativeError(wasm.gradients[index], grad) < 1e-4, `${index}`)
  );
  const squared = cpu.gradients.flatMap((grad) => [...grad]).reduce((sum, each) => sum + each ** 2, 0);
  assert(squared > 0.01 && Math.abs(cpu.slope / squared - 1) < 0.01, `${cpu.slope}, ${squared}`);
});

Deno.test("conv-encoder: the same key gives the same bits, another key others; files of PyTorch's give them back", async () => {
  await selectBackend("cpu");
  const before = tf.memory().numTensors;
  const model = built(SMALL, 9);
  const [one, same, other] = [model.init(keyOf(3)), model.init(keyOf(3)), model.init(keyOf(4))];
  assertEquals(await bitsOf(one), await bitsOf(same));
  assertNotEquals(await bitsOf(one), await bitsOf(other));
  const loaded = loadTorch(model, await saveTorch(model, one), "conv.safetensors");
  assertEquals(await bitsOf(loaded), await bitsOf(one));
  [one, same, other, loaded].forEach(disposeParams);
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("conv-encoder: the configuration builds the same network", () => {
  for (const options of [{}, SMALL]) {
    const { config } = convEncoder(options);
    assertEquals(convEncoder(JSON.parse(JSON.stringify(config))).config, config);
  }
  assertEquals(
    convEncoder().config,
    convEncoder({ channels: [32, 32, 32], kernelSize: 3, code: 128 }).config,
  );
});

Deno.test("conv-encoder: refuses what it cannot build", () => {
  const grid = patches2d({ size: 2 }).grid({ height: 8, width: 8, channels: 1 });
  assertThrows(() => convEncoder().build({ grid, classes: 10 }), PolyphaseError, "tokenize with pixels()");
  assertThrows(() => built({ kernelSize: 5 }, 12), PolyphaseError, "12×12 pixels, expected 13");
  assertEquals(built({ kernelSize: 5, channels: [2, 2, 2] }, 13).multiplyAdds! > 0, true);
  for (const options of [{ channels: [] }, { channels: [0] }, { kernelSize: 1.5 }, { code: -1 }]) {
    assertThrows(() => convEncoder(options), PolyphaseError, "expected whole numbers of 1 or more");
  }
});
