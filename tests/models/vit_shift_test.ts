/**
 * The vision transformer under every circular shift: the adaptive twin is invariant, and whatever lacks one of its parts
 * is for just those shifts that the rest leaves it.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { Images } from "../../datasets/dataset.ts";
import { selectBackend } from "../../models/backend/select.ts";
import { tf } from "../../models/backend/tf.ts";
import { crossEntropy } from "../../models/losses.ts";
import { adamW } from "../../models/optimizers/adamw.ts";
import { disposeParams, flatten, unflatten } from "../../models/params.ts";
import { adaptive } from "../../models/tokenizers/adaptive.ts";
import { patches1d, patches2d, type PatchTokenizer } from "../../models/tokenizers/patches.ts";
import { vit, type VitOptions } from "../../models/vit.ts";
import { vitAdaptive } from "../../models/vit_adaptive.ts";
import { circularShift } from "../../pipeline/augment.ts";
import { makeBatch } from "../../pipeline/batch.ts";
import { gradientOf } from "../../pipeline/gradient.ts";
import type { Predictor } from "../../pipeline/predict.ts";
import { keyOf } from "../../pipeline/random.ts";
import { initialState, trainStep } from "../../pipeline/train_step.ts";
import { relativeError } from "../golden.ts";
import { randomImages } from "../pipeline/fixtures.ts";
import { agreement, type CircularMode, drawnLike, SAME } from "./every_shift.ts";

/** Images, patches on them, and what shares of the shifts are left. */
interface Case {
  readonly name: string;
  readonly shape: { readonly height: number; readonly width: number; readonly channels: number };
  readonly patches: PatchTokenizer;
  readonly mode: CircularMode;
  /** Shifts in all; tokens; places for the grid to start at. The first is the product of the others. */
  readonly shifts: number;
  readonly tokens: number;
  readonly phases: number;
}

const SMALL: Case = {
  name: "8×8, patch 2",
  shape: { height: 8, width: 8, channels: 1 },
  patches: patches2d({ size: 2 }),
  mode: "circular-2d",
  shifts: 64,
  tokens: 16,
  phases: 4,
};

const CASES: readonly Case[] = [
  SMALL,
  {
    name: "14×14, patch 2",
    shape: { height: 14, width: 14, channels: 1 },
    patches: patches2d({ size: 2 }),
    mode: "circular-2d",
    shifts: 196,
    tokens: 49,
    phases: 4,
  },
  {
    name: "9×12 of three channels, patch 3",
    shape: { height: 9, width: 12, channels: 3 },
    patches: patches2d({ size: 3 }),
    mode: "circular-2d",
    shifts: 108,
    tokens: 12,
    phases: 9,
  },
  {
    name: "6×8 flattened, patch 4",
    shape: { height: 6, width: 8, channels: 1 },
    patches: patches1d({ size: 4 }),
    mode: "circular-flat",
    shifts: 48,
    tokens: 12,
    phases: 4,
  },
];

function predictor({ shape, patches }: Case, options: VitOptions, isAdaptive: boolean): Predictor {
  const grid = patches.grid(shape);
  const model = vit({ layers: 2, heads: 2, embed: 8, mlp: 12, ...options }).build({ grid, classes: 5 });
  return {
    grid,
    model,
    tokenizer: isAdaptive ? adaptive(patches) : patches,
    params: drawnLike(model.init(keyOf(0)), keyOf(1)),
  };
}

function imagesOf({ shape }: Case): Images {
  return randomImages(keyOf(7), { ...shape, count: 3 });
}

for (const each of CASES) {
  Deno.test(`vit under shift: as many shifts leave the logits as the parts do (${each.name})`, async () => {
    await selectBackend("wasm");
    const { shifts, tokens, phases } = each;
    const before = tf.memory().numTensors;
    const mean = { classToken: false } as const;
    const rows: [options: VitOptions, isAdaptive: boolean, share: number][] = [
      [{ ...mean, positions: "learned" }, false, 1 / shifts],
      [{ positions: "learned" }, false, 1 / shifts],
      [{ ...mean, positions: "relative" }, false, 1 / shifts],
      // The grid follows the image, but for whole tokens.
      [{ ...mean, positions: "learned" }, true, 1 / tokens],
      [{ ...mean, positions: "relative" }, true, 1 / tokens],
      [{ positions: "relative" }, true, 1 / tokens],
      // Whole tokens do no harm, but the grid stays.
      [{ ...mean, positions: "circular" }, false, 1 / phases],
      [{ ...mean, positions: "circular-convolution" }, false, 1 / phases],
      [{ ...mean, positions: "none" }, false, 1 / phases],
      // Both.
      [{ ...mean, positions: "circular" }, true, 1],
      [{ positions: "circular" }, true, 1],
      [{ positions: "circular", pooling: "mean" }, true, 1],
      [{ ...mean, positions: "circular-convolution" }, true, 1],
      [{ positions: "circular-convolution" }, true, 1],
      [{ ...mean, positions: "none" }, true, 1],
    ];
    for (const [options, isAdaptive, share] of rows) {
      const made = predictor(each, options, isAdaptive);
      const { same, predicted, within, beyond } = await agreement(made, imagesOf(each), each.mode);
      const text = `${JSON.stringify(options)}, ${isAdaptive ? "adaptive" : "fixed"} grid`;
      assertAlmostEquals(same, share, 1e-12, text);
      assert(within < SAME, text);
      if (share === 1) assertEquals(predicted, 1, text);
      // What differs does so by far more than rounding.
      else assert(beyond > 10 * SAME, `${text}: ${beyond}`);
      disposeParams(made.params);
    }
    assertEquals(tf.memory().numTensors, before);
  });
}

