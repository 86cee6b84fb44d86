/**
 * Residual networks under circular shifts, at every offset and with random weights: those that choose polyphases do not
 * notice, the others do.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { shiftImages } from "../../datasets/shift.ts";
import { selectBackend } from "../../models/backend/select.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import type { Model, Params } from "../../models/model.ts";
import { disposeParams, flatten, unflatten } from "../../models/params.ts";
import { resnet, resnet18Aps, resnet18Lps, type ResnetDepthOptions } from "../../models/resnet.ts";
import { pixels } from "../../models/tokenizers/patches.ts";
import { argmaxRows, tokenTensor } from "../../pipeline/predict.ts";
import { foldIn, keyOf, normal } from "../../pipeline/random.ts";
import { randomImages } from "../pipeline/fixtures.ts";

/** Classes of the networks here. */
const CLASSES = 5;

/** Fresh parameters, but with biases, running statistics and scales drawn, too. */
function drawnParams(model: Model): Params {
  const fresh = model.init(keyOf(1));
  const drawn = unflatten(
    flatten(fresh).map(([name, { shape, size }]) => {
      const values = normal(foldIn(keyOf(2), name), size);
      const isPositive = name.endsWith("runningVar") || (shape.length === 1 && name.endsWith(".weight"));
      const scale = shape.length === 1 ? 0.3 : Math.sqrt(2 / (size / shape.at(-1)!));
      return [
        name,
        tf.tensor(values.map((value) => isPositive ? 0.7 + 0.3 * Math.abs(value) : scale * value), shape),
      ];
    }),
  );
  disposeParams(fresh);
  return drawn;
}

/** What becomes of an image at every shift, or at every `step`-th along both axes. */
async function underShifts(options: ResnetDepthOptions, height: number, width: number, step = 1) {
  await selectBackend("wasm");
  const before = tf.memory().numTensors;
  const tokenizer = pixels();
  const image = randomImages(keyOf(3), { count: 1, height, width, channels: 2 });
  const grid = tokenizer.grid(image);
  const model = resnet(options).build({ grid, classes: CLASSES });
  const params = drawnParams(model);
  const offsets = Array.from({ length: (height / step) * (width / step) }, (_, index) => ({
    dy: Math.floor(index / (width / step)) * step,
    dx: index % (width / step) * step,
  }));
  const copies = {
    ...image,
    count: offsets.length,
    pixels: new Uint8Array(offsets.length * image.pixels.length),
  };
  offsets.forEach((_, index) => copies.pixels.set(image.pixels, index * image.pixels.length));
  const { values } = tokenizer.tokenize(shiftImages(copies, offsets, "circular-2d"), { key: keyOf(0) });
  const seen = new Map<string, number[]>();
  const logits = tf.tidy(() => {
    const collected: [string, Tensor][] = [];
    const made = model.apply(params, tokenTensor(values, offsets.length, grid), {
      collect: (name, value) => void (/\.(phase|gap)$/.test(name) && collected.push([name, value])),
    });
    for (const [name, value] of collected) seen.set(name, [...value.dataSync()]);
    return made;
  });
  const rows = await logits.data<"float32">();
  tf.dispose(logits);
  disposeParams(params);
  assertEquals(tf.memory().numTensors, before);
  const size = Math.max(...rows.map(Math.abs));
  const worst = Math.max(...rows.map((each, index) => Math.abs(each - rows[index % CLASSES])));
  const labels = argmaxRows(rows, CLASSES);
  return { error: worst / size, isUnanimous: labels.every((label) => label === labels[0]), seen };
}

const INVARIANT: readonly [options: ResnetDepthOptions, height: number, width: number][] = [
  [{ depth: 18, width: 8, stem: "cifar", downsample: "aps" }, 16, 8],
  [{ depth: 18, width: 8, stem: "cifar", downsample: "aps", filterSize: 4 }, 8, 16],
  [{ depth: 18, width: 8, stem: "cifar", downsample: "aps", filterSize: 3, energy: { p: 3 } }, 8, 8],
  [{ depth: 50, width: 4, stem: "cifar", downsample: "aps", code: 6 }, 8, 8],
  [{ depth: 18, width: 8, stem: "cifar", downsample: "lps" }, 16, 8],
  [{ depth: 18, width: 8, stem: "cifar", downsample: "lps", filterSize: 2, logitChannels: 3 }, 8, 8],
  [{ depth: 50, width: 4, stem: "cifar", downsample: "lps" }, 8, 8],
  [{ depth: 18, width: 4, downsample: "aps" }, 32, 32],
  [{ depth: 18, width: 4, downsample: "lps", filterSize: 3 }, 32, 32],
];

for (const [options, height, width] of INVARIANT) {
  const { depth, stem = "imagenet", downsample, filterSize = 1 } = options;
  const what = `${depth} layers, stem ${stem}, filter ${filterSize}, ${height}×${width}`;
  Deno.test(`resnet with ${downsample}: no circular shift changes the logits (${what})`, async () => {
    const { error, isUnanimous, seen } = await underShifts(options, height, width);
    assert(error < 1e-5, `${error}`);
    assert(isUnanimous);
    const places = [
      ...stem === "imagenet" ? ["stem.conv", "stem.pool"] : [],
      "layer2.0",
      "layer3.0",
      "layer4.0",
    ];
    assertEquals([...seen.keys()], places.flatMap((place) => [`${place}.phase`, `${place}.gap`]));
    const count = height * width;
    // The first choice follows the image: each polyphase at a quarter of the offsets.
    const phases = seen.get(`${places[0]}.phase`)!;
    assertEquals(phases.length, 2 * count);
    const times = [0, 0, 0, 0];
    for (let image = 0; image < count; image++) times[2 * phases[2 * image] + phases[2 * image + 1]]++;
    assertEquals(times, new Array(4).fill(count / 4));
    for (const place of places) {
      const gaps = seen.get(`${place}.gap`)!;
      assertEquals(gaps.length, count);
      // Filtered, the polyphases of a few pixels may all be the same.
      const least = place === places[0] ? 1e-6 : 0;
      assert(gaps.every((gap) => gap >= least && gap < 1), `${place}: ${Math.min(...gaps)}`);
    }
  });
}

