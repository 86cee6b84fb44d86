/**
 * A machine made of maps, on which every branch of the resolver can be reached without a permission.
 *
 * @module
 */

import type { Access, Outcome, System } from "../../datasets/system.ts";

export type Bytes = Uint8Array<ArrayBuffer>;

/** What a fake machine has. Everything has a default: nothing. */
export interface Fake {
  os?: string;
  env?: Record<string, string>;
  /** Files by path; what is saved is added. */
  files?: Map<string, Bytes>;
  /** Paths that exist and cannot be read. */
  locked?: readonly string[];
  /** What an access is refused for. Default: nothing. */
  denies?: (access: Access) => boolean;
  /** Answers by address. An address that is missing cannot be reached. */
  web?: Record<string, (signal: AbortSignal) => Response | Promise<Response>>;
  /** Programs by name; each may add files. */
  programs?: Record<string, (args: readonly string[], cwd: string, files: Map<string, Bytes>) => Outcome>;
  /** Whether folders refuse to be written to. */
  readOnly?: boolean;
}

/** A fake machine and the log of what was done to it. */
export function fakeSystem(fake: Fake = {}): System & { log: string[]; files: Map<string, Bytes> } {
  const files = fake.files ?? new Map<string, Bytes>();
  const log: string[] = [];
  return {
    log,
    files,
    os: fake.os ?? "linux",
    env: (name) => Promise.resolve(fake.env?.[name]),
    may: (access) => Promise.resolve(!fake.denies?.(access)),
    readFile(path) {
      log.push(`read ${path}`);
      if (fake.locked?.includes(path)) return Promise.reject(new Error("Permission denied (os error 13)"));
      return Promise.resolve(files.get(path));
    },
    saveFile(path, bytes) {
      if (fake.readOnly) return Promise.reject(new Error("Read-only file system (os error 30)"));
      log.push(`save ${path}`);
      files.set(path, bytes);
      return Promise.resolve();
    },
    listFiles(folder) {
      const names = [...files.keys()].filter((path) => path.slice(0, path.lastIndexOf("/")) === folder);
      return Promise.resolve(names.map((path) => path.slice(folder.length + 1)));
    },
    makeDir(path) {
      log.push(`make ${path}`);
      return Promise.resolve();
    },
    makeTempDir(parent) {
      if (fake.readOnly) return Promise.reject(new Error("Read-only file system (os error 30)"));
      return Promise.resolve(`${parent}/unpack-1`);
    },
    removeDir(path) {
      log.push(`remove ${path}`);
      for (const name of files.keys()) if (name.startsWith(`${path}/`)) files.delete(name);
      return Promise.resolve();
    },
    run(program, args, { cwd }) {
      log.push(`run ${program} ${args.filter((arg) => arg !== "-o" && !arg.includes("=")).join(" ")}`);
      return Promise.resolve(fake.programs?.[program]?.(args, cwd, files));
    },
    fetch(url, { signal }) {
      log.push(`fetch ${url}`);
      const answer = fake.web?.[url];
      if (!answer) {
        return Promise.reject(
          new TypeError("fetch failed", {
            cause: new Error(`error sending request for url (${url}): dns error: no such host`),
          }),
        );
      }
      return Promise.resolve(answer(signal));
    },
  };
}

/** Bytes compressed as a gzip file. */
export async function gzip(bytes: Bytes): Promise<Bytes> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Text as bytes. */
export function bytesOf(text: string): Bytes {
  return new TextEncoder().encode(text);
}

/** An IDX file of unsigned bytes. */
export function idxFile(shape: readonly number[], values: ArrayLike<number>): Bytes {
  const header = new Uint8Array(4 + 4 * shape.length);
  const view = new DataView(header.buffer);
  view.setUint32(0, 0x0800 | shape.length);
  shape.forEach((length, axis) => view.setUint32(4 + 4 * axis, length));
  return new Uint8Array([...header, ...Array.from(values)]);
}
