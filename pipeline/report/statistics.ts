/**
 * Mean and standard deviation over repeated runs, for example over seeds.
 *
 * @module
 */

import { PolyphaseError } from "../errors.ts";
import type { TableRow } from "./table.ts";

/** What some repeated values are like. */
export interface MeanAndDeviation {
  /** How many values. */
  readonly count: number;
  /** Their mean; `null` if there is no value. */
  readonly mean: number | null;
  /** Their sample standard deviation, with `count - 1` in the denominator; `null` if there are fewer than two values. */
  readonly deviation: number | null;
}

/** Mean and sample standard deviation of `values`, `[count]`. A NaN among them makes both NaN. */
export function meanAndDeviation(values: readonly number[]): MeanAndDeviation {
  const count = values.length;
  if (count === 0) return { count, mean: null, deviation: null };
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count === 1) return { count, mean, deviation: null };
  // Two passes: squares of the values themselves would cancel where the deviation is small beside the mean.
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { count, mean, deviation: Math.sqrt(squares / (count - 1)) };
}

/** The key under which {@linkcode summarize} puts the standard deviation of `column`. */
export function deviationKey(column: string): string {
  return `${column}_sd`;
}

/**
 * One row for each group of `rows` that agree on the columns `by`, in order of first appearance. It holds those columns,
 * `runs` (how many rows the group has), and for each of `columns` the mean under its own name and the sample standard
 * deviation under {@linkcode deviationKey}. Missing values are left out.
 *
 * @throws {PolyphaseError} if a column to summarize holds text
 */
export function summarize(
  rows: readonly TableRow[],
  by: readonly string[],
  columns: readonly string[],
): TableRow[] {
  const groups = new Map<string, TableRow[]>();
  for (const row of rows) {
    const key = JSON.stringify(by.map((column) => row[column] ?? null));
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return [...groups.values()].map((group) => {
    const summary: Record<string, string | number | null> = {};
    for (const column of by) summary[column] = group[0][column] ?? null;
    summary.runs = group.length;
    for (const column of columns) {
      const { mean, deviation } = meanAndDeviation(numbersOf(group, column));
      summary[column] = mean;
      summary[deviationKey(column)] = deviation;
    }
    return summary;
  });
}

function numbersOf(rows: readonly TableRow[], column: string): number[] {
  const numbers: number[] = [];
  for (const row of rows) {
    const value = row[column];
    if (value === null || value === undefined) continue;
    if (typeof value !== "number") {
      throw new PolyphaseError(
        `Cannot summarize column "${column}": it holds the text "${value}", expected numbers: group by it or leave it out`,
      );
    }
    numbers.push(value);
  }
  return numbers;
}
