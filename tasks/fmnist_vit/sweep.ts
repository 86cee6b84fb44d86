/**
 * The rows of `fmnist-vit` as a sweep, which every worker makes for itself of the same plain settings.
 *
 * @module
 */

import { type Dataset, sharedDataset } from "../../datasets/dataset.ts";
import { datasetByName } from "../../datasets/registry.ts";
import type { Evaluated } from "../../pipeline/evaluate.ts";
import type { JsonObject } from "../../pipeline/json.ts";
import { defineSweep, type Sweep, type SweepRow } from "../../pipeline/sweep.ts";
import type { Probed } from "../../pipeline/svm_probe.ts";
import { pipelineOf } from "./pipeline.ts";
import { type Row, ROWS } from "./rows.ts";

/** What the task is asked for. Plain data. */
export type SweepInput = {
  /** Names of the rows, see `ROWS`. */
  readonly rows: readonly string[];
  /** Name of the data set. */
  readonly dataset: string;
  /** Folder of its files. */
  readonly data: string | null;
  /** Training images. */
  readonly trainSize: number | null;
  /** Test images. */
  readonly testSize: number | null;
  /** Training images seen, after which to stop. */
  readonly maxInputs: number;
  /** Images a step. */
  readonly batchSize: number;
  /** Epochs between evaluations. */
  readonly evaluateEvery: number;
  /** Whether to do as the original did, quirks included. */
  readonly compat: boolean;
  /** Threads that share each batch. */
  readonly workers: number | null;
};

/** Sweep of the rows that are asked for; the argument is a {@linkcode SweepInput}. */
export default function fmnistVit(input: SweepInput): Sweep {
  const { rows, dataset, data, maxInputs, batchSize, evaluateEvery, compat } = input;
  const images = { 1: imagesOf(dataset, data, 1), 3: imagesOf(dataset, data, 3) };
  return defineSweep({
    name: "fmnist-vit",
    axes: { row: rows },
    pipeline({ row: name }) {
      const row = rowOf(name);
      return pipelineOf(row, {
        dataset: images[row.channels],
        trainSize: input.trainSize ?? undefined,
        testSize: input.testSize ?? undefined,
        workers: input.workers ?? undefined,
        maxInputs,
        batchSize,
        evaluateEvery,
        compat,
      });
    },
    otherNumbers: false,
    columns: (record, { values }) => columnsOf(rowOf(values.row), record),
  });
}

/** The columns of the published table, and what says how sure they are. */
export function columnsOf(
  row: Row,
  { evaluation, probe, history, timing, test }: Evaluated & Probed,
): SweepRow {
  const { accuracy } = evaluation;
  const inputs = history.at(-1)?.inputs ?? 0;
  const steps = history.at(-1)?.step ?? 0;
  return {
    model: row.row,
    ...sizesOf(row),
    acc_argmax: accuracy,
    acc_se: Math.sqrt(accuracy * (1 - accuracy) / test.images.count),
    acc_svc: probe.accuracy,
    acc_svc_resub: probe.resubstitution?.accuracy ?? null,
    svc_fit_seconds: probe.fitSeconds,
    inputs,
    inputs_per_second: inputs / (steps * timing.msPerStep / 1000),
  };
}

/** What sets a row apart from the others; `null` where a model has no such thing. */
function sizesOf(row: Row): JsonObject & SweepRow {
  const { cs } = row;
  if (row.model !== "vit") {
    return { patch: null, layer: null, head: null, hidden: null, mlp: null, drop: null, cs };
  }
  const { patch, layer, head, hidden, mlp, drop } = row;
  return { patch, layer, head, hidden, mlp, drop, cs };
}

/** The row of a name. */
export function rowOf(name: string): Row {
  return ROWS.find(({ row }) => row === name)!;
}

function imagesOf(name: string, dir: string | null, channels: 1 | 3): Dataset {
  return sharedDataset(datasetByName(name, { size: 28, dir: dir ?? undefined, channels }));
}
