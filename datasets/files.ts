/**
 * Finding the files of a published data set: a folder that the user names, the cache, folders of the system, the
 * publisher's mirrors, and Debian's package, in this order.
 *
 * Every file is checked against the SHA-256 of its uncompressed bytes. A folder that the user names must be right:
 * a missing or wrong file there is an error. Elsewhere a wrong file is reported and passed over.
 *
 * @module
 */

import { AbortedError, PolyphaseError } from "../pipeline/errors.ts";
import { sha256 } from "../pipeline/json.ts";
import { knownAs } from "./checksums.ts";
import type { LoadOptions } from "./dataset.ts";
import { type DebianPackage, unpackDebian } from "./debian.ts";
import { download, DownloadError, PATIENCE, type Patience } from "./download.ts";
import { gunzip, isGzip } from "./gunzip.ts";
import { hostSystem, type System } from "./system.ts";

/** A file of a data set. */
export interface KnownFile {
  /** Its name, without `.gz`. */
  readonly name: string;
  /** SHA-256 of its uncompressed bytes, or of the bytes as they are if `whole`. `undefined` if the reader checks it. */
  readonly sha256?: string;
  /**
   * Whether the bytes are taken as they are, for an archive that is published compressed. Default: they are decompressed.
   */
  readonly whole?: boolean;
}

/** The files of a data set, and where they may be. */
export interface FileSet {
  /** Name of the data set: its folder in the cache. */
  readonly name: string;
  /** Name for a person, for example `Fashion-MNIST`. */
  readonly title: string;
  /** The files. */
  readonly files: readonly KnownFile[];
  /** Folders below the user's own in which the files may be too, for example torchvision's. */
  readonly subfolders?: readonly string[];
  /**
   * Addresses of the publisher's mirrors, each ending in `/`. They hold the files with `.gz`, or as they are if `whole`.
   */
  readonly mirrors: readonly string[];
  /** The Debian package that holds the files. */
  readonly debian?: DebianPackage;
}

/** What {@linkcode resolveFiles} may be told. Everything has a default. */
export interface ResolveOptions extends LoadOptions {
  /** The user's own folder: the only place that is looked at, if given. */
  readonly dir?: string;
  /** The machine. Default the host. */
  readonly system?: System;
  /** How long to wait for a mirror. */
  readonly patience?: Patience;
}

/** Bytes of each file by its name, decompressed. */
export type ResolvedFiles = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * The files of a data set, each verified.
 *
 * @throws {PolyphaseError} if a file in `dir` is missing or wrong, or no source has a file: then the message says
 *   what was tried, a line each, and how to mend it
 * @throws {AbortedError} if `signal` stops it
 */
export async function resolveFiles(set: FileSet, options: ResolveOptions = {}): Promise<ResolvedFiles> {
  try {
    return await resolve(set, options);
  } catch (error) {
    if (options.signal?.aborted) {
      throw new AbortedError(`Stopped while looking for the files of ${set.title}`);
    }
    throw error;
  }
}

async function resolve(set: FileSet, options: ResolveOptions): Promise<ResolvedFiles> {
  const search = new Search(set, options);
  if (options.dir !== undefined) return await search.userFolder(options.dir);
  const cache = await cacheFolder(options.system ?? hostSystem());
  const own = cache && `${cache}/${set.name}`;
  if (own) await search.folder(own, "cache");
  else search.note("cache", "the environment names no folder for it: set POLYPHASE_DATA, add --allow-env");
  if (set.debian) await search.folder(set.debian.folder, "system folder");
  await search.mirrors(own);
  if (set.debian) await search.debian(set.debian, own);
  return search.finish();
}

/**
 * The folder in which files are kept for later: `$POLYPHASE_DATA`, else the platform's cache folder with `/polyphase`.
 * `undefined` if the environment names neither, or may not be read.
 */
export async function cacheFolder(system: System = hostSystem()): Promise<string | undefined> {
  const own = await system.env("POLYPHASE_DATA");
  if (own) return own;
  if (system.os === "browser") return undefined;
  const home = await system.env(system.os === "windows" ? "USERPROFILE" : "HOME");
  const base = system.os === "windows"
    ? await system.env("LOCALAPPDATA") ?? (home && `${home}/AppData/Local`)
    : system.os === "darwin"
    ? home && `${home}/Library/Caches`
    : await system.env("XDG_CACHE_HOME") ?? (home && `${home}/.cache`);
  return base && `${base}/polyphase`;
}

