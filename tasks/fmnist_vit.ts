/**
 * `deno task fmnist-vit`: vision transformers, a ResNet and a small convolutional network on Fashion-MNIST, row by row of
 * the published table.
 *
 * @module
 */

import { command } from "./command.ts";
import { pickFlags, seedsOf } from "./common_flags.ts";
import type { Usage } from "./flag.ts";
import { parseFlags } from "./flags.ts";
import { COLUMNS, comparisonSection } from "./fmnist_vit/report.ts";
import { ROWS } from "./fmnist_vit/rows.ts";
import fmnistVit, { type SweepInput } from "./fmnist_vit/sweep.ts";
import { JOBS_FLAG } from "./sweep/flags.ts";
import { runSweepTask } from "./sweep/run_sweep_task.ts";

const TASK = "fmnist-vit";
const NAMES = ROWS.map(({ row }) => row);

const USAGE = {
  task: TASK,
  summary:
    "Trains the twelve models of a published table on Fashion-MNIST, ten vision transformers, ResNet18 and a small " +
    "convolutional network, with one recipe, and probes their code with support-vector classifiers.",
  flags: [
    {
      name: "rows",
      kind: "list",
      of: "string",
      choices: NAMES,
      default: NAMES,
      placeholder: "NAME,…",
      group: "Models",
      help: "Rows of the table to train.",
    },
    {
      name: "compat",
      kind: "boolean",
      group: "Models",
      help:
        "Do as the original did: draw one augmentation for each batch, validate with batch statistics, and weigh the last, " +
        "smaller batch of a validation like the others.",
    },
    JOBS_FLAG,
    ...pickFlags(["dataset", "data", "train-size", "test-size"]),
    ...pickFlags(["max-inputs", "batch-size", "seed", "seeds", "backend", "workers"], {
      "max-inputs": 2_000_000,
      "batch-size": 64,
    }),
    {
      name: "evaluate-every",
      kind: "number",
      default: 1,
      group: "Training",
      help: "Epochs between evaluations, or a fraction of one.",
    },
    ...pickFlags(["out", "resume", "json", "quiet"]),
  ],
  notes: `Rows: ${NAMES.join(", ")}.

Columns of results.csv (losses: lower is better; accuracies: shares from 0 to 1, higher is better):
  train_loss, val_loss  mean squared error to one-hot classes, over the last epoch and over the test images
  val_acc, acc_argmax   accuracy of the greatest output on the test images
  acc_se                standard error of that accuracy
  acc_svc               accuracy of a support-vector classifier on the code of the test images, fitted to that of the
                        first 10,000 training images
  acc_svc_resub         the same, fitted to the test images it is scored on: what the published column is
  svc_fit_seconds       time of fitting that of acc_svc
  inputs                training images seen
  inputs_per_second     the same by the second, without evaluations
  seconds, ms_per_step  time of training and evaluation, and mean time of one step
  patch, layer, head, hidden, mlp, drop, cs  sizes of the model`,
} as const satisfies Usage;

await command(async (signal) => {
  const flags = parseFlags(USAGE, Deno.args);
  const { dataset, data, trainSize, testSize, maxInputs, batchSize, evaluateEvery, compat, workers } = flags;
  const input: SweepInput = {
    rows: [...new Set(flags.rows)],
    dataset,
    data: data ?? null,
    trainSize: trainSize ?? null,
    testSize: testSize ?? null,
    maxInputs,
    batchSize,
    evaluateEvery,
    compat,
    workers: workers ?? null,
  };
  const adjustments = { seeds: seedsOf(flags), backend: flags.backend };
  await runSweepTask({
    task: TASK,
    name: compat ? "fmnist-vit, as the original" : "fmnist-vit",
    cells: fmnistVit(input).cells(adjustments),
    source: { module: import.meta.resolve("./fmnist_vit/sweep.ts"), input, adjustments },
    flags,
    columns: COLUMNS,
    page: ({ results }) => ({
      footer: `Made by Polyphase on ${dataset}. The numbers of this page stand in results.csv beside it.`,
      sections: [comparisonSection(results, compat)],
    }),
  }, signal);
});
