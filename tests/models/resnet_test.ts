/**
 * Residual networks: torchvision's network written out on plain arrays, gradients, batch norm in
 * training and out of it.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import { crossEntropy } from "../../models/losses.ts";
import type { Architecture, Model } from "../../models/model.ts";
import { disposeParams, flatten, unflatten } from "../../models/params.ts";
import { resnet, resnet18, resnet34, resnet50, type ResnetOptions } from "../../models/resnet.ts";
import { loadTorch, saveTorch } from "../../models/torch_weights.ts";
import { patches1d, patches2d, pixels } from "../../models/tokenizers/patches.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import type { JsonObject } from "../../pipeline/json.ts";
import { keyOf, normal, uniform } from "../../pipeline/random.ts";
import { relativeError } from "../golden.ts";
import { bitsOf } from "../pipeline/fixtures.ts";
import {
  conv,
  dense,
  drawMaps,
  drawStateDict,
  type Maps,
  mean,
  norm,
  paramsOf,
  pool,
  relu,
  type StateDict,
  tokensOf,
} from "./torch_reference.ts";

function built(architecture: Architecture, size = 28, channels = 3, classes = 10): Model {
  return architecture.build({ grid: pixels().grid({ height: size, width: size, channels }), classes });
}

/** torchvision's network by its state dict; `blocks` are those of each stage. */
function reference(
  state: StateDict,
  x: Maps,
  { blocks, prefix, stem, training }: {
    blocks: readonly number[];
    prefix: string;
    stem: "imagenet" | "cifar";
    training: boolean;
  },
): { code: Maps; logits: Maps } {
  const unit = (y: Maps, convName: string, normName: string, stride: number, padding: number) =>
    norm(state, prefix + normName, conv(state, prefix + convName, y, stride, padding), training);
  let y = stem === "imagenet"
    ? pool(relu(unit(x, "conv1", "bn1", 2, 3)))
    : relu(unit(x, "conv1", "bn1", 1, 1));
  blocks.forEach((count, stage) => {
    for (let index = 0; index < count; index++) {
      const at = `layer${stage + 1}.${index}.`;
      const stride = stage > 0 && index === 0 ? 2 : 1;
      const isWide = state.has(`${prefix}${at}conv3.weight`);
      const around = state.has(`${prefix}${at}downsample.0.weight`)
        ? unit(y, `${at}downsample.0`, `${at}downsample.1`, stride, 0)
        : y;
      if (isWide) {
        const narrow = relu(unit(y, `${at}conv1`, `${at}bn1`, 1, 0));
        const mixed = relu(unit(narrow, `${at}conv2`, `${at}bn2`, stride, 1));
        y = relu(unit(mixed, `${at}conv3`, `${at}bn3`, 1, 0), around);
      } else {
        const first = relu(unit(y, `${at}conv1`, `${at}bn1`, stride, 1));
        y = relu(unit(first, `${at}conv2`, `${at}bn2`, 1, 1), around);
      }
    }
  });
  const features = mean(y);
  const out = dense(state, `${prefix}fc`, features);
  return state.has("linear.weight")
    ? { code: out, logits: dense(state, "linear", out) }
    : { code: features, logits: out };
}

/** A network that is quick to run on plain arrays. */
function small(options: ResnetOptions & { depth: 18 | 50 }): Architecture {
  return resnet({ width: 2, ...options });
}

