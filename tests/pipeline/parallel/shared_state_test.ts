/**
 * The state of training in shared memory: there and back, bit for bit, buffers and the optimizer's memory included.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { selectBackend } from "../../../models/backend/select.ts";
import { tf } from "../../../models/backend/tf.ts";
import { createMemory } from "../../../pipeline/parallel/shared_memory.ts";
import { layoutOf, readState, writeState } from "../../../pipeline/parallel/shared_state.ts";
import { disposeState, paramsOf } from "../../../pipeline/train/state.ts";
import { bitsOf } from "../fixtures.ts";

Deno.test("shared state: what is written is read again, and slots have no place for buffers", async () => {
  await selectBackend("cpu");
  const before = tf.memory().numTensors;
  const model = { isBuffer: (name: string) => name === "norm.mean" };
  const slot = (from: number) => [tf.tensor([[from, -0], [2, 3]]), tf.tensor([from])];
  const state = {
    names: ["layer.weight", "norm.mean", "layer.bias"],
    leaves: [tf.tensor([[1, 2], [3, 1 / 3]]), tf.tensor([5, 6, 7]), tf.tensor([-8])],
    optimizer: { step: 4, slots: { first: slot(10), second: slot(20) } },
  };
  const memory = createMemory({ workers: 2, parameters: 8, slots: 2, imagesPerEpoch: 1 });
  await writeState(state, memory.state);
  const read = readState(memory.state, layoutOf(state), model, 4);
  assertEquals(Object.keys(read.optimizer.slots), ["first", "second"]);
  assertEquals(read.optimizer.step, 4);
  assertEquals(await bitsOf(paramsOf(read)), await bitsOf(paramsOf(state)));
  for (const name of ["first", "second"] as const) {
    assertEquals(read.optimizer.slots[name].map(({ shape }) => shape), [[2, 2], [1]]);
    const [theirs, ours] = [read.optimizer.slots[name], state.optimizer.slots[name]];
    for (const [at, tensor] of ours.entries()) {
      assertEquals(await theirs[at].data(), await tensor.data());
    }
  }
  disposeState(read);
  disposeState(state);
  assertEquals(tf.memory().numTensors, before);
});
