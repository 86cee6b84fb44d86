/**
 * Running the cells of a sweep: several side by side, each in a worker; what is finished is not done again, what was
 * stopped goes on from its checkpoint, and what fails does not stop the rest.
 *
 * @module
 */

import { nearestName } from "../../datasets/nearest.ts";
import { AbortedError, PolyphaseError } from "../errors.ts";
import { workerFault } from "../parallel/ability.ts";
import type { ProgressEvent } from "../pipe.ts";
import type { CellResult, CellServices, CellStore, SweepCell } from "../sweep.ts";
import { CellFailure } from "./failure.ts";
import type { SweepSource } from "./source.ts";
import { startThread, type SweepThread } from "./thread.ts";

/** The file that is written last of a finished cell: its result as JSON. */
export const RESULT_FILE = "result.json";

/** The file with one line on why a cell failed. */
const ERROR_FILE = "error.txt";

/** The file with what makes a cell's run what it is. */
const CONFIG_FILE = "config.json";

/** The checkpoint that an unfinished cell goes on from. */
const LAST_FILE = "last.safetensors";

/** What happens during a sweep. */
export type SweepEvent =
  /** A cell begins, or goes on. */
  | { readonly kind: "begun"; readonly slug: string }
  /** How a cell goes. */
  | { readonly kind: "progress"; readonly slug: string; readonly event: ProgressEvent }
  /** A cell is finished; `before` says that it was so when the sweep began. */
  | { readonly kind: "finished"; readonly slug: string; readonly before: boolean }
  /** A cell failed. `text` is one line. */
  | { readonly kind: "failed"; readonly slug: string; readonly text: string };

/** A cell that failed. */
export interface FailedCell {
  /** Name of the cell. */
  readonly slug: string;
  /** One line that says why. */
  readonly text: string;
}

/** What came of a sweep, in the order of its cells. */
export interface SweepOutcome {
  /** Results of the cells that are finished. */
  readonly results: readonly CellResult[];
  /** The cells that failed. */
  readonly failures: readonly FailedCell[];
}

/** How to run a sweep. */
export interface SweepOptions {
  /** Where the files of each cell are kept, by its slug. */
  readonly store: (slug: string) => CellStore;
  /** Where workers find the very cells that are to be run. Without it the cells run here, one after the other. */
  readonly source?: SweepSource;
  /**
   * Cells to run at a time. Default: one for each core if there is a `source` and workers can run here, else 1. With 1
   * the cells run here, without a worker, and training may use all cores; with more each trains with its share of them.
   */
  readonly jobs?: number;
  /** Names of the cells to run. Of the others, results are given where they are finished. Default all. */
  readonly only?: readonly string[];
  /** Stops the sweep; what is done by then is in the store. */
  readonly signal?: AbortSignal;
  /** Is told what happens to the cells that are to be run. */
  readonly progress?: (event: SweepEvent) => void;
  /** Keeps more files of a cell. It is not finished before they are kept. */
  readonly keep?: (result: CellResult, store: CellStore) => Promise<void>;
  /** Is given all that is known, whenever a cell finished or failed; one call at a time. */
  readonly update?: (outcome: SweepOutcome) => Promise<void>;
}

/**
 * Runs the cells that are not finished.
 *
 * A finished cell has a `result.json` in its store, written last; its result is read and it is not run. Any other is
 * run, and goes on from its checkpoint where there is one. A cell that fails leaves its error in `error.txt` and is tried
 * again by the next run of the sweep.
 *
 * @throws {AbortedError} if it is told to stop
 * @throws {PolyphaseError} if `jobs` cannot be had, or `only` names a cell that there is not
 */