for (const backend of ["cpu", "wasm"] as const) {
  for (
    const [what, options, blocks, size] of [
      ["18 layers", { depth: 18, code: 5 }, [2, 2, 2, 2], 19],
      ["18 layers, stem for CIFAR", { depth: 18, stem: "cifar" }, [2, 2, 2, 2], 9],
      ["50 layers", { depth: 50, code: 3 }, [3, 4, 6, 3], 19],
    ] as const
  ) {
    Deno.test(`resnet: code and logits are those of torchvision's network, in training and out of it (${what}, ${backend})`, async () => {
      await selectBackend(backend);
      const before = tf.memory().numTensors;
      const model = built(small(options), size, 2, 4);
      const entries = model.torch!.torchvision;
      const state = drawStateDict(keyOf(3), entries);
      const fresh = model.init(keyOf(0));
      const params = paramsOf(state, entries, fresh);
      const images = drawMaps(keyOf(4), [3, 2, size, size]);
      const tokens = tokensOf(images);
      for (const training of [false, true]) {
        const expected = reference(state, images, {
          blocks,
          prefix: "code" in options ? "encoder." : "",
          stem: "stem" in options ? options.stem : "imagenet",
          training,
        });
        const [logits, code] = tf.tidy(() => {
          const seen: Tensor[] = [];
          const collect = (name: string, value: Tensor) => void (name === "code" && seen.push(value));
          return [model.apply(params, tokens, { training, collect }), ...seen];
        });
        assert(
          relativeError(await logits.data(), expected.logits.data) < 1e-4,
          `logits, training ${training}`,
        );
        assert(relativeError(await code.data(), expected.code.data) < 1e-4, `code, training ${training}`);
        tf.dispose([logits, code]);
      }
      disposeParams(fresh);
      disposeParams(params);
      tokens.dispose();
      assertEquals(tf.memory().numTensors, before);
    });
  }
}

Deno.test("resnet: collects the stem, each block and the code, in that order", async () => {
  await selectBackend("wasm");
  const shapesOf = (options: ResnetOptions, size: number) =>
    tf.tidy(() => {
      const model = built(resnet18({ width: 4, ...options }), size);
      const seen: [string, number[]][] = [];
      const logits = model.apply(model.init(keyOf(1)), tf.zeros([2, size * size, 3]), {
        collect: (name, { shape }) => seen.push([name, shape]),
      });
      assertEquals(logits.shape, [2, 10]);
      return seen as typeof seen & Tensor[];
    });
  assertEquals(shapesOf({ code: 6 }, 28), [
    ["stem", [2, 7, 7, 4]],
    ["layer1.0", [2, 7, 7, 4]],
    ["layer1.1", [2, 7, 7, 4]],
    ["layer2.0", [2, 4, 4, 8]],
    ["layer2.1", [2, 4, 4, 8]],
    ["layer3.0", [2, 2, 2, 16]],
    ["layer3.1", [2, 2, 2, 16]],
    ["layer4.0", [2, 1, 1, 32]],
    ["layer4.1", [2, 1, 1, 32]],
    ["code", [2, 6]],
  ]);
  const cifar = new Map(shapesOf({ stem: "cifar" }, 32));
  assertEquals(["stem", "layer4.1", "code"].map((name) => cifar.get(name)), [
    [2, 32, 32, 4],
    [2, 4, 4, 32],
    [2, 32],
  ]);
});

Deno.test("resnet: training hands out every buffer once, with a tenth of the batch in it; inference hands out none", async () => {
  await selectBackend("wasm");
  const model = built(small({ depth: 18 }), 16, 1);
  const before = tf.memory().numTensors;
  const params = model.init(keyOf(1));
  const tokens = tf.tensor(uniform(keyOf(2), 3 * 256), [3, 256, 1]);
  const buffers = flatten(params).filter(([name]) => model.isBuffer!(name));
  assertEquals(buffers.length, 40);
  const handed = (training: boolean) => {
    const seen = new Map<string, Float32Array>();
    tf.tidy(() => {
      model.apply(params, tokens, {
        training,
        update(name, value) {
          assert(!seen.has(name), `${name} twice`);
          assertEquals(value.shape, new Map(buffers).get(name)!.shape);
          seen.set(name, value.dataSync<"float32">());
        },
      });
    });
    return seen;
  };
  assertEquals(handed(false).size, 0);
  const seen = handed(true);
  assertEquals([...seen.keys()].sort(), buffers.map(([name]) => name).sort());
  const image = Array.from({ length: 3 }, (_, index) => tf.slice(tokens, [index, 0, 0], [1, 256, 1]));
  const stem = tf.tidy(() => {
    const filter = (params.conv1 as { weight: Tensor }).weight;
    const product = tf.conv2d(
      tf.reshape(tokens, [3, 16, 16, 1]) as ReturnType<typeof tf.tensor4d>,
      filter as ReturnType<typeof tf.tensor4d>,
      2,
      [[0, 0], [3, 3], [3, 3], [0, 0]],
    );
    const { mean, variance } = tf.moments(product, [0, 1, 2]);
    const count = 3 * 8 * 8;
    return [tf.mul(mean, 0.1), tf.add(0.9, tf.mul(variance, 0.1 * count / (count - 1)))];
  });
  assert(relativeError(seen.get("bn1.runningMean")!, await stem[0].data()) < 1e-4);
  assert(relativeError(seen.get("bn1.runningVar")!, await stem[1].data()) < 1e-5);
  // Out of training an image does not know what else is in its batch.
  const [together, alone] = tf.tidy(() => [
    model.apply(params, tokens),
    tf.concat(image.map((each) => model.apply(params, each))),
  ]);
  assert(relativeError(await together.data(), await alone.data()) < 1e-5);
  tf.dispose([...stem, ...image, together, alone, tokens]);
  disposeParams(params);
  assertEquals(tf.memory().numTensors, before);
});

