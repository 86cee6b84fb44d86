/**
 * The row that a finished cell has in the table of results when nobody says otherwise: what is known of every trained
 * model, the values of its axes, and whatever numbers other stages added to its record.
 *
 * @module
 */

import type { Json, JsonObject } from "../json.ts";
import type { Trained } from "../records.ts";
import type { CellFacts, SweepRow } from "../sweep.ts";
import { isTrained } from "./cell.ts";

/** What of a record has columns of its own or is no result. */
const TOLD = new Set(
  [
    "kind",
    "dataset",
    "classes",
    "image",
    "train",
    "test",
    "augmentations",
    "tokenizer",
    "grid",
    "model",
    "params",
    "parameterCount",
    "history",
    "timing",
    "evaluation",
    "workers",
  ],
);

/**
 * The standard row of a record. Its losses are of the last evaluation of training, or of the stage `evaluate` where the
 * record has been there.
 */
export function standardRow(
  record: unknown,
  { slug, values, seed }: CellFacts<JsonObject>,
  otherNumbers: boolean,
): SweepRow {
  const axes = Object.entries(values).map(([axis, value]) => [axis, plainValue(value)]);
  return {
    ...(isTrained(record) ? trainedColumns(record, seed) : { seed }),
    cell: slug,
    ...Object.fromEntries(axes),
    seed,
    ...(otherNumbers ? otherColumns(record) : {}),
  };
}

/** The row with `null` in the place of numbers that are not finite, which JSON cannot hold. */
export function finiteRow(row: SweepRow): SweepRow {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [
      column,
      typeof value === "number" && !Number.isFinite(value) ? null : value,
    ]),
  );
}

function trainedColumns(record: Trained & Partial<Evaluations>, seed: number): SweepRow {
  const last = record.history.at(-1);
  return {
    model: record.model.name,
    params: record.parameterCount,
    seed,
    epochs: last?.epoch ?? 0,
    train_loss: last?.trainLoss ?? null,
    val_loss: record.evaluation?.loss ?? last?.valLoss ?? null,
    val_acc: record.evaluation?.accuracy ?? last?.valAcc ?? null,
    seconds: record.timing.seconds,
    ms_per_step: record.timing.msPerStep,
  };
}

/** What `evaluate` adds to a record. */
interface Evaluations {
  readonly evaluation: { readonly loss: number; readonly accuracy: number };
}

/** Numbers that stages added to the record, and those one level down: `shift.worstAccuracy` as `shift_worst_accuracy`. */
function otherColumns(record: unknown): SweepRow {
  if (typeof record !== "object" || record === null) return {};
  const columns: Record<string, number> = {};
  for (const [key, member] of Object.entries(record)) {
    if (TOLD.has(key)) continue;
    if (typeof member === "number") columns[snake(key)] = member;
    else if (
      typeof member === "object" && member !== null && !ArrayBuffer.isView(member) && !Array.isArray(member)
    ) {
      for (const [inner, value] of Object.entries(member)) {
        if (typeof value === "number") columns[`${snake(key)}_${snake(inner)}`] = value;
      }
    }
  }
  return columns;
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Lists and maps as JSON text. */
function plainValue(value: Json): string | number | boolean | null {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : value;
}
