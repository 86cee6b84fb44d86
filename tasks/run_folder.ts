/**
 * The folder of a run, `<out>/<task>/version_N`: files in it appear whole or not at all.
 *
 * A run is finished when its `report.html` exists, which a task writes last unless it says otherwise.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import { canonicalJson, type Json } from "../pipeline/json.ts";
import type { CheckpointStore } from "../pipeline/pipe.ts";
import { fileFault } from "./file_fault.ts";
import { guarded, ifFound, removeHalves, writeWhole } from "./whole_files.ts";

const FINISHED = "report.html";
const CONFIG = "config.json";
const LOCK = ".lock";

/** The folder of a run. */
export interface RunFolder {
  /** Path, as `out` was given: `runs/fmnist-adaptive/version_3`. */
  readonly path: string;
  /** The N of `version_N`. */
  readonly version: number;
  /** Where a training keeps its checkpoints: `<name>.safetensors` in this folder. */
  readonly checkpoints: CheckpointStore;
  /**
   * Writes a file, whole or not at all; an older one of that name is replaced.
   *
   * @throws {PolyphaseError} if it cannot be written, which leaves what was there before
   */
  write(name: string, content: string | Uint8Array): Promise<void>;
  /** The bytes of a file, or `undefined` if there is no such file. */
  read(name: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Removes a file if it is there. */
  remove(name: string): Promise<void>;
  /** Lets other processes go on with this run. Until then, or the end of this process, they are refused. */
  release(): Promise<void>;
}

/**
 * Makes the folder of a new run, one version above the highest, and writes its `config.json`. No other process goes on
 * with it before it is released.
 *
 * @param out folder of all runs
 * @param task name of the task
 * @param config everything that makes the run what it is; what {@linkcode resumeRunFolder} compares
 * @throws {PolyphaseError} if nothing can be written there
 */
export async function createRunFolder(out: string, task: string, config: Json): Promise<RunFolder> {
  const parent = `${out}/${task}`;
  await guarded(parent, () => Deno.mkdir(parent, { recursive: true }));
  let version = 1 + Math.max(0, ...await versionsIn(parent));
  while (!await claim(`${parent}/version_${version}`)) version++;
  const folder = openRunFolder(parent, version, await lock(`${parent}/version_${version}`));
  await folder.write(CONFIG, `${JSON.stringify(config, null, 2)}\n`);
  return folder;
}

/**
 * The folder of the newest unfinished run of this configuration, with what a killed process left half-written removed.
 *
 * @param isFinished whether a run is finished. Default: if it has a report, which most tasks write last
 * @throws {PolyphaseError} if there is none, or another process has it; the message says how the newest run differs, or
 * that it is finished
 */
export async function resumeRunFolder(
  out: string,
  task: string,
  config: Json,
  isFinished: (folder: RunFolder) => Promise<boolean> = hasReport,
): Promise<RunFolder> {
  const parent = `${out}/${task}`;
  const versions = (await versionsIn(parent)).sort((a, b) => b - a);
  const wanted = canonicalJson(config);
  let newest: { version: number; config: Json } | undefined;
  let finished: number | undefined;
  for (const version of versions) {
    const folder = openRunFolder(parent, version);
    const kept = await configOf(folder);
    if (kept === undefined) continue;
    newest ??= { version, config: kept };
    if (canonicalJson(kept) !== wanted) continue;
    if (!await isFinished(folder)) {
      const locked = openRunFolder(parent, version, await lock(folder.path));
      await removeHalves(folder.path);
      return locked;
    }
    finished ??= version;
  }
  const anew = "start without --resume";
  if (newest === undefined) throw new PolyphaseError(`--resume: no run in ${parent}: ${anew}`);
  if (finished !== undefined) {
    throw new PolyphaseError(
      `--resume: version_${finished} in ${parent} is this configuration and is finished: ${anew}`,
    );
  }
  throw new PolyphaseError(
    `--resume: no unfinished run of this configuration in ${parent}; the newest, version_${newest.version}, differs in ${
      differences(newest.config, config)
    }: ${anew}, or set that as it was`,
  );
}

/**
 * Where two configurations differ, for people: `epochs (50, not 2)`.
 *
 * @param seen what is there, an object
 * @param wanted what was asked for, an object
 */
export function differences(seen: Json, wanted: Json): string {
  const [left, right] = [leaves(seen), leaves(wanted)];
  const paths = [...new Set([...left.keys(), ...right.keys()])];
  const differing = paths.filter((path) => left.get(path) !== right.get(path));
  const shown = differing.slice(0, 3).map((path) =>
    `${path} (${left.get(path) ?? "absent"}, not ${right.get(path) ?? "absent"})`
  );
  const more = differing.length - shown.length;
  return shown.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

async function hasReport(folder: RunFolder): Promise<boolean> {
  return await folder.read(FINISHED) !== undefined;
}

/** Keeps other processes from writing to a run: two that went on with the same one would spoil each other's files. */
async function lock(path: string): Promise<Deno.FsFile> {
  const file = await guarded(path, () => Deno.open(`${path}/${LOCK}`, { create: true, write: true }));
  if (await file.tryLock(true)) return file;
  file.close();
  throw new PolyphaseError(
    `${path} is being written by another process: wait until it has ended, or start without --resume`,
  );
}

function openRunFolder(parent: string, version: number, locked?: Deno.FsFile): RunFolder {
  const path = `${parent}/version_${version}`;
  const pathOf = (name: string): string => {
    if (!/^[\w-][\w.-]*$/.test(name)) {
      throw new RangeError(`"${name}" is no file name: letters, digits, _, - and .`);
    }
    return `${path}/${name}`;
  };
  const folder: Omit<RunFolder, "checkpoints"> = {
    path,
    version,
    write: async (name, content) => {
      await guarded(pathOf(name), () => writeWhole(pathOf(name), content));
    },
    read: (name) => guarded(pathOf(name), () => ifFound(Deno.readFile(pathOf(name)))),
    remove: async (name) => {
      await guarded(pathOf(name), () => ifFound(Deno.remove(pathOf(name))));
    },
    async release() {
      // Removed first: who opens it afterwards makes a file of their own, and who has it open already is refused.
      await ifFound(Deno.remove(`${path}/${LOCK}`));
      locked?.close();
    },
  };
  return {
    ...folder,
    checkpoints: {
      save: (name, bytes) => folder.write(`${name}.safetensors`, bytes),
      load: (name) => folder.read(`${name}.safetensors`),
    },
  };
}

/** Makes a folder; `false` if it is there already, for example since another run was quicker. */
async function claim(path: string): Promise<boolean> {
  try {
    await Deno.mkdir(path);
    return true;
  } catch (cause) {
    if (cause instanceof Deno.errors.AlreadyExists) return false;
    throw fileFault(cause, path) ?? cause;
  }
}

async function versionsIn(parent: string): Promise<number[]> {
  const versions: number[] = [];
  await guarded(parent, () =>
    ifFound((async () => {
      for await (const { name } of Deno.readDir(parent)) {
        const [, digits] = name.match(/^version_(\d+)$/) ?? [];
        if (digits !== undefined) versions.push(Number(digits));
      }
    })()));
  return versions;
}

/** The configuration of a run; `undefined` where the process died before it was written. */
async function configOf(folder: RunFolder): Promise<Json | undefined> {
  const bytes = await folder.read(CONFIG);
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

function leaves(value: Json, path = "", found: Map<string, string> = new Map()): Map<string, string> {
  const members = value !== null && typeof value === "object" ? Object.entries(value) : [];
  if (members.length === 0 && path !== "") found.set(path, canonicalJson(value));
  for (const [key, member] of members) leaves(member, path === "" ? key : `${path}.${key}`, found);
  return found;
}