/** Loss and gradients of a batch in training, by name. */
async function gradientsOf(model: Model, size: number, channels: number) {
  const before = tf.memory().numTensors;
  const params = model.init(keyOf(6));
  const leaves = flatten(params).filter(([name]) => !model.isBuffer!(name));
  const buffers = flatten(params).filter(([name]) => model.isBuffer!(name));
  const tokens = tf.tensor(normal(keyOf(7), 5 * size * size * channels), [5, size * size, channels]);
  const labels = tf.tidy(() => tf.cast(tf.oneHot([1, 0, 3, 2, 1], 4), "float32"));
  const lossOf = (...each: Tensor[]) => {
    const tree = unflatten([...each.map((leaf, index) => [leaves[index][0], leaf] as const), ...buffers]);
    return crossEntropy().apply(model.apply(tree, tokens, { training: true }), labels).asScalar();
  };
  const { value, grads } = tf.valueAndGrads(lossOf)(leaves.map(([, leaf]) => leaf));
  const gradients = new Map<string, Float32Array>();
  for (const [index, grad] of grads.entries()) {
    gradients.set(leaves[index][0], await grad.data<"float32">());
  }
  const loss = (await value.data())[0];
  // The loss with every parameter moved along its gradient.
  const moved = async (by: number) => {
    const at = tf.tidy(() => lossOf(...leaves.map(([, leaf], i) => tf.add(leaf, tf.mul(grads[i], by)))));
    const [number] = await at.data();
    at.dispose();
    return number;
  };
  const squared = Array.from(gradients.values(), (grad) => grad.reduce((sum, each) => sum + each ** 2, 0))
    .reduce((sum, each) => sum + each);
  const step = 2e-3 / squared;
  const slope = (await moved(step) - await moved(-step)) / (2 * step);
  tf.dispose([value, ...grads, tokens, labels]);
  disposeParams(params);
  assertEquals(tf.memory().numTensors, before);
  return { loss, gradients, squared, slope };
}

for (const depth of [18, 50] as const) {
  Deno.test(`resnet: gradients are the slope of the loss, and the same on wasm and cpu (${depth} layers)`, async () => {
    const model = built(resnet({ depth, code: 6, stem: "cifar", width: 4 }), 16, 2, 4);
    await selectBackend("cpu");
    const cpu = await gradientsOf(model, 16, 2);
    await selectBackend("wasm");
    const wasm = await gradientsOf(model, 16, 2);
    assert(Math.abs(wasm.loss / cpu.loss - 1) < 1e-5, `${wasm.loss}, ${cpu.loss}`);
    for (const [name, grad] of cpu.gradients) {
      const error = relativeError(wasm.gradients.get(name)!, grad);
      assert(error < 3e-4, `${name}: ${error}`);
    }
    assert(
      cpu.squared > 0.01 && Math.abs(cpu.slope / cpu.squared - 1) < 0.01,
      `${cpu.slope}, ${cpu.squared}`,
    );
  });
}

