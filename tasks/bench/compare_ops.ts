/**
 * Times operations on two sides in turns, and makes the table of it.
 *
 * @module
 */

import { decimals } from "../../pipeline/report/format.ts";
import { tableText } from "../../pipeline/report/table.ts";
import type { Op } from "./ops.ts";
import type { Memory, Side } from "./side.ts";
import { leaksOf, type Outcome, type Pace, ratioOf, takeTurns, timesOf } from "./turns.ts";

/** What an operation took, on our kernels and on vanilla TensorFlow.js; `null` where that cannot do it. */
export interface OpRow {
  /** Name. */
  readonly op: string;
  /** What it computes, with its shapes. */
  readonly shape: string;
  /** Median milliseconds of one run. */
  readonly median_ms: number;
  /** Least milliseconds of one run. */
  readonly min_ms: number;
  /** Thousand million floating point operations a second at the median; `null` for what is no product. */
  readonly gflops: number | null;
  /** Median milliseconds of one run on vanilla TensorFlow.js. */
  readonly vanilla_median_ms: number | null;
  /** Least milliseconds of one run on vanilla TensorFlow.js. */
  readonly vanilla_min_ms: number | null;
  /** As `gflops`, on vanilla TensorFlow.js. */
  readonly vanilla_gflops: number | null;
  /** Median over the rounds of vanilla's time divided by ours in the same round. */
  readonly ratio: number | null;
  /** What our side held before and after. */
  readonly memory: Memory;
  /** What vanilla TensorFlow.js held before and after. */
  readonly vanilla_memory: Memory | null;
}

/** How operations are timed. */
export interface Comparison extends Pace {
  /** What is timed. */
  readonly ops: readonly Op[];
  /** Our kernels. */
  readonly ours: Side;
  /** Vanilla TensorFlow.js. */
  readonly vanilla: Side;
}

/**
 * Times one operation after another, as {@linkcode takeTurns}.
 *
 * @throws {AbortedError} if `signal` stops it
 */
export async function compareOps(comparison: Comparison, signal?: AbortSignal): Promise<OpRow[]> {
  const rows: OpRow[] = [];
  for (const op of comparison.ops) rows.push(await compareOp(op, comparison, signal));
  return rows;
}

async function compareOp(
  op: Op,
  { ours, vanilla, ...pace }: Comparison,
  signal?: AbortSignal,
): Promise<OpRow> {
  const [our, their] = await takeTurns(op.name, [ours, vanilla], pace, signal);
  return opRow(op, our, their);
}

/** The row of an operation, of what our side and vanilla TensorFlow.js took. */
export function opRow({ name, shape, flops }: Op, our: Outcome, their: Outcome): OpRow {
  const [ourTimes, theirTimes] = [timesOf(our), timesOf(their)];
  return {
    op: name,
    shape,
    median_ms: ourTimes.median!,
    min_ms: ourTimes.min!,
    gflops: gflopsOf(flops, ourTimes.median),
    vanilla_median_ms: theirTimes.median,
    vanilla_min_ms: theirTimes.min,
    vanilla_gflops: gflopsOf(flops, theirTimes.median),
    ratio: ratioOf(their, our),
    memory: our.memory!,
    vanilla_memory: their.memory,
  };
}

/** Thousand million operations a second; null for what is no product, or was not done. */
export function gflopsOf(flops: number | undefined, ms: number | null): number | null {
  return flops === undefined || ms === null ? null : flops / ms / 1e6;
}

/** What leaked in these rows, a sentence for each operation and side that did. */
export function opLeaks(
  rows: readonly { readonly op: string; readonly memory: Memory; readonly vanilla_memory: Memory | null }[],
): string[] {
  return rows.flatMap(({ op, memory, vanilla_memory }) =>
    leaksOf(op, [["our kernels", memory], ["vanilla TensorFlow.js", vanilla_memory]])
  );
}

/** The table as text, and below it what leaked. */
export function opsText(rows: readonly OpRow[]): string {
  const change = (what: "tensors" | "bytes", { before, after }: Memory) => `${before[what]} → ${after[what]}`;
  const leaks = opLeaks(rows);
  const table = tableText({
    caption: `Op by op: our kernels against vanilla TensorFlow.js WASM, one CPU core each; ${
      leaks.length === 0 ? "nothing" : "see below what"
    } leaked.`,
    columns: [
      { key: "op", label: "op" },
      { key: "shape", label: "shape" },
      { key: "median_ms", label: "median ms", format: decimals(3) },
      { key: "min_ms", label: "min ms", format: decimals(3) },
      { key: "gflops", label: "GFLOPS", format: decimals(1) },
      { key: "vanilla_median_ms", label: "vanilla ms", format: decimals(3) },
      { key: "vanilla_min_ms", label: "vanilla min", format: decimals(3) },
      { key: "vanilla_gflops", label: "vanilla GFLOPS", format: decimals(1) },
      { key: "ratio", label: "ratio", format: decimals(2) },
      { key: "tensors", label: "tensors", align: "right" },
      { key: "bytes", label: "bytes", align: "right" },
    ],
    rows: rows.map(({ memory, vanilla_memory: _, ...row }) => ({
      ...row,
      tensors: change("tensors", memory),
      bytes: change("bytes", memory),
    })),
  });
  return leaks.length === 0 ? table : `${table}\n\n${leaks.join("\n")}`;
}
