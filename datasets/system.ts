/**
 * What the resolver of data files needs of the machine: files, programs and the network, behind one small interface.
 *
 * The default is the host, Deno or a browser. A test gives another, and so reaches every branch without touching
 * the disk or the network. Nothing here asks the user for a permission: what is not granted counts as not there.
 *
 * @module
 */

/** Something that a permission is needed for. */
export type Access =
  | { readonly read: string }
  | { readonly write: string }
  | { readonly run: string }
  | { readonly net: string };

/** How a program ended. */
export interface Outcome {
  /** Whether it ended with exit code 0. */
  readonly success: boolean;
  /** What it wrote to standard error. */
  readonly errors: string;
}

/** Files, programs and the network. */
export interface System {
  /** `linux`, `darwin`, `windows` or another name of Deno's, or `browser`, where there are no files or programs. */
  readonly os: string;
  /** An environment variable; `undefined` if it is not set, is empty, or may not be read. */
  env(name: string): Promise<string | undefined>;
  /** Whether a permission is granted. Never prompts. */
  may(access: Access): Promise<boolean>;
  /** The bytes of a file, or `undefined` if there is no such file. */
  readFile(path: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Writes a file, whole or not at all, and makes the folder it is in. */
  saveFile(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Names of the files in a folder; none if there is no such folder. */
  listFiles(folder: string): Promise<string[]>;
  /** Makes a folder, and those it is in. */
  makeDir(path: string): Promise<void>;
  /** Makes a fresh folder, and the folder `parent` it is in. Returns its absolute path. */
  makeTempDir(parent: string): Promise<string>;
  /** Removes a folder with what is in it. */
  removeDir(path: string): Promise<void>;
  /** Runs a program in the folder `cwd`. `undefined` if there is no such program. */
  run(
    program: string,
    args: readonly string[],
    options: { readonly cwd: string; readonly signal?: AbortSignal },
  ): Promise<Outcome | undefined>;
  /** Fetches an address, as the global `fetch`. */
  fetch(url: string, options: { readonly signal: AbortSignal }): Promise<Response>;
}

/** The machine that this runs on. */
export function hostSystem(): System {
  return typeof Deno === "undefined" ? browser : host;
}

const browser: System = {
  os: "browser",
  env: () => Promise.resolve(undefined),
  may: (access) => Promise.resolve("net" in access),
  readFile: () => Promise.resolve(undefined),
  saveFile: () => Promise.reject(new Error("a browser has no files")),
  listFiles: () => Promise.resolve([]),
  makeDir: () => Promise.reject(new Error("a browser has no files")),
  makeTempDir: () => Promise.reject(new Error("a browser has no files")),
  removeDir: () => Promise.resolve(),
  run: () => Promise.resolve(undefined),
  fetch: (url, options) => fetch(url, options),
};

const host: System = {
  get os(): string {
    return Deno.build.os;
  },
  async env(name) {
    if (!await granted({ name: "env", variable: name })) return undefined;
    return Deno.env.get(name) || undefined;
  },
  may(access) {
    if ("read" in access) return granted({ name: "read", path: access.read });
    if ("write" in access) return granted({ name: "write", path: access.write });
    if ("run" in access) return granted({ name: "run", command: access.run });
    return granted({ name: "net", host: access.net });
  },
  async readFile(path) {
    try {
      return await Deno.readFile(path);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  },
  async saveFile(path, bytes) {
    const cut = path.lastIndexOf("/");
    const folder = path.slice(0, cut);
    await Deno.mkdir(folder, { recursive: true });
    // A name of its own, so that two processes that fetch the same file do not write into each other's.
    const beside = await Deno.makeTempFile({
      dir: folder,
      prefix: `${path.slice(cut + 1)}.`,
      suffix: ".part",
    });
    try {
      await Deno.writeFile(beside, bytes);
      if (Deno.build.os !== "windows") await Deno.chmod(beside, 0o644);
      await Deno.rename(beside, path);
    } catch (error) {
      await Deno.remove(beside).catch(() => {});
      throw error;
    }
  },
  async listFiles(folder) {
    const names: string[] = [];
    try {
      for await (const entry of Deno.readDir(folder)) if (!entry.isDirectory) names.push(entry.name);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    return names.sort();
  },
  makeDir: (path) => Deno.mkdir(path, { recursive: true }),
  async makeTempDir(parent) {
    await Deno.mkdir(parent, { recursive: true });
    // Absolute, since programs are run in it and told its path.
    return await Deno.realPath(await Deno.makeTempDir({ dir: parent, prefix: "unpack-" }));
  },
  removeDir: (path) => Deno.remove(path, { recursive: true }),
  async run(program, args, { cwd, signal }) {
    try {
      const { success, stderr } = await new Deno.Command(program, {
        args: [...args],
        cwd,
        signal,
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).output();
      return { success, errors: new TextDecoder().decode(stderr) };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  },
  fetch: (url, options) => fetch(url, options),
};

async function granted(need: Deno.PermissionDescriptor): Promise<boolean> {
  return (await Deno.permissions.query(need)).state === "granted";
}

function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory ||
    error instanceof Deno.errors.IsADirectory;
}
