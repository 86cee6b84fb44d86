/**
 * Times operations on two sides in turns, and makes the table of it.
 *
 * @module
 */

import { breathe } from "../../pipeline/breathe.ts";
import { AbortedError } from "../../pipeline/errors.ts";
import { decimals } from "../../pipeline/report/format.ts";
import { tableText } from "../../pipeline/report/table.ts";
import { median } from "./contender.ts";
import type { Memory, OpSide } from "./op_side.ts";
import type { Op } from "./ops.ts";

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
export interface Comparison {
  /** What is timed. */
  readonly ops: readonly Op[];
  /** Our kernels. */
  readonly ours: OpSide;
  /** Vanilla TensorFlow.js. */
  readonly vanilla: OpSide;
  /** Rounds of each operation. */
  readonly rounds: number;
  /** Runs in a row of a side in a round, at most. */
  readonly repeats: number;
}

/**
 * Times one operation after another: in each round both sides have a turn. One round before that is thrown away, since
 * compilers warm up.
 *
 * @throws {AbortedError} if `signal` stops it
 */
export async function compareOps(comparison: Comparison, signal?: AbortSignal): Promise<OpRow[]> {
  const rows: OpRow[] = [];
  for (const op of comparison.ops) rows.push(await compareOp(op, comparison, signal));
  return rows;
}

async function compareOp(
  { name, shape, flops }: Op,
  { ours, vanilla, rounds, repeats }: Comparison,
  signal?: AbortSignal,
): Promise<OpRow> {
  const opened: OpSide[] = [];
  for (const side of [ours, vanilla]) if (await side.open(name)) opened.push(side);
  const times: number[][] = opened.map(() => []);
  for (let round = -1; round < rounds; round++) {
    for (const [index, side] of opened.entries()) {
      await breathe();
      if (signal?.aborted) throw new AbortedError("Stopped; nothing is kept of a benchmark");
      const ms = await side.turn(repeats);
      if (round >= 0) times[index].push(ms);
    }
  }
  const memories: Memory[] = [];
  for (const side of opened) memories.push(await side.close());
  const timed = times.map((each) => ({
    median: median(each),
    min: Math.min(...each),
    gflops: flops === undefined ? null : flops / median(each) / 1e6,
  }));
  const [our, their] = [timed[0], timed.at(1)];
  return {
    op: name,
    shape,
    median_ms: our.median,
    min_ms: our.min,
    gflops: our.gflops,
    vanilla_median_ms: their?.median ?? null,
    vanilla_min_ms: their?.min ?? null,
    vanilla_gflops: their?.gflops ?? null,
    ratio: their === undefined ? null : median(times[1].map((time, round) => time / times[0][round])),
    memory: memories[0],
    vanilla_memory: memories.at(1) ?? null,
  };
}

/** What leaked, a sentence for each operation and side that did. */
export function leaksOf(rows: readonly OpRow[]): string[] {
  return rows.flatMap(({ op, memory, vanilla_memory }) =>
    [["our kernels", memory], ["vanilla TensorFlow.js", vanilla_memory]].flatMap(([side, memory]) => {
      if (memory === null) return [];
      const { before, after } = memory as Memory;
      const more = (["tensors", "buffers", "bytes"] as const).filter((what) => after[what] !== before[what]);
      if (more.length === 0) return [];
      const parts = more.map((what) => `${after[what] - before[what]} ${what}`);
      return [`${op} leaked on ${side}: ${parts.join(", ")}.`];
    })
  );
}

/** The table as text, and below it what leaked. */
export function opsText(rows: readonly OpRow[]): string {
  const change = (what: "tensors" | "bytes", { before, after }: Memory) => `${before[what]} → ${after[what]}`;
  const leaks = leaksOf(rows);
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
