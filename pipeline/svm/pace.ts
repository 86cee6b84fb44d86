/**
 * How long work on one thread stays civil: it lets the event loop turn now and then, and stops when it is told to.
 *
 * @module
 */

import { breathe } from "../breathe.ts";
import { AbortedError } from "../errors.ts";

/** What long work may be told. */
export interface PaceOptions {
  /** Tells it to stop. */
  readonly signal?: AbortSignal;
  /** Is told how far it is. */
  readonly progress?: (done: number, total: number) => void;
}

/** Multiply-adds between turns of the event loop: some 30 ms of one core. Counted, since nothing here reads the clock. */
const WORK_PER_BREATH = 5e7;

/**
 * A function to be told of each piece of work, in multiply-adds. The event loop turns at the first, and then whenever
 * enough has come together; then it throws an {@linkcode AbortedError} if `signal` says so.
 *
 * @param what what is being done, for example `fitting`
 */
export function createPace(what: string, signal: AbortSignal | undefined): (work: number) => Promise<void> {
  let spent = Infinity;
  return async (work) => {
    spent += work;
    if (spent < WORK_PER_BREATH) return;
    spent = 0;
    await breathe();
    if (signal?.aborted) throw new AbortedError(`Stopped while ${what}: begin again to have it done`);
  };
}