/** One search: the files found so far, and what to say if some are not. */
class Search {
  readonly #found = new Map<string, Bytes>();
  readonly #tried: string[] = [];
  readonly #system: System;

  constructor(readonly set: FileSet, readonly options: ResolveOptions) {
    this.#system = options.system ?? hostSystem();
  }

  /** Keeps a line for the final message. */
  note(where: string, what: string): void {
    this.#tried.push(`${where}: ${what}`);
  }

  /** The files, if all were found. */
  finish(): ResolvedFiles {
    const missing = this.#missing();
    if (missing.length === 0) return this.#found;
    const { title, debian } = this.set;
    const ways = [
      "name the folder that has its files (`--data DIR`)",
      "connect to the network (and `--allow-net`)",
      ...debian ? [`on Debian or Ubuntu \`apt install ${debian.name}\``] : [],
    ];
    throw new PolyphaseError([
      `Cannot find ${title} (${missing[0].name}): ${
        ways.join(", or ")
      }; \`--dataset synthetic\` needs no files. Tried:`,
      ...this.#tried.map((line) => `  ${line}`),
    ].join("\n"));
  }

  /** Takes every file from the folder that the user named. */
  async userFolder(dir: string): Promise<ResolvedFiles> {
    if (!await this.#system.may({ read: dir })) {
      throw new PolyphaseError(`Cannot read ${dir}: there is no permission: add --allow-read=${dir}`);
    }
    const folders = [dir, ...(this.set.subfolders ?? []).map((below) => `${dir}/${below}`)];
    for (const file of this.set.files) {
      const hit = await this.#readFirst(folders, file);
      if (hit === undefined) {
        const names = spellings(file).join(" or ");
        throw new PolyphaseError(
          `No ${names} in ${dir}: put the files of ${this.set.title} there, or leave out --data to fetch them`,
        );
      }
      const fault = await this.#keep(file, hit.bytes, hit.path);
      if (fault) {
        throw new PolyphaseError(
          `${hit.path} ${fault}: replace it with ${this.set.title}'s, or leave out --data to fetch it`,
        );
      }
    }
    return this.#found;
  }

