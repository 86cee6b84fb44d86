/**
 * The trained models of a run folder, made ready for the page.
 *
 * @module
 */

import {
  type Data,
  type JsonObject,
  type Normalization,
  PolyphaseError,
  rebuild,
  registry,
  run,
} from "../../mod.ts";
import { guarded, ifFound } from "../whole_files.ts";
import { encodeSamples, type ModelCard, pickSamples, withCard } from "./model_file.ts";
import type { Exhibits } from "./site.ts";
import type { NamedFile } from "./train.ts";

/** A trained pipeline of a run: its configuration, and where its model may be. */
interface Trained {
  readonly title: string;
  readonly config: JsonObject;
  readonly paths: readonly string[];
}

/** Pictures of each class that the page offers. */
const SAMPLES_PER_CLASS = 2;

/** More of them would not fit their place, where there are many classes. */
const MOST_SAMPLES = 30;

/** What {@linkcode runExhibits} may be told. */
export interface RunExhibitsOptions {
  /** Folder of the data set's files; without it they are looked for. */
  readonly data?: string;
  /** Stops the loading of data. */
  readonly signal?: AbortSignal;
  /** Is told in a line what was left out, and why. */
  readonly said: (line: string) => void;
}

/**
 * Reads the models of a run from its `config.json` and safetensors files, and pictures from the data set of the first of
 * them. Models for pictures of another shape or other classes than the first are left out.
 *
 * @param folder the folder of the run, or of a cell of it
 * @throws {PolyphaseError} if there is no run in that folder, or no trained model
 */
export async function runExhibits(
  folder: string,
  { data: dir, signal, said }: RunExhibitsOptions,
): Promise<Exhibits> {
  const config = await readConfig(folder);
  const models: NamedFile[] = [];
  let shown: Data | undefined;
  const datasets = new Map<string, Data>();
  for (const trained of pipelinesOf(config)) {
    const file = await readFirst(trained.paths.map((path) => `${folder}/${path}`));
    if (file === undefined) {
      said(`${trained.title} has no model in ${folder} yet: left out`);
      continue;
    }
    const data = await dataOf(trained.config, datasets, { dir, signal });
    shown ??= data;
    const card = cardOf(trained, data);
    if (shapeText(data) !== shapeText(shown)) {
      said(`${trained.title} is for ${shapeText(data)}, the first model for ${shapeText(shown)}: left out`);
      continue;
    }
    const name = `model-${models.length + 1}.safetensors`;
    models.push({ name, bytes: withCard(file.bytes, file.path, card) });
  }
  if (shown === undefined || models.length === 0) {
    throw new PolyphaseError(
      `No trained model is in ${folder}: give the folder of a run that has finished one`,
    );
  }
  const each = Math.max(1, Math.min(SAMPLES_PER_CLASS, Math.floor(MOST_SAMPLES / shown.classes.length)));
  const picked = pickSamples(shown.test, Math.min(shown.classes.length, MOST_SAMPLES), each);
  return { models, samples: { name: "samples.safetensors", bytes: encodeSamples(picked) } };
}

/** The pipelines of a run: of a task that runs several, of a sweep, of a cell, or of a run by itself. */
function pipelinesOf(config: JsonObject): Trained[] {
  const list = (value: unknown): JsonObject[] => Array.isArray(value) ? value : [];
  const { runs, cells } = config;
  if (Array.isArray(cells)) {
    return list(cells).map((cell) => ({
      title: String(cell.cell),
      config: cell,
      paths: [`${cell.cell}/model.safetensors`],
    }));
  }
  if (Array.isArray(runs)) {
    const names = list(runs).map(({ model, slug }) => String(model ?? slug));
    return list(runs).map((each, index) => {
      const isLone = names.indexOf(names[index]) === names.lastIndexOf(names[index]);
      const title = isLone ? names[index] : `${names[index]}, seed ${each.seed}`;
      const stems = [names[index], `${names[index]}-seed${each.seed}`, String(each.slug)];
      return { title, config: each, paths: stems.map((stem) => `model-${stem}.safetensors`) };
    });
  }
  if (!Array.isArray(config.stages)) {
    throw new PolyphaseError(
      "The config.json of the run lists neither runs nor cells nor stages: give the folder of a run of Polyphase",
    );
  }
  return [{ title: "Model", config, paths: ["model.safetensors"] }];
}

/** The configuration of a part of a pipeline. */
function stageOf({ stages }: JsonObject, name: string): JsonObject | undefined {
  const found = (stages as readonly JsonObject[]).find((stage) => stage.name === name);
  return found?.config as JsonObject | undefined;
}

/** The data of a pipeline; each set is loaded once. */
async function dataOf(
  config: JsonObject,
  known: Map<string, Data>,
  { dir, signal }: { readonly dir?: string; readonly signal?: AbortSignal },
): Promise<Data> {
  const { dataset } = stageOf(config, "load") ?? {};
  // Where files are is no part of a configuration, but the builders of data sets with files take it.
  const located = dir === undefined ? dataset : { ...dataset as JsonObject, dir };
  const load = { name: "load", config: { dataset: located ?? null } };
  const name = JSON.stringify(load);
  const data = known.get(name) ??
    await run(rebuild({ stages: [load] }, registry), { seed: 0, backend: "cpu", signal }) as unknown as Data;
  known.set(name, data);
  return data;
}

function cardOf({ title, config }: Trained, { image, classes }: Data): Omit<ModelCard, "accuracy"> {
  const [tokenizer, model] = [stageOf(config, "tokenize")?.tokenizer, stageOf(config, "train")?.model];
  if (tokenizer === undefined || model === undefined) {
    throw new PolyphaseError(
      `${title} of the run has no stage tokenize or train: give a run that trains models`,
    );
  }
  const normalization = stageOf(config, "normalize") as Normalization | undefined;
  return {
    title,
    image,
    classes,
    tokenizer: tokenizer as JsonObject,
    model: model as JsonObject,
    ...normalization ? { normalization } : {},
  };
}

function shapeText({ image: { height, width, channels }, classes }: Data): string {
  return `${height}×${width}×${channels} and ${classes.length} classes`;
}

async function readConfig(folder: string): Promise<JsonObject> {
  const path = `${folder}/config.json`;
  const bytes = await guarded(path, () => ifFound(Deno.readFile(path)));
  if (bytes === undefined) {
    throw new PolyphaseError(
      `There is no ${path}: give the folder of a run, such as runs/fmnist-adaptive/version_1`,
    );
  }
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new PolyphaseError(`${path} is not JSON: give the folder of a run that Polyphase wrote`);
  }
}

async function readFirst(
  paths: readonly string[],
): Promise<{ path: string; bytes: Uint8Array<ArrayBuffer> } | undefined> {
  for (const path of paths) {
    const bytes = await guarded(path, () => ifFound(Deno.readFile(path)));
    if (bytes !== undefined) return { path, bytes };
  }
  return undefined;
}
