/**
 * Times whole training steps of models beside those of their plain twins, and makes the table of it.
 *
 * @module
 */

import { tf } from "../../models/backend/tf.ts";
import { decimals } from "../../pipeline/report/format.ts";
import { tableText } from "../../pipeline/report/table.ts";
import { parametersOf } from "./model_steps.ts";
import type { Side } from "./side.ts";
import { type Pace, ratioOf, takeTurns, timesOf } from "./turns.ts";
import type { TwinCase } from "./twin_cases.ts";

/** The row of a model with a plain twin. */
export interface TwinRow {
  /** Name. */
  readonly model: string;
  /** Name of the plain twin. */
  readonly plain: string;
  /** How many numbers the model learns. */
  readonly parameters: number;
  /** Images a step. */
  readonly batch_size: number;
  /** Median milliseconds of a step of the model. */
  readonly median_ms: number;
  /** Median milliseconds of a step of the plain twin. */
  readonly plain_median_ms: number;
  /** Median over the rounds of the time of the model divided by that of its twin in the same round. */
  readonly ratio: number;
  /** Tensors that the two left behind: they share a process, so that neither can be told what it holds alone. */
  readonly leaked: number;
}

/** How twins are timed. */
export interface TwinComparison extends Pace {
  /** What is timed. */
  readonly cases: readonly TwinCase[];
  /** The models, by the names of their cases. */
  readonly twins: Side;
  /** Their plain twins, by the same names. */
  readonly plain: Side;
}

/**
 * Times one pair after another, as {@linkcode takeTurns}.
 *
 * @throws {AbortedError} if `signal` stops it
 */
export async function compareTwins(
  { cases, twins, plain, ...pace }: TwinComparison,
  signal?: AbortSignal,
): Promise<TwinRow[]> {
  const rows: TwinRow[] = [];
  for (const each of cases) {
    const count = await parametersOf(each.twin);
    const before = tf.memory().numTensors;
    const [twin, other] = await takeTurns(each.name, [twins, plain], pace, signal);
    rows.push({
      model: each.name,
      plain: each.plain.name,
      parameters: count,
      batch_size: each.twin.batchSize,
      median_ms: timesOf(twin).median!,
      plain_median_ms: timesOf(other).median!,
      ratio: ratioOf(twin, other)!,
      leaked: tf.memory().numTensors - before,
    });
  }
  return rows;
}

/** The table as text. */
export function twinsText(rows: readonly TwinRow[]): string {
  const leaked = rows.reduce((sum, row) => sum + row.leaked, 0);
  return tableText({
    caption: "One training step with its batch, on WASM in one thread, beside that of the plain twin; " +
      `${leaked} tensors leaked.`,
    columns: [
      { key: "model", label: "model" },
      { key: "plain", label: "plain twin", align: "left" },
      { key: "parameters", label: "parameters" },
      { key: "batch_size", label: "batch" },
      { key: "median_ms", label: "median ms", format: decimals(1) },
      { key: "plain_median_ms", label: "plain ms", format: decimals(1) },
      { key: "ratio", label: "ratio", format: decimals(3) },
    ],
    rows: rows.map(({ leaked: _, ...row }) => row),
  });
}
