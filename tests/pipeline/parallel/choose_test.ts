/**
 * The price of a step and the choice that follows from it: the same every time, whatever the clock says.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { selectBackend } from "../../../models/backend/select.ts";
import { tf } from "../../../models/backend/tf.ts";
import { measureWork, worthwhileWorkers } from "../../../pipeline/parallel/choose.ts";

/** Nominal milliseconds of a matrix product. */
async function priceOfProduct(left: number[], right: number[], transposed = false): Promise<number> {
  await selectBackend("cpu");
  const [a, b] = [tf.ones(left), tf.ones(right)];
  const { result, milliseconds } = await measureWork(() =>
    Promise.resolve(tf.matMul(a, b, transposed, transposed))
  );
  tf.dispose([a, b, result]);
  return milliseconds;
}

Deno.test("choose: a product is priced by its multiply-adds, however it is laid out", async () => {
  const plain = await priceOfProduct([64, 96], [96, 128]);
  // 0.79 million multiply-adds at 15 million a millisecond, and 26,624 numbers at 0.4 ms a million.
  assertAlmostEquals(plain, 64 * 96 * 128 / 15e6 + 0.4 * (64 * 96 + 96 * 128 + 64 * 128) / 1e6, 1e-9);
  assertAlmostEquals(await priceOfProduct([96, 64], [128, 96], true), plain, 1e-9);
  assertAlmostEquals(await priceOfProduct([5, 64, 96], [5, 96, 128]), 5 * plain, 1e-9);
});

Deno.test("choose: the same work has the same price, and the result comes back", async () => {
  await selectBackend("wasm");
  const work = () => {
    const sum = tf.tidy(() => tf.sum(tf.square(tf.range(0, 1000))));
    return sum.data().then(([value]) => (sum.dispose(), value));
  };
  const first = await measureWork(work);
  const second = await measureWork(work);
  assertAlmostEquals(first.result, 332833500, 100);
  assertEquals(second, first);
  assert(first.milliseconds > 0);
});

Deno.test("choose: an error comes through, and later work is priced as before", async () => {
  await assertRejects(() => measureWork(() => Promise.reject(new Error("on purpose"))), Error, "on purpose");
  assertEquals(tf.engine().state.profiling, false);
});

Deno.test("choose: workers where steps are long and many, else one", () => {
  const prospect = { stepMs: 200, parameters: 2e6, steps: 1000, most: 2 };
  assertEquals(worthwhileWorkers(prospect), 2);
  assertEquals(worthwhileWorkers({ ...prospect, most: 8 }), 8);
  assertEquals(worthwhileWorkers({ ...prospect, most: 1 }), 1);
  assertEquals(worthwhileWorkers({ ...prospect, stepMs: 1.5 }), 1, "a step of the notebook's models");
  assertEquals(worthwhileWorkers({ ...prospect, steps: 5 }), 1, "too few to repay the start");
  assertEquals(worthwhileWorkers({ ...prospect, parameters: 2e7 }), 1, "more to share than to gain");
});
