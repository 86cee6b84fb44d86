/**
 * The folder of a sweep: that of a new run, or of one to go on with. A sweep is unfinished while a cell has no result, or
 * the table has not all of them.
 *
 * @module
 */

import type { JsonObject } from "../../pipeline/json.ts";
import { RESULT_FILE } from "../../pipeline/sweep/run.ts";
import { readCsv } from "../csv.ts";
import { createRunFolder, resumeRunFolder, type RunFolder } from "../run_folder.ts";
import { removeHalves } from "../whole_files.ts";
import { cellFolder } from "./cell_folder.ts";

/** The table of results, which a task writes last of all when every cell is finished. */
export const RESULTS_FILE = "results.csv";

/** Which folder to open. */
export interface SweepFolderOptions {
  /** Folder of all runs. */
  readonly out: string;
  /** Name of the task. */
  readonly task: string;
  /** Whether to go on with the newest unfinished run of this configuration. */
  readonly resume: boolean;
  /** Everything that makes the sweep what it is. */
  readonly config: JsonObject;
  /** Names of all its cells. */
  readonly slugs: readonly string[];
}

/**
 * The folder of a sweep.
 *
 * @throws {PolyphaseError} if there is nothing to go on with, or nothing can be written there
 */
export async function openSweepFolder(options: SweepFolderOptions): Promise<RunFolder> {
  const { out, task, resume, config, slugs } = options;
  if (!resume) return await createRunFolder(out, task, config);
  // The page is rewritten as cells finish, so that it does not tell a finished sweep from another.
  const folder = await resumeRunFolder(out, task, config, async ({ path, read }) => {
    for (const slug of slugs) {
      if (await cellFolder(path, slug).read(RESULT_FILE) === undefined) return false;
    }
    return rowsIn(await read(RESULTS_FILE)) === slugs.length;
  });
  for (const slug of slugs) await removeHalves(`${folder.path}/${slug}`);
  return folder;
}

/** Rows of a table; none of one that is not there or cannot be read, as one of no cells. */
function rowsIn(table: Uint8Array | undefined): number {
  try {
    return readCsv(new TextDecoder().decode(table)).length;
  } catch {
    return 0;
  }
}
