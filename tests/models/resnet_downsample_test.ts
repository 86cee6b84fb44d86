/**
 * Residual networks that filter and choose where others stride: the filtered network written out on plain arrays, weights
 * that go from one to the other, training, sizes and options.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import { crossEntropy } from "../../models/losses.ts";
import type { Architecture, Model } from "../../models/model.ts";
import { countParams, disposeParams, flatten, unflatten } from "../../models/params.ts";
import {
  resnet,
  resnet18,
  resnet18Aps,
  resnet18BlurPool,
  resnet18Lps,
  resnet50,
  type ResnetOptions,
} from "../../models/resnet.ts";
import { loadTorch, saveTorch } from "../../models/torch_weights.ts";
import { pixels } from "../../models/tokenizers/patches.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import type { JsonObject } from "../../pipeline/json.ts";
import { keyOf, normal } from "../../pipeline/random.ts";
import { registry } from "../../pipeline/registry.ts";
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
  relu,
  type StateDict,
  tokensOf,
} from "./torch_reference.ts";

function built(architecture: Architecture, size: number, channels = 2, classes = 4): Model {
  return architecture.build({ grid: pixels().grid({ height: size, width: size, channels }), classes });
}

/** Mirrored and filtered with `[1, 3, 3, 1]` along both axes, then every second pixel. */
function blur(x: Maps): Maps {
  const [batch, channels, height, width] = x.shape;
  const [rows, columns] = [Math.ceil(height / 2), Math.ceil(width / 2)];
  const taps = [1, 3, 3, 1];
  const mirrored = (place: number, length: number) => {
    while (length > 1 && (place < 0 || place >= length)) place = place < 0 ? -place : 2 * length - 2 - place;
    return length === 1 ? 0 : place;
  };
  const data = new Float64Array(batch * channels * rows * columns);
  for (let map = 0; map < batch * channels; map++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        let sum = 0;
        taps.forEach((down, dy) =>
          taps.forEach((along, dx) => {
            const [y, z] = [mirrored(2 * row + dy - 1, height), mirrored(2 * column + dx - 1, width)];
            sum += down * along / 64 * x.data[(map * height + y) * width + z];
          })
        );
        data[(map * rows + row) * columns + column] = sum;
      }
    }
  }
  return { shape: [batch, channels, rows, columns], data };
}

/** The maximum of every 2×2 pixels. */
function densePool(x: Maps): Maps {
  const [batch, channels, height, width] = x.shape;
  const [rows, columns] = [height - 1, width - 1];
  const data = Float64Array.from({ length: batch * channels * rows * columns }, (_, place) => {
    const [map, row] = [Math.floor(place / (rows * columns)), Math.floor(place / columns) % rows];
    const at = (map * height + row) * width + place % columns;
    return Math.max(...[0, 1, width, width + 1].map((step) => x.data[at + step]));
  });
  return { shape: [batch, channels, rows, columns], data };
}

/** The filtered network with basic blocks, two a stage. */
function blurredReference(
  state: StateDict,
  x: Maps,
  stem: string,
  poolOnly: boolean,
  training: boolean,
): Maps {
  const unit = (y: Maps, convName: string, normName: string, stride: number, padding: number) =>
    norm(state, normName, conv(state, convName, y, stride, padding), training);
  let y = stem === "cifar"
    ? relu(unit(x, "conv1", "bn1", 1, 1))
    : relu(unit(x, "conv1", "bn1", poolOnly ? 2 : 1, 3));
  if (stem === "imagenet") y = blur(densePool(poolOnly ? y : blur(y)));
  for (let stage = 1; stage <= 4; stage++) {
    for (const index of [0, 1]) {
      const at = `layer${stage}.${index}.`;
      const halves = stage > 1 && index === 0;
      const first = relu(unit(y, `${at}conv1`, `${at}bn1`, 1, 1));
      const around = halves ? unit(blur(y), `${at}downsample.0`, `${at}downsample.1`, 1, 0) : y;
      y = relu(unit(halves ? blur(first) : first, `${at}conv2`, `${at}bn2`, 1, 1), around);
    }
  }
  return dense(state, "fc", mean(y));
}

for (
  const [stem, size, poolOnly] of [["cifar", 9, undefined], ["imagenet", 37, undefined], [
    "imagenet",
    33,
    false,
  ]] as const
) {
  Deno.test(`resnet18BlurPool: logits are those of the filtered network on plain arrays (stem ${stem}, poolOnly ${poolOnly})`, async () => {
    await selectBackend("wasm");
    const before = tf.memory().numTensors;
    const model = built(resnet18BlurPool({ stem, width: 2, poolOnly }), size);
    const entries = model.torch!.torchvision;
    const state = drawStateDict(keyOf(3), entries);
    const fresh = model.init(keyOf(0));
    const params = paramsOf(state, entries, fresh);
    const images = drawMaps(keyOf(4), [3, 2, size, size]);
    const tokens = tokensOf(images);
    for (const training of [false, true]) {
      const expected = blurredReference(state, images, stem, poolOnly ?? true, training);
      const logits = tf.tidy(() => model.apply(params, tokens, { training }));
      const error = relativeError(await logits.data(), expected.data);
      assert(error < 1e-4, `training ${training}: ${error}`);
      logits.dispose();
    }
    [fresh, params].forEach(disposeParams);
    tokens.dispose();
    assertEquals(tf.memory().numTensors, before);
  });
}

