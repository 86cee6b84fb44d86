/**
 * Flags of tasks that run a sweep.
 *
 * @module
 */

import type { Flag } from "../flag.ts";

/** `--jobs`: how many cells run at a time. */
export const JOBS_FLAG = {
  name: "jobs",
  kind: "integer",
  min: 1,
  group: "Cells",
  help:
    "Cells to run at a time, each in a worker with its share of the cores; without it one for each core. With 1 a cell may " +
    "train on all of them.",
} as const satisfies Flag;

/** `--only`: which cells run. */
export const ONLY_FLAG = {
  name: "only",
  kind: "list",
  of: "string",
  placeholder: "CELL,…",
  group: "Cells",
  help: "Run these cells alone; --dry-run lists their names. The others can be run later with --resume.",
} as const satisfies Flag;

/** `--dry-run`: what there is to run. */
export const DRY_RUN_FLAG = {
  name: "dry-run",
  kind: "boolean",
  group: "Cells",
  help: "List the cells, run nothing and write nothing.",
} as const satisfies Flag;

/** `--seed` without a default: a sweep has seeds of its own. */
export const SEED_FLAG = {
  name: "seed",
  kind: "integer",
  min: 0,
  max: 2 ** 32 - 1,
  group: "Training",
  help: "Seed of every cell; without it what the sweep says, else 0.",
} as const satisfies Flag;

/** `--seeds` as every task has it, with `--seed` of this one. */
export const SEEDS_FLAG = {
  name: "seeds",
  kind: "list",
  of: "integer",
  min: 0,
  max: 2 ** 32 - 1,
  excludes: ["seed"],
  group: "Training",
  help: "Run every cell once for each seed, and report mean and standard deviation too.",
} as const satisfies Flag;

/** `--backend` without a default: a sweep has one of its own. */
export const BACKEND_FLAG = {
  name: "backend",
  kind: "string",
  choices: ["wasm", "webgpu", "cpu"],
  group: "Training",
  help: "What computes; without it what the sweep says, else wasm.",
} as const satisfies Flag;
