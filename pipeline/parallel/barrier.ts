/**
 * A barrier in shared memory: workers that reach it wait until all have.
 *
 * @module
 */

/** Words of `Int32Array` that one barrier takes. */
export const BARRIER_WORDS = 3;

const ARRIVED = 0;
const ROUND = 1;
const BROKEN = 2;

/**
 * Blocks the calling thread until `count` threads have called it on the same `words`, which start as zero. It can be
 * used again at once.
 *
 * @throws {Error} if the barrier is broken, before or while it waits
 */
export function arriveAndWait(words: Int32Array<SharedArrayBuffer>, count: number): void {
  // The round is read first: the last to arrive, or whoever breaks the barrier, changes it, and then there is no wait.
  const round = Atomics.load(words, ROUND);
  if (Atomics.load(words, BROKEN) === 0 && Atomics.add(words, ARRIVED, 1) + 1 === count) {
    Atomics.store(words, ARRIVED, 0);
    Atomics.add(words, ROUND, 1);
    Atomics.notify(words, ROUND);
  }
  while (Atomics.load(words, BROKEN) === 0 && Atomics.load(words, ROUND) === round) {
    Atomics.wait(words, ROUND, round);
  }
  if (Atomics.load(words, BROKEN) === 1) throw new Error("another worker has ended");
}

/** Wakes all who wait at a barrier for those that will never come, and lets nobody wait there again. */
export function breakBarrier(words: Int32Array<SharedArrayBuffer>): void {
  Atomics.store(words, BROKEN, 1);
  Atomics.add(words, ROUND, 1);
  Atomics.notify(words, ROUND);
}