Deno.test("resnet: out of training, the gradient of the images is the slope, too", async () => {
  await selectBackend("wasm");
  const before = tf.memory().numTensors;
  const model = built(resnet18({ stem: "cifar", width: 4 }), 8, 2, 4);
  const params = model.init(keyOf(1));
  const tokens = tf.tensor(normal(keyOf(2), 256), [2, 64, 2]);
  const sum = (x: Tensor) => tf.sum(tf.square(model.apply(params, x)));
  const [slope, squared] = tf.tidy(() => {
    const grad = tf.grad(sum)(tokens);
    const squared = tf.sum(tf.square(grad));
    const move = tf.mul(grad, tf.div(2e-3, squared));
    return [tf.div(tf.sub(sum(tf.add(tokens, move)), sum(tf.sub(tokens, move))), 4e-3), squared];
  });
  // Along the gradient, the slope in units of its square is 1.
  const [[actual], [length]] = [await slope.data(), await squared.data()];
  assert(length > 0.01 && Math.abs(actual - 1) < 0.01, `${actual}, ${length}`);
  tf.dispose([tokens, slope, squared]);
  disposeParams(params);
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("resnet: the same key gives the same bits, another key others; zeroInitResidual makes blocks pass through", async () => {
  await selectBackend("cpu");
  const before = tf.memory().numTensors;
  const model = built(small({ depth: 50, zeroInitResidual: true }), 12);
  const [one, same, other] = [model.init(keyOf(3)), model.init(keyOf(3)), model.init(keyOf(4))];
  assertEquals(await bitsOf(one), await bitsOf(same));
  assertNotEquals(await bitsOf(one), await bitsOf(other));
  const leaves = new Map(flatten(one));
  assertEquals([...await leaves.get("layer2.1.bn3.weight")!.data()], new Array(16).fill(0));
  assertEquals([...await leaves.get("layer2.1.bn2.weight")!.data()], new Array(4).fill(1));
  const [first, second] = tf.tidy(() => {
    const seen = new Map<string, Tensor>();
    const collect = (name: string, value: Tensor) => void seen.set(name, value);
    model.apply(one, tf.tensor(uniform(keyOf(5), 2 * 144 * 3), [2, 144, 3]), { collect });
    return [seen.get("layer1.0")!, seen.get("layer1.2")!];
  });
  assertEquals([...await first.data()], [...await second.data()]);
  assert(Math.max(...await first.data()) > 0);
  tf.dispose([first, second]);
  [one, same, other].forEach(disposeParams);
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("resnet: weights go to files of PyTorch's and back to the bit", async () => {
  await selectBackend("cpu");
  const model = built(small({ depth: 18, code: 3 }), 12);
  const params = model.init(keyOf(8));
  const loaded = loadTorch(model, await saveTorch(model, params), "resnet.safetensors");
  assertEquals(await bitsOf(loaded), await bitsOf(params));
  assertEquals(flatten(loaded).map(([name]) => name), flatten(params).map(([name]) => name));
  [params, loaded].forEach(disposeParams);
});

Deno.test("resnet: the configuration builds the same network", () => {
  const builders: Record<string, (config: JsonObject) => Architecture> = {
    resnet18: (config) => resnet18(config as ResnetOptions),
    resnet34: (config) => resnet34(config as ResnetOptions),
    resnet50: (config) => resnet50(config as ResnetOptions),
  };
  for (
    const architecture of [
      resnet18(),
      resnet34({ code: 7, stem: "cifar" }),
      resnet50({ width: 8, zeroInitResidual: true }),
    ]
  ) {
    const stored: JsonObject = JSON.parse(JSON.stringify(architecture.config));
    const given = Object.fromEntries(Object.entries(stored).filter(([, value]) => value !== null));
    const again = builders[architecture.name](given);
    assertEquals(again.config, architecture.config);
    assertEquals(built(again).torch, built(architecture).torch);
  }
});

Deno.test("resnet: refuses what it cannot build", () => {
  const image = { height: 28, width: 28, channels: 3 };
  for (const tokenizer of [patches1d({ size: 1 }), patches2d({ size: 4 })]) {
    assertThrows(
      () => resnet18().build({ grid: tokenizer.grid(image), classes: 10 }),
      PolyphaseError,
      "tokenize with pixels()",
    );
  }
  assertThrows(() => resnet({ depth: 19 as 18 }), PolyphaseError, "expected 18, 34, 50, 101, 152");
  assertThrows(() => resnet18({ stem: "none" as "cifar" }), PolyphaseError, 'expected "imagenet" or "cifar"');
  assertThrows(() => resnet18({ code: 0 }), PolyphaseError, "code 0");
  assertThrows(() => resnet18({ width: 1.5 }), PolyphaseError, "width 1.5");
});