  /** Takes what a folder of the cache or of the system has. */
  async folder(folder: string, what: string): Promise<void> {
    if (this.#missing().length === 0) return;
    if (!await this.#system.may({ read: folder })) {
      return this.note(`${what} ${folder}`, "no permission to read it: add --allow-read");
    }
    const absent: string[] = [];
    for (const file of this.#missing()) {
      let seen = false;
      for (const spelling of spellings(file)) {
        const path = `${folder}/${spelling}`;
        const bytes = await this.#read(path);
        if (bytes === undefined) continue;
        seen = true;
        const fault = typeof bytes === "string" ? bytes : await this.#keep(file, bytes, path);
        if (fault === undefined) break;
        this.note(`${what} ${path}`, fault);
        this.options.progress?.({ text: `passing over ${path}: it ${fault}` });
      }
      if (!seen) absent.push(file.name);
    }
    if (absent.length > 0) this.note(`${what} ${folder}`, `no ${absent.join(", ")}`);
  }

  /** Fetches what is missing from the publisher's mirrors, and keeps it in the cache. */
  async mirrors(cache: string | undefined): Promise<void> {
    for (const mirror of this.set.mirrors) {
      if (this.#missing().length === 0) return;
      const { host } = new URL(mirror);
      if (!await this.#system.may({ net: host })) {
        this.note(mirror, `no permission for the network: add --allow-net=${host}`);
        continue;
      }
      for (const file of this.#missing()) {
        const name = file.whole ? file.name : `${file.name}.gz`;
        let bytes: Bytes;
        try {
          bytes = await download(
            this.#system,
            mirror + name,
            name,
            this.options,
            this.options.patience ?? PATIENCE,
          );
        } catch (error) {
          if (!(error instanceof DownloadError)) throw error;
          this.note(`${mirror}${name}`, error.message);
          if (error.unreachable) break;
          continue;
        }
        const fault = await this.#keep(file, bytes, name);
        if (fault) this.note(`${mirror}${name}`, fault);
        else await this.#save(cache, file, bytes);
      }
    }
  }

  /** Takes what is missing from Debian's package, and keeps it in the cache. */
  async debian(debian: DebianPackage, cache: string | undefined): Promise<void> {
    if (this.#missing().length === 0) return;
    const where = `apt-get download ${debian.name}`;
    if (this.#system.os !== "linux") return this.note(where, "this is no Debian system");
    for (const program of ["apt-get", "dpkg-deb"]) {
      if (!await this.#system.may({ run: program })) {
        return this.note(where, `no permission to run it: add --allow-run=apt-get,dpkg-deb`);
      }
    }
    if (!cache || !await this.#system.may({ write: cache }) || !await this.#system.may({ read: cache })) {
      return this.note(
        where,
        "no cache folder that may be written to: set POLYPHASE_DATA, add --allow-write",
      );
    }
    let scratch: string;
    try {
      scratch = await this.#system.makeTempDir(cache);
    } catch (error) {
      return this.note(where, `cannot write to ${cache}: ${reason(error)}`);
    }
    try {
      const unpacked = await unpackDebian(this.#system, debian, scratch, this.options);
      if ("failed" in unpacked) return this.note(where, unpacked.failed);
      const absent: string[] = [];
      for (const file of this.#missing()) {
        const hit = await this.#readFirst([unpacked.folder], file);
        if (hit === undefined) {
          absent.push(file.name);
          continue;
        }
        const fault = await this.#keep(file, hit.bytes, hit.path);
        if (fault) this.note(where, `${file.name} ${fault}`);
        else await this.#save(cache, file, hit.bytes);
      }
      if (absent.length > 0) this.note(where, `the package has no ${absent.join(", ")}`);
    } finally {
      await this.#system.removeDir(scratch);
    }
  }

  #missing(): KnownFile[] {
    return this.set.files.filter((file) => !this.#found.has(file.name));
  }

  /** Keeps a file if it is the right one; otherwise says what is wrong with it. */
  async #keep(file: KnownFile, bytes: Bytes, path: string): Promise<string | undefined> {
    let content = bytes;
    if (!file.whole && isGzip(bytes)) {
      try {
        content = await gunzip(bytes, path);
      } catch {
        return "is cut short or damaged";
      }
    }
    if (file.sha256 !== undefined) {
      const seen = await sha256(content);
      if (seen !== file.sha256) {
        const looks = knownAs(seen);
        const sums = `SHA-256 ${seen.slice(0, 12)}…, expected ${file.sha256.slice(0, 12)}…`;
        return looks ? `looks like ${looks} (${sums})` : `has a wrong checksum (${sums})`;
      }
    }
    this.#found.set(file.name, content);
    return undefined;
  }

  /** The first of a file's spellings that is in one of the folders. */
  async #readFirst(
    folders: readonly string[],
    file: KnownFile,
  ): Promise<{ path: string; bytes: Bytes } | undefined> {
    for (const folder of folders) {
      for (const spelling of spellings(file)) {
        const path = `${folder}/${spelling}`;
        const bytes = await this.#read(path);
        if (typeof bytes === "string") {
          throw new PolyphaseError(`${path} ${bytes}: let it be read, or name another --data`);
        }
        if (bytes !== undefined) return { path, bytes };
      }
    }
    return undefined;
  }

  /** A file's bytes, `undefined` if there is none, or what keeps it from being read. */
  async #read(path: string): Promise<Bytes | string | undefined> {
    try {
      return await this.#system.readFile(path);
    } catch (error) {
      return `cannot be read (${reason(error)})`;
    }
  }

  /**
   * Keeps a fetched file in the cache. A cache that cannot be written to costs the next run time, not this one its data.
   */
  async #save(cache: string | undefined, file: KnownFile, bytes: Bytes): Promise<void> {
    if (!cache) return;
    const path = `${cache}/${file.name}${!file.whole && isGzip(bytes) ? ".gz" : ""}`;
    const tell = (why: string) => this.options.progress?.({ text: `not kept for later, ${path}: ${why}` });
    if (!await this.#system.may({ write: cache }) || !await this.#system.may({ read: cache })) {
      return tell("no permission to write: add --allow-write");
    }
    try {
      await this.#system.saveFile(path, bytes);
    } catch (error) {
      tell(reason(error));
    }
  }
}

/** The names under which a file may lie in a folder. */
function spellings(file: KnownFile): string[] {
  return file.whole ? [file.name] : [file.name, `${file.name}.gz`];
}

function reason(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0];
}
