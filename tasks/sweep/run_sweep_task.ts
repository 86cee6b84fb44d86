/**
 * A task that runs a sweep: its folder, tables and page on disk, progress on standard error, results on standard output.
 *
 * @module
 */

import { AbortedError, PolyphaseError } from "../../pipeline/errors.ts";
import type { JsonObject } from "../../pipeline/json.ts";
import { type Column, tableText } from "../../pipeline/report/table.ts";
import type { CellResult, CellStore, SweepCell } from "../../pipeline/sweep.ts";
import { checkSlugs, runSweep, type SweepOutcome } from "../../pipeline/sweep/run.ts";
import type { SweepSource } from "../../pipeline/sweep/source.ts";
import { csvText } from "../csv.ts";
import { HISTORY_COLUMNS, historyRows } from "../results.ts";
import type { RunFolder } from "../run_folder.ts";
import { cellFolder } from "./cell_folder.ts";
import { type SweepPage, sweepPage } from "./page.ts";
import { showSweep } from "./progress.ts";
import { openSweepFolder, RESULTS_FILE } from "./sweep_folder.ts";
import { csvColumns, resultsTable } from "./table.ts";

/** A task that runs a sweep. */
export interface SweepTask {
  /** Name of the task, and of the folder of its runs. */
  readonly task: string;
  /** Name of the sweep. */
  readonly name: string;
  /** Its cells. */
  readonly cells: readonly SweepCell[];
  /** Where workers find the very same cells. */
  readonly source: SweepSource;
  /** Flags of the command line. */
  readonly flags: SweepFlags;
  /** How columns of the sweep's own are shown, in the terminal and on the page. */
  readonly columns?: readonly Column[];
  /** What the page shows beside the results; asked whenever it is written. */
  readonly page?: (
    outcome: SweepOutcome,
    folder: RunFolder,
  ) => Partial<SweepPage> | Promise<Partial<SweepPage>>;
  /** Writes files of the task's own beside the tables; called whenever a cell ends. */
  readonly write?: (outcome: SweepOutcome, folder: RunFolder) => Promise<void>;
}

/** The flags that a task with a sweep has. */
export interface SweepFlags {
  /** Folder of all runs. */
  readonly out: string;
  /** Go on with the newest unfinished run of this configuration. */
  readonly resume: boolean;
  /** Print one JSON document. */
  readonly json: boolean;
  /** Show no progress. */
  readonly quiet: boolean;
  /** Cells to run at a time. Default one for each core. */
  readonly jobs?: number;
  /** Names of the cells to run. Default all. */
  readonly only?: readonly string[];
}

/** Milliseconds between two pages while cells are running: its pictures take as long as some cells. */
const PAGE_INTERVAL = 15_000;

/**
 * Runs a sweep as a task.
 *
 * @throws {PolyphaseError} if a cell failed, when all others are done
 * @throws {AbortedError} if `signal` told it to stop
 */