export async function runSweep(cells: readonly SweepCell[], options: SweepOptions): Promise<SweepOutcome> {
  const { store, source, signal = new AbortController().signal, progress = () => {} } = options;
  checkSlugs(cells, options.only ?? []);
  const jobs = Math.min(jobsOf(options), Math.max(1, cells.length));
  const done = new Map<string, CellResult>();
  const failed = new Map<string, string>();
  const outcome = (): SweepOutcome => ({
    results: cells.flatMap(({ slug }) => done.get(slug) ?? []),
    failures: cells.flatMap(({ slug }) => failed.has(slug) ? [{ slug, text: failed.get(slug)! }] : []),
  });
  let updates = Promise.resolve();
  const update = (): Promise<void> => updates = updates.then(() => options.update?.(outcome()));

  let stopped = false;
  const pending: SweepCell[] = [];
  for (const cell of cells) {
    const { slug } = cell;
    const isChosen = options.only?.includes(slug) ?? true;
    const kept = await resultIn(store(slug), slug);
    if (kept === undefined) {
      if (isChosen) pending.push(cell);
    } else {
      done.set(slug, kept);
      await store(slug).remove(LAST_FILE);
      if (isChosen) progress({ kind: "finished", slug, before: true });
    }
  }

  /** Runs a cell with `start`, and notes what comes of it. */
  const finish = async (
    { slug, config, values }: SweepCell,
    start: (services: CellServices) => Promise<CellResult>,
  ): Promise<"finished" | "failed" | "stopped"> => {
    const files = store(slug);
    await files.remove(ERROR_FILE);
    await files.write(CONFIG_FILE, jsonBytes({ cell: slug, values, ...config }));
    progress({ kind: "begun", slug });
    let result: CellResult;
    try {
      const services = {
        store: files,
        signal,
        progress: (event: ProgressEvent) => progress({ kind: "progress", slug, event }),
      };
      result = await start(services);
    } catch (thrown) {
      const failure = CellFailure.of(thrown, signal.aborted);
      if (failure.stopped) {
        stopped = true;
        return "stopped";
      }
      failed.set(slug, failure.message);
      await files.write(ERROR_FILE, new TextEncoder().encode(`${failure.message}\n`));
      progress({ kind: "failed", slug, text: failure.message });
      await update();
      return "failed";
    }
    await options.keep?.(result, files);
    await files.write(RESULT_FILE, jsonBytes(result));
    await files.remove(LAST_FILE);
    done.set(slug, result);
    progress({ kind: "finished", slug, before: false });
    await update();
    return "finished";
  };

  const threads = new Set<SweepThread>();
  /** Takes one cell after the other, each in the same worker, until none is left. */
  const lane = async (source: SweepSource): Promise<void> => {
    let thread: SweepThread | undefined;
    for (let cell = pending.shift(); cell !== undefined; cell = pending.shift()) {
      if (signal.aborted) {
        stopped = true;
        return;
      }
      thread ??= startThread(source, Math.max(1, Math.floor(navigator.hardwareConcurrency / jobs)));
      threads.add(thread);
      const { slug } = cell;
      const { run } = thread;
      const ending = await finish(cell, (services) => run(slug, services));
      // A failed cell may have left tensors behind, or a broken heap: the next one gets a worker of its own.
      if (ending === "failed") {
        thread.close();
        threads.delete(thread);
        thread = undefined;
      }
    }
  };

  if (jobs > 1 && source !== undefined) {
    try {
      await Promise.all(Array.from({ length: Math.min(jobs, pending.length) }, () => lane(source)));
    } finally {
      // Where one lane could not go on, the others must not begin anything more.
      pending.length = 0;
      for (const thread of threads) thread.close();
    }
  } else {
    for (const cell of pending) {
      if (signal.aborted) {
        stopped = true;
        break;
      }
      // What comes back is what the store gives back later: plain data, with nothing that JSON does not hold.
      await finish(cell, async (services) => JSON.parse(JSON.stringify(await cell.run(services))));
    }
  }
  if (stopped) {
    throw new AbortedError(
      `Stopped with ${done.size} of ${cells.length} cells finished: resume to go on from there`,
    );
  }
  return outcome();
}

/**
 * Makes sure that cells of these names are there.
 *
 * @throws {PolyphaseError} if one is not
 */
export function checkSlugs(cells: readonly SweepCell[], slugs: readonly string[]): void {
  const known = cells.map(({ slug }) => slug);
  for (const slug of slugs) {
    if (known.includes(slug)) continue;
    throw new PolyphaseError(`The sweep has no cell "${slug}": did you mean ${nearestName(slug, known)}?`);
  }
}

function jobsOf({ jobs, source }: SweepOptions): number {
  const fault = source === undefined
    ? { reason: "workers are not told where the cells come from", mend: "give source" }
    : workerFault();
  if (jobs === undefined) return fault === undefined ? navigator.hardwareConcurrency : 1;
  if (!Number.isInteger(jobs) || jobs < 1) {
    throw new PolyphaseError(`jobs ${jobs} is not a whole number of 1 or more: give one that is`);
  }
  if (jobs > 1 && fault !== undefined) {
    throw new PolyphaseError(
      `Cannot run ${jobs} cells at a time: ${fault.reason}: ${fault.mend}, or set jobs: 1`,
    );
  }
  return jobs;
}

/** The result of a finished cell; `undefined` if there is none, or none that can be read. */
async function resultIn(store: CellStore, slug: string): Promise<CellResult | undefined> {
  const bytes = await store.read(RESULT_FILE);
  if (bytes === undefined) return undefined;
  try {
    const result = JSON.parse(new TextDecoder().decode(bytes));
    return result?.slug === slug ? result : undefined;
  } catch {
    return undefined;
  }
}

function jsonBytes(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}
