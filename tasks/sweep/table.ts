/**
 * The tables of a sweep: a row for each finished cell, and means over seeds.
 *
 * @module
 */

import { decimals, duration, type Format, percent, thousands } from "../../pipeline/report/format.ts";
import { deviationKey, summarize } from "../../pipeline/report/statistics.ts";
import type { Column, Table, TableCell, TableRow } from "../../pipeline/report/table.ts";
import type { CellResult } from "../../pipeline/sweep.ts";
import { RESULT_COLUMNS } from "../results.ts";

/** What is known of the columns that every trained model has; those of stages and of a sweep are shown as they are. */
const KNOWN: Readonly<Record<string, Omit<Column, "key" | "label">>> = {
  val_acc: { format: decimals(4), better: "higher", description: "Accuracy on the test images." },
  val_loss: { format: decimals(4), better: "lower", description: "Mean loss over the test images." },
  train_loss: { format: decimals(4), description: "Mean loss over the last epoch of training." },
  params: { format: thousands(), description: "Trained parameters." },
  epochs: {},
  ms_per_step: { format: decimals(2), description: "Mean milliseconds of an optimizer step." },
  seconds: { format: duration(), description: "Time of training and evaluation." },
  shift_consistency: { format: percent(2), better: "higher" },
};

/** Columns in front of those of a sweep's own, and behind them. */
const FRONT = ["val_acc", "val_loss", "train_loss"];
const BACK = ["params", "epochs", "ms_per_step", "seconds"];

/** What else a row holds that is no result. */
const IDENTITY = ["model", "cell", "seed"];

/** The columns of `results.csv`: the standard ones that occur, then all others, each where a row first has it. */
export function csvColumns(results: readonly CellResult[]): string[] {
  const present = new Set(results.flatMap(({ row }) => Object.keys(row)));
  return [
    ...RESULT_COLUMNS.filter((column) => present.has(column)),
    ...[...present].filter((column) => !(RESULT_COLUMNS as readonly string[]).includes(column)),
  ];
}

/** What a table is to show beside the results. */
export interface TableChoice {
  /** Whether the value of each axis has a column, so that rows can be sorted by it. Default true. */
  readonly axes?: boolean;
  /** How columns of the sweep's own are shown, by key. Default as they are. */
  readonly columns?: readonly Column[];
}

/** A row for each finished cell. */
export function resultsTable(results: readonly CellResult[], choice: TableChoice = {}): Table {
  const axes = choice.axes === false ? [] : axesOf(results);
  return {
    columns: [
      { key: "cell", label: "cell" },
      ...axes.map((key): Column => ({ key, label: key })),
      ...measureColumns(results, choice.columns),
    ],
    rows: results.map(rowOf),
  };
}

/** Means and standard deviations of the cells that differ by their seed alone; `undefined` if there are none. */
export function seedsTable(results: readonly CellResult[], columns?: readonly Column[]): Table | undefined {
  const seeds = new Set(results.map(({ seed }) => seed));
  const axes = axesOf(results).filter((axis) => axis !== "seed");
  const measures = measureColumns(results, columns).filter(({ key }) =>
    results.every(({ row }) => typeof row[key] !== "string" && typeof row[key] !== "boolean")
  );
  const rows = summarize(results.map(rowOf), ["model", ...axes], measures.map(({ key }) => key));
  if (seeds.size < 2 || rows.length === results.length) return undefined;
  return {
    caption: `Mean and standard deviation over ${seeds.size} seeds.`,
    columns: [
      { key: "model", label: "model" },
      ...axes.filter((axis) => axis !== "model").map((key): Column => ({ key, label: key })),
      { key: "runs", label: "runs" },
      // What they mean stands below the table of all cells.
      ...measures.map(({ description: _, ...column }): Column => ({
        ...column,
        deviation: deviationKey(column.key),
      })),
    ],
    rows,
  };
}

/** What tells a cell from the others, for labels: the values of the axes that vary, or its name. */
export function labelOf({ slug, values, seed }: CellResult, all: readonly CellResult[]): string {
  const isVaried = (axis: string) => new Set(all.map((each) => JSON.stringify(each.values[axis]))).size > 1;
  const varied = Object.entries(values).filter(([axis]) => isVaried(axis));
  const parts = varied.map(([axis, value]) =>
    `${axis} ${typeof value === "string" ? value : JSON.stringify(value)}`
  );
  const isSeeded = !("seed" in values) && new Set(all.map((each) => each.seed)).size > 1;
  return [...parts, ...(isSeeded ? [`seed ${seed}`] : [])].join(", ") || slug;
}

/** The axes of a sweep, `seed` among them where seeds vary without an axis of that name. */
function axesOf(results: readonly CellResult[]): string[] {
  const axes = new Set(results.flatMap(({ values }) => Object.keys(values)));
  if (new Set(results.map(({ seed }) => seed)).size > 1) axes.add("seed");
  return [...axes];
}

function measureColumns(results: readonly CellResult[], own: readonly Column[] = []): Column[] {
  const present = csvColumns(results);
  const identity = [...IDENTITY, ...axesOf(results)];
  const others = present.filter((key) => ![...FRONT, ...BACK, ...identity].includes(key));
  return [...FRONT, ...others, ...BACK].filter((key) => present.includes(key)).map((key): Column =>
    own.find((column) => column.key === key) ??
      { key, label: key, format: plainOf(results, key), ...KNOWN[key] }
  );
}

/** Shares and other small numbers with four digits; the rest as it is. */
function plainOf(results: readonly CellResult[], key: string): Format | undefined {
  const numbers = results.map(({ row }) => row[key]).filter((value) => typeof value === "number");
  return numbers.some((value) => !Number.isInteger(value)) && numbers.every((value) => Math.abs(value) <= 1)
    ? decimals(4)
    : undefined;
}

function rowOf({ row, seed }: CellResult): TableRow {
  const cells = Object.entries(row).map(([key, value]): [string, TableCell] => [
    key,
    typeof value === "boolean" ? String(value) : value,
  ]);
  return { seed, ...Object.fromEntries(cells) };
}