export async function runSweepTask(options: SweepTask, signal: AbortSignal): Promise<void> {
  const { task, name, cells, source, flags } = options;
  checkSlugs(cells, flags.only ?? []);
  const config: JsonObject = {
    task,
    sweep: name,
    cells: cells.map(({ slug, values, config }) => ({ cell: slug, values, ...config })),
  };
  const chosen = cells.filter(({ slug }) => flags.only?.includes(slug) ?? true);
  const progress = showSweep(chosen.length, { quiet: flags.quiet });
  let folder: RunFolder;
  let outcome: SweepOutcome;
  try {
    // Before there is a folder: where no data can be had, nothing is left behind.
    await prepareData(chosen, signal, progress.prepare);
    folder = await openSweepFolder({
      out: flags.out,
      task,
      resume: flags.resume,
      config,
      slugs: cells.map(({ slug }) => slug),
    });
    const writePage = async (known: SweepOutcome) => {
      const more = await options.page?.(known, folder);
      await folder.write(
        "report.html",
        await sweepPage(known, {
          title: name,
          subtitle: `${task}, version ${folder.version}`,
          cells: cells.length,
          columns: options.columns,
          ...more,
        }),
      );
    };
    let known: SweepOutcome = { results: [], failures: [] };
    let written = -Infinity;
    try {
      outcome = await runSweep(cells, {
        store: (slug) => cellFolder(folder.path, slug),
        source,
        jobs: flags.jobs,
        only: flags.only,
        signal,
        progress: progress.report,
        keep: writeHistory,
        update: async (fresh) => {
          known = fresh;
          // The last cell is followed by the end of this function, which writes everything anew.
          if (known.results.length === cells.length) return;
          await writeResults(folder, known);
          await options.write?.(known, folder);
          if (performance.now() - written < PAGE_INTERVAL) return;
          await writePage(known);
          written = performance.now();
        },
      });
    } catch (cause) {
      // A stopped sweep shows what it has; a fault of the disk would only repeat itself.
      if (cause instanceof AbortedError && known.results.length + known.failures.length > 0) {
        await writePage(known);
      }
      throw cause instanceof AbortedError ? new AbortedError(`${cause.message} (--resume)`) : cause;
    }
    await options.write?.(outcome, folder);
    await writePage(outcome);
    // Last, since a table of all cells is what tells a finished sweep.
    await writeResults(folder, outcome);
    await folder.release();
  } finally {
    progress.close();
  }
  print(options, folder, outcome);
  const { failures } = outcome;
  if (failures.length > 0) {
    throw new PolyphaseError(
      `${failures.length} of ${chosen.length} cells failed, the first, ${failures[0].slug}, so: ${
        failures[0].text
      } ` +
        `(error.txt in the folders of ${folder.path}; --resume tries again)`,
    );
  }
}

function print({ task, columns, flags }: SweepTask, folder: RunFolder, { results }: SweepOutcome): void {
  if (flags.json) {
    const seeds = [...new Set(results.map(({ seed }) => seed))];
    const document = {
      task,
      version: folder.version,
      out: folder.path,
      seed: seeds.length === 1 ? seeds[0] : seeds,
      results: results.map(({ row }) => row),
    };
    console.log(JSON.stringify(document, null, 2));
  } else {
    const table = results.length === 0
      ? ""
      : `${tableText(resultsTable(results, { axes: false, columns }), { width: widthOf() })}\n\n`;
    console.log(`${table}Report: ${folder.path}/report.html`);
  }
}

/** Columns of the terminal that the table goes to, if it goes to one. */
function widthOf(): number | undefined {
  return Deno.stdout.isTerminal() ? Deno.consoleSize().columns : undefined;
}

/** Fetches the data of the cells ahead of them, each set once. A fault counts if no data can be had at all. */
async function prepareData(
  cells: readonly SweepCell[],
  signal: AbortSignal,
  progress: Parameters<SweepCell["prepare"]>[0]["progress"],
): Promise<void> {
  const faults: unknown[] = [];
  const sets = new Map(cells.map((cell) => [dataOf(cell), cell]));
  for (const cell of sets.values()) {
    try {
      await cell.prepare({ signal, progress });
    } catch (cause) {
      if (signal.aborted) throw cause;
      faults.push(cause);
    }
  }
  if (faults.length > 0 && faults.length === sets.size) throw faults[0];
}

/** The configuration of a cell's data set, as text: what is the same for cells on the same images. */
function dataOf({ config }: SweepCell): string {
  const [first] = config.stages as readonly JsonObject[];
  return JSON.stringify((first?.config as JsonObject | undefined)?.dataset ?? null);
}

async function writeResults(folder: RunFolder, { results }: SweepOutcome): Promise<void> {
  await folder.write(RESULTS_FILE, csvText(csvColumns(results), results.map(({ row }) => row)));
}

async function writeHistory({ row, slug, seed, history }: CellResult, store: CellStore): Promise<void> {
  if (history.length === 0) return;
  const rows = historyRows(String(row.model ?? slug), seed, { history });
  await store.write("history.csv", new TextEncoder().encode(csvText(HISTORY_COLUMNS, rows)));
}