const KINDS: readonly ResnetOptions[] = [
  { downsample: "stride" },
  { downsample: "stride", padding: "circular" },
  { downsample: "blur" },
  { downsample: "aps", filterSize: 3 },
  { downsample: "lps", temperature: 0.5 },
];

for (const kind of KINDS) {
  Deno.test(`resnet: training follows the slope of the loss, and leaves no tensors (${JSON.stringify(kind)})`, async () => {
    await selectBackend("wasm");
    const before = tf.memory().numTensors;
    const model = built(resnet18({ ...kind, stem: "cifar", width: 4 }), 16);
    const params = model.init(keyOf(6));
    const leaves = flatten(params).filter(([name]) => !model.isBuffer!(name));
    const buffers = flatten(params).filter(([name]) => model.isBuffer!(name));
    const tokens = tf.tensor(normal(keyOf(7), 5 * 512), [5, 256, 2]);
    const labels = tf.tidy(() => tf.cast(tf.oneHot([1, 0, 3, 2, 1], 4), "float32"));
    const updated = new Set<string>();
    const lossOf = (...each: Tensor[]) => {
      const tree = unflatten([...each.map((leaf, index) => [leaves[index][0], leaf] as const), ...buffers]);
      const options = { training: true, key: keyOf(8), update: (name: string) => void updated.add(name) };
      return crossEntropy().apply(model.apply(tree, tokens, options), labels).asScalar();
    };
    const { value, grads } = tf.valueAndGrads(lossOf)(leaves.map(([, leaf]) => leaf));
    assertEquals([...updated].sort(), buffers.map(([name]) => name).sort());
    const squared = tf.tidy(() =>
      grads.reduce<Tensor>((sum, grad) => tf.add(sum, tf.sum(tf.square(grad))), tf.scalar(0))
    );
    const [length] = await squared.data();
    const moved = async (by: number) => {
      const at = tf.tidy(() => lossOf(...leaves.map(([, leaf], i) => tf.add(leaf, tf.mul(grads[i], by)))));
      const [number] = await at.data();
      at.dispose();
      return number;
    };
    const step = 2e-3 / length;
    const slope = (await moved(step) - await moved(-step)) / (2 * step);
    assert(length > 0.01 && Math.abs(slope / length - 1) < 0.02, `${slope}, ${length}`);
    tf.dispose([value, squared, ...grads, tokens, labels]);
    disposeParams(params);
    assertEquals(tf.memory().numTensors, before);
  });
}

