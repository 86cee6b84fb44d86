/**
 * What is asked of every model of stages that sees pixels, CvT and MViTv2, in one small size.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import type { Architecture, Model } from "../../models/model.ts";
import { disposeParams, flatten, unflatten } from "../../models/params.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { keyOf } from "../../pipeline/random.ts";
import { relativeError } from "../golden.ts";
import { type Grid, gridOf, type Weights, weightsOf } from "./map_reference.ts";
import { builtFor, drawnParams, everyShift, exactShifts, type ImageSize } from "./shifted_maps.ts";

/** Images, and signals of one row. */
export const SIZE: ImageSize = { height: 8, width: 12, channels: 2 };
export const SIGNAL: ImageSize = { height: 1, width: 16, channels: 2 };

/** Three stages. */
export const STAGES = { embed: [8, 12, 12], depths: [1, 2, 1], heads: [1, 2, 3], mlpRatio: 2 };

/** Holds that as many of all circular shifts of an image as `exact` says leave the logits as they are. */
export async function expectExactShifts(
  architecture: Architecture,
  size: ImageSize,
  exact: number,
): Promise<void> {
  await selectBackend("wasm");
  const before = tf.memory().numTensors;
  const found = await exactShifts(architecture, size);
  assertEquals(found.exact, exact);
  if (exact === found.shifts) assertEquals(found.sameClass, exact);
  assertEquals(tf.memory().numTensors, before);
}

/** Holds that logits are those of `reference`, the network written out on plain arrays. */
export async function expectLogitsOf(
  architecture: Architecture,
  size: ImageSize,
  reference: (weights: Weights, image: Grid) => number[],
): Promise<void> {
  const before = tf.memory().numTensors;
  const model = builtFor(architecture, size);
  const [params, shifted] = [drawnParams(model), everyShift(size)];
  const tokens = tf.slice(shifted, [3, 0, 0], [2, -1, -1]);
  const logits = tf.tidy(() => model.apply(params, tokens));
  const [values, found, weights] = [await tokens.data(), await logits.data(), await weightsOf(params)];
  const expected = [0, 1].flatMap((image) => {
    const pixels = values.slice(image * values.length / 2, (image + 1) * values.length / 2);
    return reference(weights, gridOf(pixels, size));
  });
  assert(relativeError(found, expected) < 1e-5, `${relativeError(found, expected)}`);
  tf.dispose([tokens, shifted, logits]);
  disposeParams(params);
  assertEquals(tf.memory().numTensors, before);
}

/**
 * Holds that `multiplyAdds` are those of the products and convolutions that run. Tables of positions are only looked up.
 */
export async function expectCost(architecture: Architecture): Promise<void> {
  await selectBackend("cpu");
  const model = builtFor(architecture, SIZE);
  const [params, tokens] = [drawnParams(model), tf.zeros([1, SIZE.height * SIZE.width, SIZE.channels])];
  const tables = new Set(
    flatten(params).filter(([name]) => name.includes("positions")).map(([, { shape }]) => `${shape}`),
  );
  const { kernels } = await tf.profile(() => tf.tidy(() => model.apply(params, tokens)));
  const sum = kernels.reduce((total, { name, inputShapes, outputShapes }) => {
    const made = outputShapes[0].reduce((product, length) => product * length, 1);
    const isLookup = tables.has(`${inputShapes[1]}`);
    if (name === "BatchMatMul" && !isLookup) return total + made * inputShapes[0]!.at(-1)!;
    if (name === "Conv2D") return total + made * inputShapes[1]!.slice(0, 3).reduce((a, b) => a * b, 1);
    // A depthwise filter is [height, width, channels, 1]; those of 2×2 pick a polyphase.
    const taps = name === "DepthwiseConv2dNative" ? inputShapes[1]![0] * inputShapes[1]![1] : 0;
    return total + (taps === 9 ? made * taps : 0);
  }, 0);
  assertEquals(sum, model.multiplyAdds);
  tokens.dispose();
  disposeParams(params);
}

/**
 * Holds that `collect` is handed just these maps of three images, and the phase and gap of each of `choices`, that the head
 * makes the logits of the code, and that looking changes nothing.
 */
