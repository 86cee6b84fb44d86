/**
 * What the tests of sweeps share: stores in memory.
 *
 * @module
 */

import type { CellStore } from "../../pipeline/sweep.ts";

/** Stores of cells in memory. */
export interface MemoryStores {
  /** Bytes by `<cell>/<name>`. */
  readonly files: Map<string, Uint8Array<ArrayBuffer>>;
  /** Everything written or removed, in order: `+<cell>/<name>` and `-<cell>/<name>`. */
  readonly log: string[];
  /** The store of a cell. */
  readonly store: (slug: string) => CellStore;
  /** The text of a file. */
  text(path: string): string | undefined;
}

/** Stores in memory; `refuse` names a file that cannot be written. */
export function memoryStores(refuse?: string): MemoryStores {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const log: string[] = [];
  return {
    files,
    log,
    store: (slug) => ({
      read: (name) => Promise.resolve(files.get(`${slug}/${name}`)),
      write: (name, bytes) => {
        if (name === refuse) return Promise.reject(new Error("the disk is full"));
        files.set(`${slug}/${name}`, bytes);
        log.push(`+${slug}/${name}`);
        return Promise.resolve();
      },
      remove: (name) => {
        if (files.delete(`${slug}/${name}`)) log.push(`-${slug}/${name}`);
        return Promise.resolve();
      },
    }),
    text: (path) => {
      const bytes = files.get(path);
      return bytes && new TextDecoder().decode(bytes);
    },
  };
}