Deno.test("resnet: weights move from the plain network to those that filter or choose, and back, to the bit", async () => {
  await selectBackend("cpu");
  const before = tf.memory().numTensors;
  const options = { stem: "cifar", width: 2, code: 3 } as const;
  const plain = built(resnet18(options), 16);
  const params = plain.init(keyOf(8));
  for (const made of [resnet18BlurPool(options), resnet18Aps(options)]) {
    const model = built(made, 16);
    const loaded = loadTorch(model, await saveTorch(plain, params), "plain.safetensors");
    assertEquals(await bitsOf(loaded), await bitsOf(params));
    const back = loadTorch(plain, await saveTorch(model, loaded), "back.safetensors");
    assertEquals(await bitsOf(back), await bitsOf(params));
    const fresh = model.init(keyOf(8));
    assertEquals(await bitsOf(fresh), await bitsOf(params));
    [loaded, back, fresh].forEach(disposeParams);
  }
  // Learned choices have parameters of their own, and begin with those of the others else.
  const learned = built(resnet18Lps(options), 16);
  assertEquals(learned.torch, undefined);
  const fresh = learned.init(keyOf(8));
  const [theirs, ours] = [await bitsOf(params), await bitsOf(fresh)];
  for (const [name, bits] of Object.entries(theirs)) assertEquals(ours[name], bits, name);
  const besides = Object.keys(ours).filter((name) => !(name in theirs));
  assert(
    besides.every((name) => /^layer[234]\.0\.logits\.conv[12]\.(weight|bias)$/.test(name)),
    `${besides}`,
  );
  const logits = [4, 8, 16].reduce((sum, channels) => sum + 2 * (9 * channels ** 2 + channels), 0);
  assertEquals(countParams(fresh, learned) - countParams(params, plain), logits);
  [params, fresh].forEach(disposeParams);
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("resnet with lps: the stem for ImageNet has two networks of logits, of their own size", async () => {
  await selectBackend("cpu");
  tf.tidy(() => {
    const model = built(resnet18Lps({ width: 2, logitChannels: 5 }), 32);
    const shapes = new Map(flatten(model.init(keyOf(1))).map(([name, { shape }]) => [name, shape]));
    for (const place of ["stem.conv", "stem.pool"]) {
      assertEquals(shapes.get(`${place}.logits.conv1.weight`), [3, 3, 2, 5]);
      assertEquals(shapes.get(`${place}.logits.conv2.bias`), [5]);
    }
  });
});

Deno.test("resnet: the configuration builds the same network, whatever it samples by", () => {
  const rebuilt = (stored: JsonObject) =>
    registry.model[stored.name as string](stored, () => {
      throw new Error("a network has no parts");
    }) as Architecture;
  for (
    const made of [
      resnet18({ padding: "circular" }),
      resnet18BlurPool({ filterSize: 5, poolOnly: false }),
      resnet18BlurPool({ stem: "cifar", padding: "circular" }),
      resnet18Aps({ energy: { p: 1 }, code: 4 }),
      resnet18Lps({ temperature: 0.3, logitChannels: 7, padding: "zero" }),
      resnet50({ downsample: "lps", stem: "cifar" }),
      resnet({ depth: 152, downsample: "aps", poolOnly: true }),
    ]
  ) {
    const again = rebuilt(JSON.parse(JSON.stringify(made.config)));
    assertEquals(again.config, made.config);
    assertEquals(built(again, 32).multiplyAdds, built(made, 32).multiplyAdds);
  }
  const { padding, filterSize, poolOnly } = resnet18Aps().config;
  assertEquals([padding, filterSize, poolOnly], ["circular", 1, false]);
  assertEquals([resnet18BlurPool().config.filterSize, resnet18BlurPool().config.poolOnly], [4, true]);
  assertNotEquals(resnet18().config, resnet18Aps().config);
});

Deno.test("multiply-adds count convolutions of stride 1, filters and networks of logits", () => {
  const count = (options: ResnetOptions) =>
    built(resnet18({ stem: "cifar", width: 8, ...options }), 16).multiplyAdds!;
  const plain = count({});
  // 16, 8 and 4 pixels a side come into the stages that halve; the first convolution of each sees them all.
  const dense = [[16, 8, 16], [8, 16, 32], [4, 32, 64]].reduce(
    (sum, [size, inputs, width]) => sum + 0.75 * size ** 2 * 9 * inputs * width,
    0,
  );
  assertEquals(count({ downsample: "aps" }), plain + dense);
  const pixels = [[16, 8, 16], [8, 16, 32], [4, 32, 64]];
  const filters = pixels.reduce((sum, [size, inputs, width]) => sum + size ** 2 * 9 * (inputs + width), 0);
  assertEquals(count({ downsample: "aps", filterSize: 3 }), plain + dense + filters);
  assertEquals(count({ downsample: "blur", filterSize: 3 }), plain + dense + filters / 4);
  const logits = pixels.reduce((sum, [size, , width]) => sum + size ** 2 * width * (9 * width + 1), 0);
  assertEquals(count({ downsample: "lps" }), plain + dense + logits);
  // 32 → 16 (convolution) → 15 (maximum) → 8: only the first filter is new to the stem.
  const large = (options: ResnetOptions) => built(resnet18({ width: 8, ...options }), 32).multiplyAdds!;
  const stem = 3 * 256 * 49 * 2 * 8;
  assertEquals(
    large({ downsample: "blur", poolOnly: false }) - large({ downsample: "blur" }),
    stem + 256 * 16 * 8,
  );
});

Deno.test("resnet: images that polyphases do not fit are refused, with the sizes that do", () => {
  assertThrows(
    () => built(resnet18Aps({ stem: "cifar" }), 28),
    PolyphaseError,
    'resnet18 with downsample "aps" got images of 28×28 pixels, expected sides that 8 divides: resize or pad them to 24×24 or 32×32',
  );
  assertThrows(
    () => built(resnet18Lps(), 28),
    PolyphaseError,
    "sides that 32 divides: resize or pad them to 32×32",
  );
  assertThrows(() => built(resnet18BlurPool(), 2), PolyphaseError, "expected 3 or more along each side");
  for (const size of [3, 28, 31]) built(resnet18BlurPool(), size);
  built(resnet18BlurPool({ padding: "circular" }), 1);
});

Deno.test("resnet: options that say nothing here are refused", () => {
  const refuses = (options: ResnetOptions, text: string) =>
    assertThrows(() => resnet18(options), PolyphaseError, text);
  refuses({ downsample: "max" as "aps" }, 'downsample "max", expected "stride", "blur", "aps", "lps"');
  refuses({ padding: "same" as "zero" }, 'padding "same", expected "zero" or "circular"');
  refuses({ filterSize: 3 }, 'filterSize with downsample "stride", expected it with blur, aps, lps');
  refuses({ downsample: "blur", energy: { p: 3 } }, "energy");
  refuses({ downsample: "aps", temperature: 2 }, "temperature");
  refuses({ downsample: "aps", logitChannels: 2 }, "logitChannels");
  refuses({ downsample: "aps", stem: "cifar", poolOnly: false }, "leave poolOnly out");
  refuses({ downsample: "aps", filterSize: 8 }, "whole number from 1 to 7");
  refuses({ downsample: "aps", energy: { p: 0 } }, "energy exponent p 0");
  refuses({ downsample: "lps", temperature: 0 }, "temperature 0");
  refuses({ downsample: "lps", logitChannels: 0 }, "logitChannels 0");
});
