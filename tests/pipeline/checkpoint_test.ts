/**
 * Checkpoints: a model's file and a run's state, there and back, and files of something else.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { tf } from "../../models/backend/tf.ts";
import { adam } from "../../models/optimizers/adam.ts";
import { disposeParams, flatten } from "../../models/params.ts";
import { decodeSafetensors } from "../../models/safetensors.ts";
import { tokenMeanMlp } from "../../models/token_mean_mlp.ts";
import { decodeModel, decodeTrainState, encodeModel, encodeTrainState } from "../../pipeline/checkpoint.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { keyOf, normal } from "../../pipeline/random.ts";
import { bitsOf } from "./fixtures.ts";

const model = tokenMeanMlp({ embed: 3, hidden: 5 }).build({
  grid: { shape: [4], tokens: 4, patch: 2, patchShape: [1, 2, 1] },
  classes: 2,
});

for (const backend of ["cpu", "wasm"] as const) {
  Deno.test(`checkpoint: a model comes back bit for bit under its dotted names (${backend})`, async () => {
    await selectBackend(backend);
    const params = model.init(keyOf(1));
    const bytes = await encodeModel(params, { note: "first" });
    const { arrays, metadata } = decodeSafetensors(bytes, "file");
    assertEquals(metadata, { note: "first" });
    assertEquals(
      arrays.map(({ name, shape }) => [name, shape]),
      flatten(params).map(([name, { shape }]) => [name, shape]),
    );
    assertEquals(arrays[0].name, "embedding.weight");
    const again = decodeModel(bytes, "file", params);
    assertEquals(await bitsOf(again), await bitsOf(params));
    disposeParams(again);
    disposeParams(params);
  });

  Deno.test(`checkpoint: the state of a run comes back whole (${backend})`, async () => {
    await selectBackend(backend);
    const before = tf.memory().numTensors;
    const params = model.init(keyOf(2));
    const slots = Object.fromEntries(["mean", "square"].map((slot, index) => [
      slot,
      flatten(params).map(([, { shape, size }]) => tf.tensor(normal(keyOf(index), size), shape)),
    ]));
    const row = { epoch: 0.1 + 0.2, step: 7, inputs: 224, trainLoss: 1 / 3, valLoss: 5e-324, valAcc: 0.7 };
    const progress = {
      step: 9,
      lossSum: 0.1,
      lossCount: 3,
      history: [row],
      stale: 1,
      stepMs: 1.5,
      totalMs: 2.5,
    };
    const state = { params, optimizer: { step: 9, slots }, progress };
    const read = decodeTrainState(await encodeTrainState(state, "me"), "me", "file");
    assertEquals(read.progress, progress);
    assertEquals(read.optimizer.step, 9);
    assertEquals(await bitsOf(read.params), await bitsOf(params));
    assertEquals(Object.keys(read.optimizer.slots), ["mean", "square"]);
    for (const [slot, tensors] of Object.entries(slots)) {
      const theirs = read.optimizer.slots[slot];
      for (const [index, tensor] of tensors.entries()) {
        assertEquals([...await theirs[index].data()], [...await tensor.data()]);
        assertEquals(theirs[index].shape, tensor.shape);
      }
    }
    for (const each of [state, read]) {
      disposeParams(each.params);
      tf.dispose(Object.values(each.optimizer.slots).flat());
    }
    assertEquals(tf.memory().numTensors, before);
  });
}

Deno.test("checkpoint: the state of an optimizer that remembers nothing yet", async () => {
  await selectBackend("cpu");
  const params = model.init(keyOf(3));
  const optimizer = adam().init(flatten(params).map(([, leaf]) => leaf));
  const progress = { step: 0, lossSum: 0, lossCount: 0, history: [], stale: 0, stepMs: 0, totalMs: 0 };
  const bytes = await encodeTrainState({ params, optimizer: { step: 0, slots: {} }, progress }, "me");
  const read = decodeTrainState(bytes, "me", "file");
  assertEquals([read.optimizer, read.progress], [{ step: 0, slots: {} }, progress]);
  assert(Object.values(optimizer.slots).flat().length > 0);
  tf.dispose(Object.values(optimizer.slots).flat());
  disposeParams(read.params);
  disposeParams(params);
});

Deno.test("checkpoint: another model's file is refused in one line that names both", async () => {
  await selectBackend("cpu");
  const params = model.init(keyOf(4));
  const other = { head: { weight: tf.zeros([2, 3]) } };
  const before = tf.memory().numTensors;
  const bytes = await encodeModel(other);
  const { message } = assertThrows(() => decodeModel(bytes, "model.safetensors", params), PolyphaseError);
  assertMatch(
    message,
    /^model\.safetensors holds head\.weight \[2,3\], expected embedding\.bias \[3\], [^\n]+: give the file[^\n]+$/,
  );
  const state = { params: other, optimizer: { step: 0, slots: {} } };
  const progress = { step: 0, lossSum: 0, lossCount: 0, history: [], stale: 0, stepMs: 0, totalMs: 0 };
  const run = await encodeTrainState({ ...state, progress }, "another");
  assertThrows(() => decodeTrainState(run, "this", "last"), PolyphaseError, "last is of another run");
  assertThrows(() => decodeTrainState(bytes, "this", "last"), PolyphaseError, "last is of another run");
  assertEquals(tf.memory().numTensors, before);
  disposeParams(other);
  disposeParams(params);
});
