/**
 * Timing several things against each other fairly: in turns, in one process, so that a noisy moment hits them all.
 *
 * @module
 */

import { breathe } from "../../pipeline/breathe.ts";
import { AbortedError } from "../../pipeline/errors.ts";

/** Something to be timed. */
export interface Contender {
  /** Name. */
  readonly name: string;
  /** Does the work once. */
  run(): Promise<unknown>;
}

/** What a contender took. */
export interface Measured {
  /** Name. */
  readonly name: string;
  /** Median milliseconds of one run. */
  readonly median: number;
  /** Least milliseconds of one run. */
  readonly min: number;
  /** Median over the rounds of its time divided by that of the first contender in the same round. */
  readonly ratio: number;
}

/**
 * Times contenders in turns: in each of `rounds` rounds every one runs `repeats` times in a row, and what counts is the
 * mean of those. One round before that is thrown away, since compilers warm up.
 *
 * @throws {AbortedError} if `signal` stops it
 */
export async function measure(
  contenders: readonly Contender[],
  { rounds, repeats }: { readonly rounds: number; readonly repeats: number },
  signal?: AbortSignal,
): Promise<Measured[]> {
  const times: number[][] = contenders.map(() => []);
  for (let round = -1; round < rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      await breathe();
      if (signal?.aborted) throw new AbortedError("Stopped; nothing is kept of a benchmark");
      const started = performance.now();
      for (let repeat = 0; repeat < repeats; repeat++) await contender.run();
      if (round >= 0) times[index].push((performance.now() - started) / repeats);
    }
  }
  return contenders.map(({ name }, index) => ({
    name,
    median: median(times[index]),
    min: Math.min(...times[index]),
    ratio: median(times[index].map((time, round) => time / times[0][round])),
  }));
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
