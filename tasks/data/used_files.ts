/**
 * Notes which files a data set was read from, by standing between its loader and the machine.
 *
 * @module
 */

import { gunzip, isGzip } from "../../datasets/gunzip.ts";
import type { System } from "../../datasets/system.ts";
import { sha256 } from "../../pipeline/json.ts";

/** A file that a data set was read from. */
export interface UsedFile {
  /** Its name, without `.gz`. */
  readonly name: string;
  /** Where it is; `null` if it was fetched and could not be kept. */
  readonly path: string | null;
  /** SHA-256 of its uncompressed bytes, or of a `.tar.gz` archive as it is; `null` if it was not kept. */
  readonly sha256: string | null;
}

/** A machine that remembers what was read from it. */
export interface WatchedSystem {
  /** The machine to hand to a loader. */
  readonly system: System;
  /** After loading: for each file the place it was taken from, the last that was tried, by name. */
  readonly used: () => UsedFile[];
}

/** Watches a machine. */
export function watchFiles(machine: System): WatchedSystem {
  const files = new Map<string, UsedFile>();
  const note = async (path: string, bytes: Uint8Array<ArrayBuffer>, isKept = true) => {
    const name = nameOf(path);
    files.set(name, {
      name,
      path: isKept ? path : null,
      sha256: isKept ? await contentHash(bytes, name) : null,
    });
  };
  return {
    system: {
      ...machine,
      readFile: async (path) => {
        const bytes = await machine.readFile(path);
        if (bytes !== undefined) await note(path, bytes);
        return bytes;
      },
      saveFile: async (path, bytes) => {
        await note(path, bytes, false);
        await machine.saveFile(path, bytes);
        await note(path, bytes);
      },
      fetch: async (url, options) => {
        const response = await machine.fetch(url, options);
        const name = nameOf(url);
        if (response.ok) files.set(name, { name, path: null, sha256: null });
        return response;
      },
    },
    used: () => [...files.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** A damaged file has no content; the loader refuses or passes over it. */
async function contentHash(bytes: Uint8Array<ArrayBuffer>, name: string): Promise<string | null> {
  if (name.endsWith(".tar.gz") || !isGzip(bytes)) return await sha256(bytes);
  try {
    return await sha256(await gunzip(bytes, name));
  } catch {
    return null;
  }
}

function nameOf(path: string): string {
  const name = path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
  return name.endsWith(".tar.gz") ? name : name.replace(/\.gz$/, "");
}
