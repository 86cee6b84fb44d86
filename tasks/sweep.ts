/**
 * `deno task sweep FILE`: runs a matrix of experiments, several side by side, and compares them.
 *
 * @module
 */

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { JsonObject } from "../pipeline/json.ts";
import { tableText } from "../pipeline/report/table.ts";
import type { SweepAdjustments, SweepCell } from "../pipeline/sweep.ts";
import { checkSlugs } from "../pipeline/sweep/run.ts";
import { loadSweep, type SweepSource } from "../pipeline/sweep/source.ts";
import { yamlSource } from "../pipeline/sweep/yaml_sweep.ts";
import { command } from "./command.ts";
import { pickFlags } from "./common_flags.ts";
import type { Usage } from "./flag.ts";
import { parseFlags, UsageError } from "./flags.ts";
import { BACKEND_FLAG, DRY_RUN_FLAG, JOBS_FLAG, ONLY_FLAG, SEED_FLAG, SEEDS_FLAG } from "./sweep/flags.ts";
import { runSweepTask } from "./sweep/run_sweep_task.ts";

const TASK = "sweep";

const USAGE = {
  task: `${TASK} FILE`,
  summary:
    "Runs every experiment of a matrix, several side by side, and compares them. FILE is a YAML file with a matrix, or a " +
    "module that exports one made with defineSweep: a path or an address.",
  flags: [
    JOBS_FLAG,
    ONLY_FLAG,
    DRY_RUN_FLAG,
    ...pickFlags(["epochs", "max-inputs", "batch-size"]),
    SEED_FLAG,
    SEEDS_FLAG,
    BACKEND_FLAG,
    ...pickFlags(["out", "resume", "json", "quiet"]),
  ],
  notes:
    `A run writes <out>/sweep/version_N: results.csv and report.html over all cells, rewritten as cells finish, and
for each cell a folder with config.json, history.csv, model.safetensors and result.json, or error.txt.
Finished cells are not run again by --resume, stopped ones go on from their checkpoint, failed ones are tried again.

Columns of results.csv (losses: lower is better; accuracies: shares from 0 to 1, higher is better):
  train_loss, val_loss  mean loss over the last epoch, over the test images
  val_acc               accuracy on the test images
  seconds, ms_per_step  time of training and evaluation, and mean time of one step
  cell                  name of the cell; behind it the axes of the matrix, and the numbers of other stages

A YAML file:
  matrix:
    patch: [2, 7]
    rate: [0.1, 0.01]
    $filter: \${patch} < 7 or \${rate} < 0.1
  load: {dataset: synthetic, trainSize: 500}
  tokenize: {name: patches-2d, size: \${patch}}
  train: {model: token-mean-mlp, optimizer: {name: sgd, learningRate: \${rate}}, epochs: 2}`,
} as const satisfies Usage;

await command(async (signal) => {
  const [file] = Deno.args;
  const isGiven = file !== undefined && !file.startsWith("-");
  const flags = parseFlags(USAGE, isGiven ? Deno.args.slice(1) : Deno.args);
  if (!isGiven) throw new UsageError(`no FILE: write deno task ${TASK} FILE [flags]. See --help.`);
  const { epochs, maxInputs, batchSize, seed, seeds, backend } = flags;
  const adjustments: SweepAdjustments = {
    seeds: seeds === undefined ? (seed === undefined ? undefined : [seed]) : [...new Set(seeds)],
    backend,
    train: { epochs, maxInputs, batchSize },
  };
  const source: SweepSource = { ...await sourceOf(file), adjustments };
  const sweep = await loadSweep(source);
  const cells = sweep.cells(adjustments);
  if (flags.dryRun) return list(sweep.name, cells, flags);
  await runSweepTask({ task: TASK, name: sweep.name, cells, source, flags }, signal);
});

/** The source of a YAML file or a module, by its path or address. */
async function sourceOf(file: string): Promise<SweepSource> {
  if (/^[a-z]{2,}:/i.test(file)) return { module: file };
  if (/\.ya?ml$/i.test(file)) return yamlSource({ text: await Deno.readTextFile(file), file });
  await Deno.stat(file);
  return { module: pathToFileURL(resolve(file)).href };
}

/** Prints the cells instead of running them. */
function list(
  name: string,
  cells: readonly SweepCell[],
  { only, json }: { readonly only?: readonly string[]; readonly json: boolean },
): void {
  checkSlugs(cells, only ?? []);
  const chosen = cells.filter(({ slug }) => only?.includes(slug) ?? true);
  if (json) {
    const listed = chosen.map(({ slug, seed, values, config }) => ({ cell: slug, seed, values, config }));
    console.log(JSON.stringify({ task: TASK, sweep: name, cells: listed }, null, 2));
    return;
  }
  const axes = [...new Set(chosen.flatMap(({ values }) => Object.keys(values)))].filter((axis) =>
    axis !== "seed"
  );
  const table = tableText({
    columns: ["cell", ...axes, "seed", "stages"].map((key) => ({ key, label: key })),
    rows: chosen.map(({ slug, seed, values, config }) => ({
      cell: slug,
      ...Object.fromEntries(
        axes.map((
          axis,
        ) => [axis, typeof values[axis] === "string" ? values[axis] : JSON.stringify(values[axis])]),
      ),
      seed,
      stages: (config.stages as readonly JsonObject[]).map((stage) => stage.name).join(" → "),
    })),
  });
  console.log(`${table}\n\n${chosen.length} cells of ${name}. Nothing was run.`);
}