Deno.test("vit under shift: the twin is invariant with ops of either form, and after training", async () => {
  await selectBackend("wasm");
  const before = tf.memory().numTensors;
  for (const exact of [false, true]) {
    const made = predictor(SMALL, { classToken: false, positions: "circular", exact }, true);
    assertEquals((await agreement(made, imagesOf(SMALL), SMALL.mode)).same, 1);
    disposeParams(made.params);
  }
  const tokenizer = adaptive(SMALL.patches);
  const grid = tokenizer.grid(SMALL.shape);
  const model = vitAdaptive({ layers: 1, heads: 2, embed: 8, mlp: 12 }).build({ grid, classes: 5 });
  const rule = { model, loss: crossEntropy(), optimizer: adamW({ learningRate: 0.05 }) };
  let state = initialState(rule, keyOf(2));
  const noise = randomImages(keyOf(8), { ...SMALL.shape, count: 10 });
  // The brighter, the higher the class, which can be learned of tokens in any order.
  const pixels = noise.pixels.map((value, at) => value * ((Math.floor(at / 64) % 5) + 1) / 5);
  const images = { ...noise, pixels };
  const data = source(images, tokenizer);
  const losses: number[] = [];
  for (let step = 0; step < 20; step++) {
    const params = unflatten(state.names.map((name, at) => [name, state.leaves[at]]));
    const batch = await makeBatch(data, PICKS, keyOf(3), { model, params });
    const taken = await trainStep(rule, state, batch, keyOf(4));
    state = taken.state;
    losses.push(taken.loss);
    tf.dispose([batch.tokens, batch.labels]);
  }
  assert(losses[19] < losses[0] - 0.1, `the loss went from ${losses[0]} to ${losses[19]}`);
  const params = unflatten(state.names.map((name, at) => [name, state.leaves[at]]));
  const { same, predicted } = await agreement({ model, params, grid, tokenizer }, images, SMALL.mode);
  assertEquals([same, predicted], [1, 1]);
  tf.dispose([...state.leaves, ...Object.values(state.optimizer.slots).flat()]);
  assertEquals(tf.memory().numTensors, before);
});

const PICKS = Uint32Array.from({ length: 10 }, (_, index) => index);

/** What batches are made of: images of five classes in turn. */
function source(images: Images, tokenizer: Predictor["tokenizer"]): Parameters<typeof makeBatch>[0] {
  const labels = Uint8Array.from({ length: images.count }, (_, index) => index % 5);
  return {
    train: { images, labels },
    augmentations: [],
    tokenizer,
    grid: tokenizer.grid(images),
    classes: ["a", "b", "c", "d", "e"],
  };
}

for (const each of [SMALL, CASES[3]]) {
  Deno.test(`vit under shift: circular augmentation changes no gradient of the twin (${each.name})`, async () => {
    await selectBackend("wasm");
    const axes = each.mode === "circular-flat" ? "flat" : "2d";
    const shift = circularShift({ max: 40, axes });
    const before = tf.memory().numTensors;
    /** How far the loss, and the gradient that changes most, are from those without augmentation. */
    const changes = async (options: VitOptions, isAdaptive: boolean) => {
      const { model, tokenizer, params } = predictor(each, options, isAdaptive);
      const data = source(randomImages(keyOf(8), { ...each.shape, count: 10 }), tokenizer);
      const leaves = flatten(params);
      const [names, tensors] = [leaves.map(([name]) => name), leaves.map(([, leaf]) => leaf)];
      const [plain, shifted] = await Promise.all([[], [shift]].map(async (augmentations) => {
        const batch = await makeBatch({ ...data, augmentations }, PICKS, keyOf(5), { model, params });
        const { loss, changes } = gradientOf(
          { model, loss: crossEntropy() },
          names,
          tensors,
          batch,
          keyOf(6),
        );
        const values = await Promise.all([loss, ...changes].map(async (each) => [...await each.data()]));
        tf.dispose([loss, changes, batch.tokens, batch.labels]);
        return values;
      }));
      disposeParams(params);
      const scale = Math.max(...plain.slice(1).flat().map(Math.abs));
      const gradient = Math.max(
        ...shifted.slice(1).flatMap((list, at) =>
          list.map((value, index) => Math.abs(value - plain[at + 1][index]) / scale)
        ),
      );
      return { loss: relativeError(shifted[0], plain[0]), gradient };
    };
    for (const positions of ["circular", "circular-convolution"] as const) {
      const { loss, gradient } = await changes({ classToken: false, positions }, true);
      assert(loss < 1e-5 && gradient < 1e-5, `${positions}: ${loss}, ${gradient}`);
    }
    for (
      const [positions, isAdaptive] of [["learned", false], ["learned", true], ["circular", false]] as const
    ) {
      const { loss, gradient } = await changes({ classToken: false, positions }, isAdaptive);
      assert(loss > 1e-4 && gradient > 1e-2, `${positions}: ${loss}, ${gradient}`);
    }
    assertEquals(tf.memory().numTensors, before);
  });
}