const BREAKABLE: readonly [why: string, options: ResnetDepthOptions][] = [
  ["it strides", { depth: 18, stem: "cifar" }],
  ["it strides, padded circularly", { depth: 18, stem: "cifar", padding: "circular" }],
  ["filters alone do not do", { depth: 18, stem: "cifar", downsample: "blur", padding: "circular" }],
  ["aps is padded with zeros", { depth: 18, stem: "cifar", downsample: "aps", padding: "zero" }],
  ["lps is padded with zeros", { depth: 18, stem: "cifar", downsample: "lps", padding: "zero" }],
];

for (const [why, options] of BREAKABLE) {
  Deno.test(`resnet: a circular shift changes the logits, since ${why}`, async () => {
    const { error } = await underShifts({ ...options, width: 8 }, 16, 16);
    assert(error > 1e-3, `${error}`);
  });
}

Deno.test("resnet: a stem that strides breaks the invariance, but for shifts by whole strides", async () => {
  const options = { depth: 18, width: 4, downsample: "aps", poolOnly: true } as const;
  const [all, even] = [await underShifts(options, 32, 32), await underShifts(options, 32, 32, 2)];
  assert(all.error > 1e-3, `${all.error}`);
  assert(even.error < 1e-5 && even.isUnanimous, `${even.error}`);
  assertEquals([...even.seen.keys()].filter((name) => name.startsWith("stem")), [
    "stem.pool.phase",
    "stem.pool.gap",
  ]);
});

Deno.test("resnet: filters bring the logits of shifted images nearer to each other", async () => {
  const plain = await underShifts({ depth: 18, width: 8, stem: "cifar", padding: "circular" }, 16, 16);
  const filtered = { depth: 18, width: 8, stem: "cifar", padding: "circular", downsample: "blur" } as const;
  const small = await underShifts({ ...filtered, filterSize: 2 }, 16, 16);
  const large = await underShifts({ ...filtered, filterSize: 5 }, 16, 16);
  assert(small.error < 0.8 * plain.error, `${small.error}, ${plain.error}`);
  assert(large.error < 0.8 * small.error, `${large.error}, ${small.error}`);
});

Deno.test("resnet with lps: in training the mixture is drawn by key, and not at all without one", async () => {
  await selectBackend("wasm");
  const before = tf.memory().numTensors;
  const grid = pixels().grid({ height: 8, width: 8, channels: 1 });
  const model = resnet18Lps({ stem: "cifar", width: 4 }).build({ grid, classes: CLASSES });
  const params = drawnParams(model);
  const tokens = tf.tensor(normal(keyOf(5), 256), [4, 64, 1]);
  const weightsOf = (seed: number | undefined) => {
    const seen: Record<string, number[]> = {};
    tf.tidy(() => {
      model.apply(params, tokens, {
        training: true,
        key: seed === undefined ? undefined : keyOf(seed),
        collect: (name, value) => {
          if (name.endsWith(".weights")) seen[name] = [...value.dataSync()];
          assert(!name.endsWith(".phase"));
        },
      });
    });
    return seen;
  };
  const [one, same, other, none] = [weightsOf(1), weightsOf(1), weightsOf(2), weightsOf(undefined)];
  assertEquals(Object.keys(one), ["layer2.0.weights", "layer3.0.weights", "layer4.0.weights"]);
  assertEquals(one, same);
  assertNotEquals(one, other);
  assertNotEquals(one, none);
  // Each place draws for itself.
  assertNotEquals(one["layer2.0.weights"], one["layer3.0.weights"]);
  for (const weights of Object.values(one)) {
    assertEquals(weights.length, 16);
    for (let image = 0; image < 4; image++) {
      const sum = weights.slice(4 * image, 4 * image + 4).reduce((total, each) => total + each);
      assert(Math.abs(sum - 1) < 1e-5);
    }
  }
  tokens.dispose();
  disposeParams(params);
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("resnet with aps: one image more in the batch changes no other's choice", async () => {
  await selectBackend("wasm");
  tf.tidy(() => {
    const grid = pixels().grid({ height: 8, width: 8, channels: 1 });
    const model = resnet18Aps({ stem: "cifar", width: 4 }).build({ grid, classes: CLASSES });
    const params = drawnParams(model);
    const tokens = tf.tensor(normal(keyOf(6), 256), [4, 64, 1]);
    const together = model.apply(params, tokens);
    const alone = Array.from(
      { length: 4 },
      (_, row) => model.apply(params, tf.slice(tokens, [row, 0, 0], [1, 64, 1])),
    );
    const error = tf.max(tf.abs(tf.sub(together, tf.concat(alone)))).dataSync()[0];
    assert(error < 1e-4 * tf.max(tf.abs(together)).dataSync()[0], `${error}`);
  });
});
