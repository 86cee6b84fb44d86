/**
 * Flags that mean the same in every task, and ways to take the ones that a task heeds.
 *
 * @module
 */

import type { BackendName } from "../models/backend/select.ts";
import type { Flag } from "./flag.ts";

// Written out, since importing the list would load the tensor library for a mere --help.
const BACKEND_CHOICES = ["wasm", "webgpu", "cpu"] as const satisfies readonly BackendName[];

const LARGEST_SEED = 2 ** 32 - 1;

/** The flags that tasks share. A task takes those that it heeds with {@linkcode pickFlags}. */
export const COMMON_FLAGS = [
  {
    name: "dataset",
    kind: "string",
    default: "fashion-mnist",
    placeholder: "NAME",
    group: "Data",
    help: "Images: fashion-mnist, mnist, cifar10, cifar100, folder:PATH or synthetic.",
  },
  {
    name: "data",
    kind: "string",
    placeholder: "DIR",
    group: "Data",
    help:
      "Folder that holds the files of the data set; without it they are looked for, and fetched if need be.",
  },
  {
    name: "train-size",
    kind: "integer",
    min: 1,
    group: "Data",
    help: "Train on N images, drawn by seed; without it on all.",
  },
  {
    name: "test-size",
    kind: "integer",
    min: 1,
    group: "Data",
    help: "Test on N images, drawn by seed; without it on all.",
  },
  { name: "epochs", kind: "integer", min: 1, group: "Training", help: "Passes over the training images." },
  {
    name: "max-inputs",
    kind: "integer",
    min: 1,
    group: "Training",
    help: "Stop after the step that brings the training images seen to N.",
  },
  { name: "batch-size", kind: "integer", min: 1, group: "Training", help: "Images a step." },
  {
    name: "seed",
    kind: "integer",
    default: 0,
    min: 0,
    max: LARGEST_SEED,
    group: "Training",
    help: "Seed of everything random: the same seed gives the same numbers.",
  },
  {
    name: "seeds",
    kind: "list",
    of: "integer",
    min: 0,
    max: LARGEST_SEED,
    excludes: ["seed"],
    group: "Training",
    help: "Run once for each seed, and report mean and standard deviation too.",
  },
  {
    name: "backend",
    kind: "string",
    default: "wasm",
    choices: BACKEND_CHOICES,
    group: "Training",
    help: "What computes.",
  },
  {
    name: "workers",
    kind: "integer",
    min: 1,
    group: "Training",
    help:
      "Threads that share each batch; without it one for each core where steps are long enough to gain, else one.",
  },
  {
    name: "out",
    kind: "string",
    default: "runs",
    placeholder: "DIR",
    group: "Output",
    help: "Folder for results; each run makes <task>/version_N in it.",
  },
  {
    name: "resume",
    kind: "boolean",
    group: "Output",
    help: "Go on with the newest unfinished run of the same configuration.",
  },
  {
    name: "json",
    kind: "boolean",
    group: "Output",
    help: "Print the results as one JSON document on standard output.",
  },
  { name: "quiet", kind: "boolean", group: "Output", help: "Show no progress." },
] as const satisfies readonly Flag[];

/** The flag of a name. */
export type Named<Flags extends readonly Flag[], N extends string> = Extract<
  Flags[number],
  { readonly name: N }
>;

/** A flag with the default that `D` has for its name, if it has one. */
export type Defaulted<F, D> = F extends { readonly name: infer N extends keyof D }
  ? Omit<F, "default"> & { readonly default: D[N] }
  : F;

/**
 * The common flags of these names, in this order; a task lists the ones that it heeds and no other.
 *
 * @example
 * ```ts
 * import { pickFlags } from "./common_flags.ts";
 *
 * const flags = pickFlags(["seed", "epochs"], { epochs: 50 });
 * if (flags[1].default !== 50) throw new Error("unexpected");
 * ```
 *
 * @param names names of common flags
 * @param defaults the task's own defaults, by name
 * @throws {RangeError} if a default is for a flag that is not among `names`
 */
export function pickFlags<
  const N extends readonly (typeof COMMON_FLAGS)[number]["name"][],
  const D extends { readonly [name in N[number]]?: string | number | readonly (string | number)[] } = Record<
    never,
    never
  >,
>(
  names: N,
  defaults: D = {} as D,
): { readonly [K in keyof N]: Defaulted<Named<typeof COMMON_FLAGS, N[K]>, D> } {
  const stray = Object.keys(defaults).find((name) => !(names as readonly string[]).includes(name));
  if (stray !== undefined) throw new RangeError(`default for --${stray}, which is not picked`);
  const picked = names.map((name) => {
    const flag = COMMON_FLAGS.find((each) => each.name === name);
    return name in defaults ? { ...flag, default: defaults[name as keyof D] } : flag;
  });
  return picked as unknown as {
    readonly [K in keyof N]: Defaulted<Named<typeof COMMON_FLAGS, N[K]>, D> & Flag;
  };
}

/** The seeds to run: those of `--seeds`, or the one of `--seed`, each once. */
export function seedsOf(
  flags: { readonly seed: number; readonly seeds: readonly number[] | undefined },
): number[] {
  return [...new Set(flags.seeds ?? [flags.seed])];
}
