/**
 * Times what `@jax-js/jax` can do too: first checks that it gives our numbers, then lets it, ours and vanilla
 * TensorFlow.js take turns, and makes the table of it.
 *
 * @module
 */

import { PolyphaseError } from "../../pipeline/errors.ts";
import { decimals } from "../../pipeline/report/format.ts";
import { tableText } from "../../pipeline/report/table.ts";
import { type ChildSide, childSide } from "./child_side.ts";
import { gflopsOf, opLeaks, type OpRow, opRow } from "./compare_ops.ts";
import { JAX_VERSION, type JaxCase } from "./jax_cases.ts";
import type { Side } from "./side.ts";
import { type Pace, ratioOf, takeTurns, timesOf } from "./turns.ts";

/** What a case took; `null` where a side cannot do it. */
export interface JaxRow extends OpRow {
  /** Median milliseconds of one run of `@jax-js/jax` on one thread. */
  readonly jax_median_ms: number;
  /** Least milliseconds of one run of `@jax-js/jax` on one thread. */
  readonly jax_min_ms: number;
  /** As `gflops`, for `@jax-js/jax` on one thread. */
  readonly jax_gflops: number | null;
  /** Median over the rounds of its time on one thread divided by ours in the same round. */
  readonly jax_ratio: number;
  /** Median milliseconds of one run of `@jax-js/jax` on a thread for each core, its default. */
  readonly jax_threads_median_ms: number;
  /** Least milliseconds of one run of `@jax-js/jax` on a thread for each core. */
  readonly jax_threads_min_ms: number;
  /** Median over the rounds of its time on a thread for each core divided by ours, on one, in the same round. */
  readonly jax_threads_ratio: number;
  /** Greatest difference of its numbers from ours, relative to the greatest of ours, over all results. */
  readonly jax_difference: number;
}

/** A side that can also hand over the numbers of the case that is open, as base64 of float32. */
export interface NumberSide extends Side {
  /** Those of each result. */
  values(): Promise<string[]>;
}

/** How cases are timed. */
export interface JaxComparison extends Pace {
  /** What is timed. */
  readonly cases: readonly JaxCase[];
  /** Our kernels. */
  readonly ours: Side;
  /** Vanilla TensorFlow.js. */
  readonly vanilla: Side;
  /** `@jax-js/jax` on one thread. */
  readonly jax: NumberSide;
  /** `@jax-js/jax` on a thread for each core. */
  readonly jaxThreads: NumberSide;
}

/** How far numbers may differ, relative to the greatest of a result. */
export const TOLERANCE = 1e-3;

/** Starts `@jax-js/jax` with so many threads in a process of its own. */
export function jaxProcess(threads: number): ChildSide & NumberSide {
  const side = childSide("@jax-js/jax", new URL("jax_process.ts", import.meta.url), [`${threads}`]);
  return { ...side, values: async () => await side.call("values") as string[] };
}

/**
 * Times one case after another. One round before the first is thrown away.
 *
 * @throws {PolyphaseError} if the numbers of a case differ by more than {@linkcode TOLERANCE}
 * @throws {AbortedError} if `signal` stops it
 */
export async function compareJax(comparison: JaxComparison, signal?: AbortSignal): Promise<JaxRow[]> {
  const { cases, ours, vanilla, jax, jaxThreads, ...pace } = comparison;
  const rows: JaxRow[] = [];
  for (const each of cases) {
    const expected = await each.values();
    const differences = [];
    for (const side of [jax, jaxThreads]) differences.push(await differenceOf(each.name, side, expected));
    const sides = [ours, vanilla, jax, jaxThreads];
    const [our, their, one, all] = await takeTurns(each.name, sides, pace, signal);
    const [oneTimes, allTimes] = [one, all].map(timesOf);
    rows.push({
      ...opRow(each, our, their),
      jax_median_ms: oneTimes.median!,
      jax_min_ms: oneTimes.min!,
      jax_gflops: gflopsOf(each.flops, oneTimes.median),
      jax_ratio: ratioOf(one, our)!,
      jax_threads_median_ms: allTimes.median!,
      jax_threads_min_ms: allTimes.min!,
      jax_threads_ratio: ratioOf(all, our)!,
      jax_difference: Math.max(...differences),
    });
  }
  return rows;
}

/** The greatest relative difference of what `side` computes from `expected`. */
async function differenceOf(
  name: string,
  side: NumberSide,
  expected: readonly Float32Array[],
): Promise<number> {
  await side.open(name);
  const numbers = (await side.values()).map((each) => new Float32Array(Uint8Array.fromBase64(each).buffer));
  await side.close();
  const difference = numbers.length === expected.length
    ? Math.max(...expected.map((each, index) => relativeDifference(numbers[index], each)))
    : Infinity;
  // Also refuses NaN.
  if (!(difference <= TOLERANCE)) {
    throw new PolyphaseError(
      `${name}: the numbers of @jax-js/jax differ from ours by ${difference} of the greatest, expected at most ` +
        `${TOLERANCE}: report it, a comparison of their times would mean nothing`,
    );
  }
  return difference;
}

/** The greatest difference relative to the greatest magnitude expected. */
export function relativeDifference(actual: Float32Array, expected: Float32Array): number {
  if (actual.length !== expected.length) return Infinity;
  let difference = 0;
  let scale = 0;
  for (let index = 0; index < expected.length; index++) {
    difference = Math.max(difference, Math.abs(actual[index] - expected[index]));
    scale = Math.max(scale, Math.abs(expected[index]));
  }
  return difference / scale;
}

/** The table as text, and below it what leaked. */
export function jaxText(rows: readonly JaxRow[], threads: number): string {
  const leaks = opLeaks(rows);
  const table = tableText({
    caption:
      `Ours and vanilla TensorFlow.js on one CPU core against @jax-js/jax ${JAX_VERSION}, WASM too, on one thread ` +
      `and on ${threads}, its default here; ${leaks.length === 0 ? "nothing" : "see below what"} leaked.`,
    columns: [
      { key: "op", label: "op" },
      { key: "shape", label: "shape" },
      { key: "median_ms", label: "median ms", format: decimals(3) },
      { key: "min_ms", label: "min ms", format: decimals(3) },
      { key: "gflops", label: "GFLOPS", format: decimals(1) },
      { key: "vanilla_median_ms", label: "vanilla ms", format: decimals(3) },
      { key: "ratio", label: "ratio", format: decimals(2) },
      { key: "jax_median_ms", label: "jax-js ms", format: decimals(3) },
      { key: "jax_min_ms", label: "jax-js min", format: decimals(3) },
      { key: "jax_gflops", label: "jax-js GFLOPS", format: decimals(1) },
      { key: "jax_ratio", label: "ratio", format: decimals(2) },
      { key: "jax_threads_median_ms", label: `on ${threads} threads`, format: decimals(3) },
      { key: "jax_threads_ratio", label: "ratio", format: decimals(2) },
      { key: "difference", label: "difference", align: "right" },
    ],
    rows: rows.map(({ memory: _, vanilla_memory: __, jax_difference, ...row }) => ({
      ...row,
      difference: jax_difference.toExponential(0),
    })),
  });
  return leaks.length === 0 ? table : `${table}\n\n${leaks.join("\n")}`;
}
