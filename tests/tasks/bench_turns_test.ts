/**
 * The turns that sides of the benchmark take: who sits out, what ratios are of, and what is in the way of a side.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { tf } from "../../models/backend/tf.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { localSide, type Side, type Subject } from "../../tasks/bench/side.ts";
import { leaksOf, LEAST_ROUNDS, ratioOf, SIDE_MS, takeTurns, timesOf } from "../../tasks/bench/turns.ts";

const STRICT = { sanitizeOps: true, sanitizeResources: true };

const outcome = (...times: number[]) => ({ times, memory: null, reason: null });

/** A side that says its turns took what `ms` holds; the clock of the process moves on by that, too. */
function clockedSide(clock: { now: number }, ms: readonly number[]): Side {
  let turns = 0;
  return {
    open: () => Promise.resolve(null),
    turn() {
      const took = ms[turns++ % ms.length];
      clock.now += took;
      return Promise.resolve(took);
    },
    close: () => Promise.resolve(null),
  };
}

Deno.test("a side that has taken its time sits out, the others go on", STRICT, async () => {
  const clock = { now: 0 };
  const { now } = performance;
  performance.now = () => clock.now;
  try {
    const sides = [
      clockedSide(clock, [1, 2, 3]),
      clockedSide(clock, [SIDE_MS]),
      clockedSide(clock, [SIDE_MS / 3]),
    ];
    const [quick, slow, middling] = await takeTurns("subject", sides, { rounds: 6, repeats: 1 });
    // The first turn of all is not counted.
    assertEquals(quick.times, [2, 3, 1, 2, 3, 1]);
    assertEquals(slow.times.length, LEAST_ROUNDS);
    assertEquals(middling.times.length, 3);
    const [alone] = await takeTurns("subject", [clockedSide(clock, [SIDE_MS])], { rounds: 1, repeats: 1 });
    assertEquals(alone.times, [SIDE_MS]);
  } finally {
    performance.now = now;
  }
});

Deno.test("ratios are of the rounds that both took part in; without any there is none", () => {
  assertEquals(ratioOf(outcome(10, 30), outcome(1, 2, 1000, 1000)), 12.5);
  assertEquals(ratioOf(outcome(), outcome(1)), null);
  assertEquals(timesOf(outcome(3, 1, 2)), { median: 2, min: 1 });
  assertEquals(timesOf(outcome()), { median: null, min: null });
});

Deno.test("leaks name subject, side and what is more", () => {
  const held = { tensors: 2, buffers: 2, bytes: 80 };
  const leaky = { before: held, after: { tensors: 3, buffers: 2, bytes: 84 } };
  assertEquals(leaksOf("op", [["ours", { before: held, after: held }], ["theirs", null]]), []);
  assertEquals(leaksOf("op", [["ours", leaky]]), ["op leaked on ours: 1 tensors, 4 bytes."]);
});

Deno.test(
  "a side says why it cannot do a subject, gets no turn, and does not hide bugs",
  STRICT,
  async () => {
    await selectBackend("wasm");
    const subject = (name: string, fault: () => never): Subject => ({ name, make: () => fault() });
    const side = localSide([
      { name: "kernel", kernel: "NoSuchKernel", make: () => ({ run() {}, dispose() {} }) },
      subject("refused", () => {
        throw new PolyphaseError("too large");
      }),
      subject("unregistered", () => {
        throw new Error("Kernel 'FFT' not registered for backend 'wasm'");
      }),
      subject("bug", () => {
        throw new TypeError("x is undefined");
      }),
    ]);
    const before = tf.memory().numTensors;
    for (
      const [name, reason] of [["kernel", "no kernel NoSuchKernel"], ["refused", "too large"], [
        "unregistered",
        "no kernel FFT",
      ]]
    ) {
      assertEquals(await takeTurns(name, [side], { rounds: 2, repeats: 1 }), [{
        times: [],
        memory: null,
        reason,
      }]);
    }
    await assertRejects(() => side.open("bug"), TypeError);
    assertEquals(tf.memory().numTensors, before);
  },
);

Deno.test("a run that takes its time is waited for", STRICT, async () => {
  await selectBackend("wasm");
  let done = 0;
  const run = () =>
    new Promise<void>((resolve) =>
      setTimeout(() => {
        done++;
        resolve();
      }, 2)
    );
  const side = localSide([{ name: "late", make: () => Promise.resolve({ run, dispose() {} }) }]);
  assertEquals(await side.open("late"), null);
  assert(await side.turn(1) >= 1);
  assertEquals(done, 1);
  await side.close();
});
