/**
 * What the tests of `deno task fmnist-adaptive` share: running it, and reading what it leaves behind.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { readCsv } from "../../tasks/csv.ts";
import {
  canRunTasks,
  inTempFolder,
  permitted,
  runTask,
  type TaskOptions,
  type TaskResult,
} from "../support.ts";

/** 60 steps of each model: enough to see that something runs. */
export const RUNS = "--dataset synthetic --train-size 120 --test-size 40 --batch-size 4 --epochs 2";

/** A row of a table. */
export type Row = Record<string, string | number>;

/** Runs the task with these flags, separated by spaces. */
export function task(flags: string, options?: TaskOptions): Promise<TaskResult> {
  return runTask("tasks/fmnist_adaptive.ts", flags.split(" "), options);
}

/** A test of the task, with a fresh folder; `also` is one more condition for it to run. */
export function taskTest(
  name: string,
  fn: (t: Deno.TestContext, folder: string) => Promise<void>,
  also = true,
): void {
  Deno.test({
    name: `deno task fmnist-adaptive ${name} (needs --allow-run --allow-read --allow-write)`,
    ignore: !canRunTasks() || !permitted({ name: "write" }) || !also,
    sanitizeOps: true,
    sanitizeResources: true,
    fn: (t) => inTempFolder((folder) => fn(t, folder)),
  });
}

/** The names in a folder, in order. */
export function namesIn(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
}

/** The rows of a CSV file. */
export async function table(path: string): Promise<Record<string, string>[]> {
  return readCsv(await Deno.readTextFile(path), path);
}

/** Rows without what the clock has a say in. */
export function timeless(rows: readonly Row[]): Row[] {
  return rows.map(({ seconds: _, ms_per_step: __, ...rest }) => rest);
}

/** One line on standard error, and nothing on standard output. */
export function assertRefused(result: TaskResult, code: number, line: RegExp): void {
  assertEquals([result.code, result.stdout], [code, ""], result.stderr);
  assertMatch(result.stderr, /^error: [^\n]+\n$/);
  assertMatch(result.stderr, line);
}
