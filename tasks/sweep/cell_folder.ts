/**
 * The folders of the cells of a sweep, `<run>/<cell>`: files in them appear whole or not at all.
 *
 * @module
 */

import type { CellStore } from "../../pipeline/sweep.ts";
import { guarded, ifFound, writeWhole } from "../whole_files.ts";

/**
 * Keeps the files of a cell in a folder of its own, which is made when the first is written.
 *
 * @param run folder of the run
 * @param slug name of the cell
 * @throws {RangeError} if a name leads out of the folder
 */
export function cellFolder(run: string, slug: string): CellStore {
  const folder = `${run}/${checked(slug)}`;
  const pathOf = (name: string) => `${folder}/${checked(name)}`;
  return {
    read: (name) => guarded(pathOf(name), () => ifFound(Deno.readFile(pathOf(name)))),
    remove: async (name) => {
      await guarded(pathOf(name), () => ifFound(Deno.remove(pathOf(name))));
    },
    write: async (name, bytes) => {
      const path = pathOf(name);
      await guarded(path, async () => {
        await Deno.mkdir(folder, { recursive: true });
        await writeWhole(path, bytes);
      });
    },
  };
}

function checked(name: string): string {
  if (/^\.|[/\\]/.test(name) || name === "") {
    throw new RangeError(`"${name}" is no name of a file in its folder`);
  }
  return name;
}
