/**
 * `--from`: the trained models of an earlier run, found by its `config.json`.
 *
 * @module
 */

import { PolyphaseError } from "../../pipeline/errors.ts";
import type { JsonObject } from "../../pipeline/json.ts";
import { guarded, ifFound } from "../whole_files.ts";
import type { TrainedBefore } from "./sweep.ts";

/** Which of the models of a run to take; all where nothing is said. */
export interface Choice {
  /** Names. */
  readonly models?: readonly string[] | undefined;
  /** Seeds that they were trained from. */
  readonly seeds?: readonly number[] | undefined;
}

/** A cell of the run, as its configuration tells of it. */
interface Cell {
  readonly cell: string;
  readonly seed: number;
  readonly values: { readonly model: string };
}

/**
 * The models of a run of `shift-vit` with the addresses of their weights.
 *
 * @param folder the folder of the run
 * @throws {PolyphaseError} if there is no such run, a model that is asked for is not in it or not trained, or it has one
 *   model and seed several times, as runs over numbers of training images have
 */
export async function trainedBefore(folder: string, { models, seeds }: Choice): Promise<TrainedBefore[]> {
  const cells = await cellsOf(folder);
  const found = cells.filter(({ seed, values: { model } }) =>
    (models?.includes(model) ?? true) && (seeds?.includes(seed) ?? true)
  );
  const names = found.map(({ seed, values: { model } }) => `${model} of seed ${seed}`);
  const wanted = (models ?? [...new Set(cells.map(({ values }) => values.model))]).flatMap((model) =>
    (seeds ?? [...new Set(found.map(({ seed }) => seed))]).map((seed) => `${model} of seed ${seed}`)
  );
  const missing = wanted.find((name) => !names.includes(name));
  if (missing !== undefined) {
    throw new PolyphaseError(`--from ${folder} has no ${missing}: name models and seeds that are in it`);
  }
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) {
    throw new PolyphaseError(`--from ${folder} has ${twice} more than once: give a run with one of each`);
  }
  const root = await Deno.realPath(folder);
  return await Promise.all(found.map(async ({ cell, seed, values: { model } }) => {
    const path = `${root}/${cell}/model.safetensors`;
    if (await ifFound(Deno.stat(path)) === undefined) {
      throw new PolyphaseError(
        `--from ${folder} has not finished ${cell}: finish that run with --resume first`,
      );
    }
    return { model, seed, weights: addressOf(path) };
  }));
}

async function cellsOf(folder: string): Promise<Cell[]> {
  const path = `${folder}/config.json`;
  const text = await guarded(path, () => ifFound(Deno.readTextFile(path)));
  const mend = "give the folder of a run, such as runs/shift-vit/version_1";
  if (text === undefined) throw new PolyphaseError(`--from: there is no ${path}: ${mend}`);
  let config: JsonObject;
  try {
    config = JSON.parse(text);
  } catch {
    throw new PolyphaseError(`--from: ${path} is not JSON: ${mend}`);
  }
  if (config.task !== "shift-vit" || !Array.isArray(config.cells)) {
    throw new PolyphaseError(`--from: ${path} is of no run of shift-vit: ${mend}`);
  }
  return config.cells as unknown as Cell[];
}

/** The address of a file, each part of its path escaped. */
function addressOf(path: string): string {
  const parts = path.replaceAll("\\", "/").split("/").map(encodeURIComponent);
  return `file://${path.startsWith("/") ? "" : "/"}${parts.join("/")}`;
}