export async function expectCollected(
  architecture: Architecture,
  maps: readonly (readonly [name: string, shape: readonly number[]])[],
  choices: readonly string[],
): Promise<void> {
  await selectBackend("wasm");
  const model = builtFor(architecture, SIZE);
  const [params, shifted] = [drawnParams(model), everyShift(SIZE)];
  const tokens = tf.slice(shifted, [0, 0, 0], [3, -1, -1]);
  const before = tf.memory().numTensors;
  const seen = new Map<string, number[]>();
  const [logits, rebuilt, unseen] = tf.tidy(() => {
    const kept = new Map<string, Tensor>();
    const logits = model.apply(params, tokens, {
      collect: (name, value) => {
        assert(!seen.has(name));
        seen.set(name, value.shape);
        kept.set(name, value);
        if (!name.endsWith(".phase")) return;
        const phases = value.dataSync();
        assert(phases.every((each) => each === 0 || each === 1));
      },
    });
    for (const name of choices) {
      const gaps = kept.get(`${name}.gap`)!.dataSync();
      assert(gaps.every((gap) => gap > 0 && gap < 1), `${name}: ${gaps}`);
    }
    const { weight, bias } = params.head as Record<string, Tensor>;
    return [
      logits,
      tf.add(tf.matMul(kept.get("code")!, weight), bias),
      tf.tidy(() => model.apply(params, tokens)),
    ];
  });
  const chosen = choices.flatMap((name) => [[`${name}.phase`, [3, 2]], [`${name}.gap`, [3]]] as const);
  assertEquals(Object.fromEntries(seen), Object.fromEntries([...maps, ...chosen]));
  assert(relativeError(await rebuilt.data(), await logits.data()) < 1e-6);
  assertEquals(await unseen.data(), await logits.data());
  tf.dispose([logits, rebuilt, unseen]);
  assertEquals(tf.memory().numTensors, before);
  tf.dispose([tokens, shifted]);
  disposeParams(params);
}

/**
 * Holds that in training all parameters have gradients, all buffers new values, and paths are dropped by key, without which
 * there is none.
 */
export async function expectTraining(architecture: Architecture): Promise<void> {
  await selectBackend("wasm");
  const before = tf.memory().numTensors;
  const model = builtFor(architecture, SIZE);
  const [params, shifted] = [drawnParams(model), everyShift(SIZE)];
  await expectGradients(model, flatten(params), shifted);
  const [one, same, other] = [1, 1, 2].map((seed) =>
    tf.tidy(() => model.apply(params, shifted, { training: true, key: keyOf(seed) }))
  );
  assertEquals(await same.data(), await one.data());
  assertNotEquals(await other.data(), await one.data());
  assertThrows(
    () => tf.tidy(() => model.apply(params, shifted, { training: true })),
    PolyphaseError,
    `${model.name} got no key`,
  );
  tf.dispose([one, same, other, shifted]);
  disposeParams(params);
  assertEquals(tf.memory().numTensors, before);
}

async function expectGradients(
  model: Model,
  leaves: readonly [name: string, leaf: Tensor][],
  tokens: Tensor,
): Promise<void> {
  const isBuffer = ([name]: readonly [string, Tensor]) => model.isBuffer?.(name) ?? false;
  const trained = leaves.filter((leaf) => !isBuffer(leaf));
  const updated = new Set<string>();
  const grads = tf.tidy(() =>
    tf.grads((...each: Tensor[]) => {
      const given = new Map(trained.map(([name], index) => [name, each[index]]));
      const tree = unflatten(leaves.map(([name, leaf]) => [name, given.get(name) ?? leaf]));
      const update = (name: string, value: Tensor) => {
        assertEquals(value.shape, leaves.find(([leaf]) => leaf === name)![1].shape);
        updated.add(name);
      };
      // One key drops the same paths every time that the loss is worked out.
      return tf.sum(tf.square(model.apply(tree, tokens, { training: true, key: keyOf(1), update })));
    })(trained.map(([, leaf]) => leaf))
  );
  for (const [index, grad] of grads.entries()) {
    const values = await grad.data();
    assert(values.every(Number.isFinite) && values.some((value) => value !== 0), trained[index][0]);
  }
  assertEquals(updated, new Set(leaves.filter(isBuffer).map(([name]) => name)));
  tf.dispose(grads);
}
