/**
 * The Performer: its random directions, sizes, buffers, names, gradients and refusals.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import { orthogonalFeatures } from "../../models/layers/orthogonal_features.ts";
import { crossEntropy } from "../../models/losses.ts";
import { adam } from "../../models/optimizers/adam.ts";
import { countParams, disposeParams, flatten } from "../../models/params.ts";
import { performer, type PerformerOptions } from "../../models/performer.ts";
import { pixels } from "../../models/tokenizers/patches.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { foldIn, keyOf, split, uniform } from "../../pipeline/random.ts";
import { initialState, trainStep } from "../../pipeline/train_step.ts";
import { assertClose } from "./backend/ops/support.ts";

const KEY = keyOf(1);
const GRID = pixels().grid({ height: 4, width: 4, channels: 3 });
const SMALL: PerformerOptions = { layers: 2, heads: 2, embed: 8, mlp: 12 };

const build = (options: PerformerOptions = {}) =>
  performer({ ...SMALL, ...options }).build({ grid: GRID, classes: 5 });

const images = (count: number) => tf.tensor(uniform(KEY, count * 48), [count, 16, 3]);

Deno.test("orthogonal features: rows of a block are at right angles, and as long as normal vectors", () => {
  const [count, dim] = [22, 8];
  const rows = orthogonalFeatures(KEY, count, dim);
  const dot = (a: number, b: number) => {
    let sum = 0;
    for (let index = 0; index < dim; index++) sum += rows[a * dim + index] * rows[b * dim + index];
    return sum;
  };
  for (let a = 0; a < count; a++) {
    for (let b = 0; b < a; b++) {
      if (Math.floor(a / dim) !== Math.floor(b / dim)) continue;
      assert(Math.abs(dot(a, b)) < 1e-5, `rows ${a} and ${b}: ${dot(a, b)}`);
    }
  }
  assertEquals(orthogonalFeatures(KEY, count, dim), rows);
  assertNotEquals(orthogonalFeatures(keyOf(2), count, dim), rows);
  const many = orthogonalFeatures(KEY, 4000, 4);
  const mean = many.reduce((sum, value) => sum + value ** 2, 0) / 4000;
  assertAlmostEquals(mean, 4, 0.15);
});

Deno.test("orthogonal features: products of exponentials are right on average, along the diagonal too", () => {
  // A decomposition that leaves the signs as they come is wrong there.
  const [dim, draws] = [8, 400];
  const sum = Array.from({ length: dim }, () => 1.2 / Math.sqrt(dim));
  let total = 0;
  for (const key of split(KEY, draws)) {
    const rows = orthogonalFeatures(key, dim, dim);
    for (let row = 0; row < dim; row++) {
      const along = sum.reduce((all, value, index) => all + value * rows[row * dim + index], 0);
      total += Math.exp(along - 1.2 ** 2 / 2) / (dim * draws);
    }
  }
  assertAlmostEquals(total, 1, 0.08);
});

Deno.test("performer: parameters, buffers and multiply-adds are those of the parts", async () => {
  await selectBackend("wasm");
  const before = tf.memory().numTensors;
  const model = build({ features: 6, code: 7 });
  const params = model.init(KEY);
  const block = 4 * 8 + 9 * 24 + 9 * 8 + 9 * 12 + 13 * 8;
  assertEquals(countParams(params, model), 4 * 8 + 16 * 8 + 2 * block + 9 * 7 + 8 * 5);
  const buffers = flatten(params).filter(([name]) => model.isBuffer!(name));
  assertEquals(buffers.map(([name, { shape }]) => [name, shape]), [
    ["blocks.0.attention.projection", [6, 4]],
    ["blocks.1.attention.projection", [6, 4]],
  ]);
  assertNotEquals([...await buffers[0][1].data()], [...await buffers[1][1].data()]);
  const perToken = 8 * 24 + 8 * 8 + 2 * 8 * 12 + 2 * (2 * 6 * 4 + 2 * 6 * 5);
  assertEquals(model.multiplyAdds, 16 * 3 * 8 + 2 * 16 * perToken + 8 * 7 + 7 * 5);
  disposeParams(params);
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("performer: ⌊dim ln dim⌋ features by default, and a configuration that makes the same model", () => {
  assertEquals(performer().config, {
    name: "performer",
    layers: 4,
    heads: 4,
    embed: 128,
    mlp: 512,
    features: 110,
    kernel: "softmax",
    epsilon: 1e-4,
    dropout: 0,
    code: null,
  });
  assertEquals(performer({ heads: 128 }).config.features, 1);
  assertEquals(performer({ kernel: "relu", code: 9 }).config.epsilon, 1e-3);
  const { name: _, ...config } = performer({ ...SMALL, kernel: "relu", code: 9 }).config;
  assertEquals(performer(config as PerformerOptions).config, { name: "performer", ...config });
});

for (const kernel of ["softmax", "relu"] as const) {
  Deno.test(`performer: hands over activations, and an image does not see the others (${kernel})`, async () => {
    await selectBackend("wasm");
    const model = build({ kernel });
    const params = model.init(KEY);
    const before = tf.memory().numTensors;
    const seen: [string, number[]][] = [];
    const [all, one, code, logits] = tf.tidy(() => {
      const x = images(3);
      let code: Tensor | undefined;
      const collect = (name: string, activation: Tensor) => {
        seen.push([name, activation.shape]);
        if (name === "code") code = tf.clone(activation);
      };
      const all = model.apply(params, x, { collect });
      const { weight, bias } = params.head as { weight: Tensor; bias: Tensor };
      return [
        all,
        model.apply(params, tf.slice(x, 0, 1)),
        code!,
        tf.add(
          tf.matMul(code as ReturnType<typeof tf.tensor2d>, weight as ReturnType<typeof tf.tensor2d>),
          bias,
        ),
      ];
    });
    const tokens = [3, 16, 8];
    assertEquals(seen, [
      ["embedding", tokens],
      ["blocks.0.attention", tokens],
      ["blocks.0", tokens],
      ["blocks.1.attention", tokens],
      ["blocks.1", tokens],
      ["code", [3, 8]],
    ]);
    const values = await all.data();
    assertClose(await one.data(), values.subarray(0, 5), 1e-6, "first image");
    assertClose(await logits.data(), values, 1e-6, "logits of the code");
    assertEquals(code.shape, [3, 8]);
    tf.dispose([all, one, code, logits]);
    assertEquals(tf.memory().numTensors, before);
    disposeParams(params);
  });
}

Deno.test("performer: learns a batch by heart with its buffers as they were, and leaks nothing", async () => {
  await selectBackend("wasm");
  const before = tf.memory().numTensors;
  const rule = {
    model: build({ code: 6, dropout: 0.05 }),
    loss: crossEntropy(),
    optimizer: adam({ learningRate: 1e-2 }),
  };
  let state = initialState(rule, KEY);
  const place = state.names.indexOf("blocks.1.attention.projection");
  const drawn = [...await state.leaves[place].data()];
  const batch = { tokens: images(5), labels: tf.oneHot(tf.tensor1d([0, 1, 2, 3, 4], "int32"), 5) };
  const held = tf.memory().numTensors;
  const losses: number[] = [];
  for (let step = 0; step < 60; step++) {
    const done = await trainStep(rule, state, batch, foldIn(KEY, step));
    state = done.state;
    losses.push(done.loss);
  }
  assertEquals(tf.memory().numTensors, held);
  assert(losses.at(-1)! < losses[0] / 4, `${losses[0]} → ${losses.at(-1)}`);
  assertEquals([...await state.leaves[place].data()], drawn);
  tf.dispose([...state.leaves, ...Object.values(state.optimizer.slots).flat(), batch.tokens, batch.labels]);
  // The indices of the classes.
  assertEquals(tf.memory().numTensors, before + 1);
});

Deno.test("performer: dropout draws by key, in training alone", async () => {
  await selectBackend("wasm");
  const model = build({ dropout: 0.5 });
  const params = model.init(KEY);
  const [quiet, first, again, other] = tf.tidy(() => {
    const x = images(2);
    const trained = (seed: number) => model.apply(params, x, { training: true, key: keyOf(seed) });
    return [model.apply(params, x), trained(1), trained(1), trained(2)];
  });
  const [a, b, c, d] = await Promise.all(
    [quiet, first, again, other].map(async (each) => [...await each.data()]),
  );
  assertEquals(c, b);
  assertNotEquals(b, a);
  assertNotEquals(d, b);
  assertThrows(
    () => tf.tidy(() => model.apply(params, images(2), { training: true })),
    PolyphaseError,
    "no key to drop by",
  );
  tf.dispose([quiet, first, again, other]);
  disposeParams(params);
});

Deno.test("performer: options and tokens that do not fit are refused", async () => {
  await selectBackend("wasm");
  for (
    const [options, message] of [
      [{ layers: 0 }, "layers 0, expected a whole number"],
      [{ features: 2.5 }, "features 2.5, expected a whole number"],
      [{ embed: 10, heads: 4 }, "embed 10 and 4 heads, expected heads that divide it: set embed to 12"],
      [{ epsilon: 0 }, "epsilon 0, expected a number above 0"],
      [{ dropout: 2 }, "dropout 2, expected 0 to 1"],
    ] as const
  ) assertThrows(() => performer(options), PolyphaseError, message);
  const model = build();
  const params = model.init(KEY);
  assertThrows(
    () => tf.tidy(() => model.apply(params, tf.zeros([1, 4, 3]))),
    PolyphaseError,
    "tokens [1,4,3], expected [batch, 16, 3]",
  );
  disposeParams(params);
});
