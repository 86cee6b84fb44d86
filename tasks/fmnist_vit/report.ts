/**
 * How the results of `fmnist-vit` are shown: the columns of its table, and the same rows beside the published ones.
 *
 * @module
 */

import { decimals, duration, thousands } from "../../pipeline/report/format.ts";
import type { Section } from "../../pipeline/report/page.ts";
import { type Column, type Table, tableHtml } from "../../pipeline/report/table.ts";
import type { CellResult } from "../../pipeline/sweep.ts";
import { rowOf } from "./sweep.ts";

/** How the task's own columns are shown. */
export const COLUMNS: readonly Column[] = [
  { key: "val_loss", label: "val_loss", format: decimals(5), better: "lower" },
  {
    key: "acc_argmax",
    label: "acc_argmax",
    format: decimals(4),
    better: "higher",
    description: "Accuracy of the greatest output on the test images.",
  },
  { key: "acc_se", label: "acc_se", format: decimals(4), description: "Standard error of that accuracy." },
  {
    key: "acc_svc",
    label: "acc_svc",
    format: decimals(4),
    better: "higher",
    description:
      "Accuracy on the test images of a support-vector classifier fitted to the code of 10,000 training images.",
  },
  {
    key: "acc_svc_resub",
    label: "acc_svc_resub",
    format: decimals(4),
    description: "The same, fitted to the very test images that it is scored on, as the published column is.",
  },
  { key: "inputs", label: "inputs", format: thousands(), description: "Training images seen." },
  {
    key: "inputs_per_second",
    label: "inputs_per_second",
    format: thousands(),
    description: "Training images a second, without the evaluations.",
  },
  { key: "svc_fit_seconds", label: "svc_fit_seconds", format: duration() },
];

/** The rows beside what the original published for them, each with the number of training images that its model saw. */
export function comparison(results: readonly CellResult[]): Table {
  const hasSeeds = new Set(results.map(({ seed }) => seed)).size > 1;
  return {
    caption:
      "Each measured figure beside the published one, and the training images (inputs) that either model saw.",
    columns: [
      { key: "model", label: "model" },
      { key: "inputs", label: "inputs", format: thousands() },
      { key: "val_loss", label: "val_loss", format: decimals(5) },
      { key: "acc_argmax", label: "acc_argmax", format: decimals(4) },
      { key: "acc_svc_resub", label: "acc_svc_resub", format: decimals(4) },
      { key: "published_inputs", label: "published inputs", format: thousands() },
      { key: "published_val_loss", label: "published val_loss", format: decimals(5) },
      { key: "published_argmax", label: "published argmax", format: decimals(4) },
      { key: "published_svc", label: "published svc", format: decimals(4) },
    ],
    rows: results.map(({ row, values, seed }) => {
      const { published } = rowOf(String(values.row));
      const name = String(row.model);
      return {
        model: hasSeeds ? `${name}, seed ${seed}` : name,
        ...Object.fromEntries(
          ["inputs", "val_loss", "acc_argmax", "acc_svc_resub"].map((
            key,
          ) => [key, row[key] as number | null]),
        ),
        published_inputs: published.inputs,
        published_val_loss: published.valLoss,
        published_argmax: published.accArgmax,
        published_svc: published.accSvc,
      };
    }),
  };
}

/** The part of the page that compares with the published table. */
export function comparisonSection(results: readonly CellResult[], compat: boolean): Section {
  return {
    title: "Beside the published table",
    intro: compat
      ? "With the original's quirks: one augmentation a batch, batch statistics in validation, and a loss that weighs " +
        "the last, smaller batch like the others."
      : "The original drew one augmentation a batch, validated with batch statistics and weighed the last, smaller " +
        "batch like the others; here each image has an augmentation of its own, and is validated by itself. --compat does " +
        "as the original did.",
    body: tableHtml(comparison(results)),
  };
}
