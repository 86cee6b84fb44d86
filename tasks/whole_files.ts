/**
 * Files that appear whole or not at all, and faults of the disk in one line: what the folders of runs and of cells share.
 *
 * @module
 */

import { fileFault } from "./file_fault.ts";

/** Writes beside, brings it to the disk, and only then gives it its name; an older file of that name is replaced. */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const beside = path.replace(/([^/]*)$/, ".$1.tmp");
  try {
    {
      using file = await Deno.open(beside, { write: true, create: true, truncate: true });
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      await file.sync();
    }
    await Deno.rename(beside, path);
  } catch (cause) {
    await Deno.remove(beside).catch(() => {});
    throw cause;
  }
}

/** Removes what a killed process left half-written in a folder. */
export async function removeHalves(folder: string): Promise<void> {
  await guarded(folder, () =>
    ifFound((async () => {
      for await (const { name } of Deno.readDir(folder)) {
        if (/^\..*\.tmp$/.test(name)) await Deno.remove(`${folder}/${name}`);
      }
    })()));
}

/** What comes of an action, or `undefined` if the file or folder is not there. */
export async function ifFound<T>(action: Promise<T>): Promise<T | undefined> {
  try {
    return await action;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw cause;
  }
}

/** Runs an action on a file; what goes wrong with the file is said in one line. */
export async function guarded<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw fileFault(cause, path) ?? cause;
  }
}
