/**
 * Times whole training steps, model by model, on our kernels with one thread and with several, and on vanilla
 * TensorFlow.js, and makes the table of it.
 *
 * @module
 */

import { decimals } from "../../pipeline/report/format.ts";
import { tableText } from "../../pipeline/report/table.ts";
import type { ModelCase } from "./model_cases.ts";
import { parametersOf } from "./model_steps.ts";
import type { Memory, Side } from "./side.ts";
import { leaksOf, type Outcome, type Pace, ratioOf, takeTurns, timesOf } from "./turns.ts";

/** What a training step of a model took on a side; `null` where that cannot train it. */
export interface StepTimes {
  /** Median milliseconds of a step. */
  readonly median_ms: number | null;
  /** Least milliseconds of a step. */
  readonly min_ms: number | null;
  /** Images a second at the median. */
  readonly inputs_per_second: number | null;
  /** Rounds that count. */
  readonly rounds: number;
  /** Why it cannot train it. */
  readonly reason: string | null;
  /** What it held before and after. Workers free what they hold by ending. */
  readonly memory: Memory | null;
}

/** A model's row. */
export interface ModelRow {
  /** Name. */
  readonly model: string;
  /** How many numbers it learns. */
  readonly parameters: number;
  /** Images a step. */
  readonly batch_size: number;
  /** Name of the optimizer. */
  readonly optimizer: string;
  /** Our kernels in one thread. */
  readonly ours: StepTimes;
  /** Our kernels in several. */
  readonly workers: StepTimes;
  /** Median over the rounds of the time of one thread divided by that of several in the same round. */
  readonly workers_speedup: number | null;
  /** Vanilla TensorFlow.js. */
  readonly vanilla: StepTimes;
  /** Median over the rounds of vanilla's time divided by ours in one thread in the same round. */
  readonly ratio: number | null;
  /** As `ratio`, by ours in several threads. */
  readonly workers_ratio: number | null;
}

/** How models are timed. */
export interface ModelComparison extends Pace {
  /** What is timed. */
  readonly cases: readonly ModelCase[];
  /** Our kernels in one thread. */
  readonly ours: Side;
  /** Our kernels in several. */
  readonly workers: Side;
  /** Vanilla TensorFlow.js. */
  readonly vanilla: Side;
}

/**
 * Times one model after another, as {@linkcode takeTurns}.
 *
 * @throws {AbortedError} if `signal` stops it
 */
export async function compareModels(
  { cases, ours, workers, vanilla, ...pace }: ModelComparison,
  signal?: AbortSignal,
): Promise<ModelRow[]> {
  const rows: ModelRow[] = [];
  for (const each of cases) {
    const { name, batchSize, optimizer } = each;
    const [our, many, their] = await takeTurns(name, [ours, workers, vanilla], pace, signal);
    rows.push({
      model: name,
      parameters: await parametersOf(each),
      batch_size: batchSize,
      optimizer: optimizer.name,
      ours: stepTimes(our, batchSize),
      workers: { ...stepTimes(many, batchSize), memory: null },
      workers_speedup: ratioOf(our, many),
      vanilla: stepTimes(their, batchSize),
      ratio: ratioOf(their, our),
      workers_ratio: ratioOf(their, many),
    });
  }
  return rows;
}

function stepTimes(outcome: Outcome, batchSize: number): StepTimes {
  const { median, min } = timesOf(outcome);
  return {
    median_ms: median,
    min_ms: min,
    inputs_per_second: median === null ? null : 1000 * batchSize / median,
    rounds: outcome.times.length,
    reason: outcome.reason,
    memory: outcome.memory,
  };
}

/** The table as text, and below it who cannot train what, and what leaked. */
export function modelsText(rows: readonly ModelRow[], workers: number): string {
  const leaks = rows.flatMap(({ model, ours, vanilla }) =>
    leaksOf(model, [["our kernels", ours.memory], ["vanilla TensorFlow.js", vanilla.memory]])
  );
  const faults = rows.flatMap((row) =>
    ([["one thread", row.ours], [`${workers} workers`, row.workers], [
      "Vanilla TensorFlow.js",
      row.vanilla,
    ]] as const)
      .flatMap(([side, { reason }]) =>
        reason === null ? [] : [`${side} cannot train ${row.model}: ${reason}.`]
      )
  );
  const table = tableText({
    caption:
      `One training step with its batch, on WASM: ours in one thread and with ${workers} workers against ` +
      `vanilla TensorFlow.js; ${leaks.length === 0 ? "nothing" : "see below what"} leaked.`,
    columns: [
      { key: "model", label: "model" },
      { key: "parameters", label: "parameters" },
      { key: "batch", label: "batch" },
      { key: "ms", label: "median ms", format: decimals(3) },
      { key: "min", label: "min ms", format: decimals(3) },
      { key: "rate", label: "inputs/s", format: decimals(0) },
      { key: "workersMs", label: `${workers} workers ms`, format: decimals(3) },
      { key: "workersMin", label: "min ms", format: decimals(3) },
      { key: "workersRate", label: "inputs/s", format: decimals(0) },
      { key: "speedup", label: "speed-up", format: decimals(2) },
      { key: "vanillaMs", label: "vanilla ms", format: decimals(1) },
      { key: "vanillaMin", label: "min ms", format: decimals(1) },
      { key: "ratio", label: "ratio", format: decimals(2) },
      { key: "workersRatio", label: `to ${workers} workers`, format: decimals(2) },
      { key: "tensors", label: "tensors", align: "right" },
      { key: "bytes", label: "bytes", align: "right" },
    ],
    rows: rows.map((row) => ({
      model: row.model,
      parameters: row.parameters,
      batch: row.batch_size,
      ms: row.ours.median_ms,
      min: row.ours.min_ms,
      rate: row.ours.inputs_per_second,
      workersMs: row.workers.median_ms,
      workersMin: row.workers.min_ms,
      workersRate: row.workers.inputs_per_second,
      speedup: row.workers_speedup,
      vanillaMs: row.vanilla.median_ms,
      vanillaMin: row.vanilla.min_ms,
      ratio: row.ratio,
      workersRatio: row.workers_ratio,
      tensors: change("tensors", row.ours.memory),
      bytes: change("bytes", row.ours.memory),
    })),
  });
  const notes = [...faults, ...leaks];
  return notes.length === 0 ? table : `${table}\n\n${notes.join("\n")}`;
}

function change(what: "tensors" | "bytes", memory: Memory | null): string | null {
  return memory === null ? null : `${memory.before[what]} → ${memory.after[what]}`;
}
