/**
 * One cell of a sweep, from its pipeline to the plain data that is kept of it.
 *
 * @module
 */

import type { Params } from "../../models/model.ts";
import { disposeParams } from "../../models/params.ts";
import { encodeModel } from "../checkpoint.ts";
import type { Json, JsonObject } from "../json.ts";
import { type CheckpointStore, pipeOf, run, type RunOptions, type Stage } from "../pipe.ts";
import type { Trained } from "../records.ts";
import type { CellFacts, CellResult, CellServices, CellStore, SweepRow } from "../sweep.ts";
import { finiteRow, standardRow } from "./row.ts";

/** What a sweep takes from the record of a cell beside the standard columns. */
export interface Extracts<O> {
  /** Whether the numbers that other stages added to the record have columns. */
  readonly otherNumbers: boolean;
  /** Own columns of the table of results. */
  readonly columns: (record: O) => Promise<SweepRow>;
  /** What to keep beside the row. */
  readonly details: (record: O) => Promise<Json>;
}

/** The file that holds a cell's trained model. */
const MODEL_FILE = "model.safetensors";

/** Runs a cell, keeps its model, frees its parameters and gives back what is to be known of it. */
export async function runCell<O>(
  pipeline: Stage<void, O>,
  options: Pick<RunOptions, "seed" | "backend">,
  { slug, values, seed }: CellFacts<JsonObject>,
  { store, signal, progress }: CellServices,
  { otherNumbers, columns, details }: Extracts<O>,
): Promise<CellResult> {
  const record = await run(pipeline, { ...options, signal, progress, checkpoints: checkpointsIn(store) });
  try {
    const standard = standardRow(record, { slug, values, seed }, otherNumbers);
    const row = finiteRow({ ...standard, ...await columns(record) });
    const kept = await details(record);
    if (isTrained(record)) {
      const { model, val_loss, val_acc } = row;
      const metadata = { model, cell: slug, seed, val_loss, val_acc };
      const texts = Object.entries(metadata).map(([key, value]) => [key, `${value}`]);
      await store.write(MODEL_FILE, await encodeModel(record.params, Object.fromEntries(texts)));
    }
    return { slug, values, seed, row, history: isTrained(record) ? record.history : [], details: kept };
  } finally {
    if (hasParams(record)) disposeParams(record.params);
  }
}

/** Runs the first stage of a cell if it loads data, so that the data is fetched once and not by several cells at a time. */
export async function prepareCell<O>(
  pipeline: Stage<void, O>,
  options: Pick<RunOptions, "seed" | "backend">,
  services: Omit<CellServices, "store">,
): Promise<void> {
  const [first] = pipeOf([pipeline]).stages;
  if (first?.name === "load") await run(pipeOf([first]), { ...options, ...services });
}

/** Checkpoints as files of a cell: `last` is `last.safetensors`. */
function checkpointsIn(store: CellStore): CheckpointStore {
  return {
    save: (name, bytes) => store.write(`${name}.safetensors`, bytes),
    load: (name) => store.read(`${name}.safetensors`),
  };
}

/** Whether a record is one that `train` has been at. */
export function isTrained(record: unknown): record is Trained {
  return hasParams(record) && "history" in record && "model" in record && "parameterCount" in record;
}

function hasParams(record: unknown): record is { readonly params: Params } {
  return typeof record === "object" && record !== null && "params" in record;
}
