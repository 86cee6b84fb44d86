/**
 * Letting sides take turns at a subject, so that a noisy moment hits them all.
 *
 * @module
 */

import { breathe } from "../../pipeline/breathe.ts";
import { AbortedError } from "../../pipeline/errors.ts";
import { median } from "./contender.ts";
import type { Memory, Side } from "./side.ts";

/** How long sides go on, and how. */
export interface Pace {
  /** Rounds, of which a slow side takes part in the first ones only, see {@linkcode takeTurns}. */
  readonly rounds: number;
  /** Runs in a row of a side in a round, at most. */
  readonly repeats: number;
}

/** What a side took for a subject. */
export interface Outcome {
  /** Mean milliseconds of a run in each round that it took part in; none if it cannot do it. */
  readonly times: readonly number[];
  /** What it held before and after; null if it does not count that, or cannot do it. */
  readonly memory: Memory | null;
  /** Why it cannot do it, or null. */
  readonly reason: string | null;
}

/** How much time a side may take for its rounds of a subject, in milliseconds, beyond {@linkcode LEAST_ROUNDS}. */
export const SIDE_MS = 5000;

/** Rounds that a side always takes part in. */
export const LEAST_ROUNDS = 2;

/**
 * Times a subject: in each round every side has a turn. One round before that is thrown away, since compilers warm up. A
 * side that has taken {@linkcode SIDE_MS} sits out the rounds that are left.
 *
 * @throws {AbortedError} if `signal` stops it
 */
export async function takeTurns(
  name: string,
  sides: readonly Side[],
  { rounds, repeats }: Pace,
  signal?: AbortSignal,
): Promise<Outcome[]> {
  const reasons: (string | null)[] = [];
  for (const side of sides) reasons.push(await side.open(name));
  const times: number[][] = sides.map(() => []);
  const spent = sides.map(() => 0);
  for (let round = -1; round < rounds; round++) {
    for (const [index, side] of sides.entries()) {
      if (reasons[index] !== null) continue;
      if (spent[index] >= SIDE_MS && round >= LEAST_ROUNDS) continue;
      await breathe();
      if (signal?.aborted) throw new AbortedError("Stopped; nothing is kept of a benchmark");
      const started = performance.now();
      const ms = await side.turn(repeats);
      if (round < 0) continue;
      times[index].push(ms);
      spent[index] += performance.now() - started;
    }
  }
  const outcomes: Outcome[] = [];
  for (const [index, side] of sides.entries()) {
    const reason = reasons[index];
    outcomes.push({ times: times[index], memory: reason === null ? await side.close() : null, reason });
  }
  return outcomes;
}

/** Median and least milliseconds of a run; null where there was none. */
export function timesOf({ times }: Outcome): { readonly median: number | null; readonly min: number | null } {
  return times.length === 0
    ? { median: null, min: null }
    : { median: median(times), min: Math.min(...times) };
}

/** Median over the rounds that both took part in of the time of `other` divided by that of `ours`; null without one. */
export function ratioOf(other: Outcome, ours: Outcome): number | null {
  const rounds = Math.min(other.times.length, ours.times.length);
  if (rounds === 0) return null;
  return median(other.times.slice(0, rounds).map((time, round) => time / ours.times[round]));
}

/** What leaked, a sentence for each of a subject's sides that did; `sides` are named. */
export function leaksOf(
  subject: string,
  sides: readonly (readonly [side: string, Memory | null])[],
): string[] {
  return sides.flatMap(([side, memory]) => {
    if (memory === null) return [];
    const { before, after } = memory;
    const more = (["tensors", "buffers", "bytes"] as const).filter((what) => after[what] !== before[what]);
    if (more.length === 0) return [];
    const parts = more.map((what) => `${after[what] - before[what]} ${what}`);
    return [`${subject} leaked on ${side}: ${parts.join(", ")}.`];
  });
}
