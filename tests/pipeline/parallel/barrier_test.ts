/**
 * The barrier of the workers, as far as one thread can see it.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import { arriveAndWait, BARRIER_WORDS, breakBarrier } from "../../../pipeline/parallel/barrier.ts";

const fresh = () => new Int32Array(new SharedArrayBuffer(4 * BARRIER_WORDS));

Deno.test("barrier: the last to come does not wait, round after round", () => {
  const words = fresh();
  for (let round = 1; round <= 3; round++) {
    // Somebody else has arrived already.
    Atomics.add(words, 0, 1);
    arriveAndWait(words, 2);
    assertEquals([...words], [0, round, 0]);
  }
});

Deno.test("barrier: a broken one holds nobody", () => {
  const words = fresh();
  breakBarrier(words);
  assertThrows(() => arriveAndWait(words, 2), Error, "another worker has ended");
  assertThrows(() => arriveAndWait(words, 2), Error, "another worker has ended");
});
