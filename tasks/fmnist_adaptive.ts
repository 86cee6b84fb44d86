/**
 * `deno task fmnist-adaptive`: trains plain, adaptive and augmented shift classifiers on Fashion-MNIST and compares how
 * each stands up to shifted images.
 *
 * @module
 */

import { sharedDataset } from "../datasets/dataset.ts";
import { datasetByName } from "../datasets/registry.ts";
import { disposeParams } from "../models/params.ts";
import { encodeModel } from "../pipeline/checkpoint.ts";
import { load } from "../pipeline/load.ts";
import { matrix } from "../pipeline/matrix.ts";
import { run, runConfig } from "../pipeline/pipe.ts";
import { command } from "./command.ts";
import { pickFlags, seedsOf } from "./common_flags.ts";
import { csvText } from "./csv.ts";
import type { Usage } from "./flag.ts";
import { parseFlags } from "./flags.ts";
import { type CellResult, resultOf, SHIFT_COLUMNS } from "./fmnist_adaptive/cell.ts";
import { ABOUT, type ModelName, MODELS, pipelineOf } from "./fmnist_adaptive/models.ts";
import { accuracyPicture, reportPage, resultsText } from "./fmnist_adaptive/report.ts";
import { showProgress } from "./progress.ts";
import { HISTORY_COLUMNS, RESULT_COLUMNS } from "./results.ts";
import { createRunFolder, resumeRunFolder, type RunFolder } from "./run_folder.ts";

const TASK = "fmnist-adaptive";

const USAGE = {
  task: TASK,
  summary:
    "Trains plain, adaptive and augmented shift classifiers on 14×14 images and compares how each stands up " +
    "to circular shifts of the flattened image. The defaults are the published notebook's protocol.",
  flags: [
    {
      name: "models",
      kind: "list",
      of: "string",
      choices: MODELS,
      default: MODELS,
      placeholder: "NAME,…",
      group: "Models",
      help: "Models to train.",
    },
    ...pickFlags(
      [
        "dataset",
        "data",
        "train-size",
        "test-size",
        "epochs",
        "max-inputs",
        "batch-size",
        "seed",
        "seeds",
        "backend",
        "workers",
        "out",
        "resume",
        "json",
        "quiet",
      ],
      { "batch-size": 32 },
    ),
  ],
  notes: `Without --epochs and --max-inputs: 50 epochs, and 10 of five times the length for augmented.

Models:
${MODELS.map((name) => `  ${name.padEnd(20)}${ABOUT[name].what}`).join("\n")}

Columns of results.csv (losses: lower is better; accuracies and shares, from 0 to 1: higher is better):
  train_loss, val_loss  mean cross-entropy over the last epoch, over the test images
  val_acc               accuracy on the test images as they are
  shifted_val_acc       the same with one random roll by 1 to 4 pixels for each batch of 32
  shift_consistency     mean share of images whose predicted class a roll does not change, rolls by 1 to 195
  worst_shift_acc       least accuracy at any one of the 196 rolls
  mean_shift_acc        mean accuracy over the 196 rolls
  shift_unanimity       share of images whose predicted class none of the rolls changes
  seconds, ms_per_step  time of training and evaluation, and mean time of one step`,
} as const satisfies Usage;

await command(async (signal) => {
  const flags = parseFlags(USAGE, Deno.args);
  const dataset = sharedDataset(datasetByName(flags.dataset, { size: 14, dir: flags.data }));
  const settings = { ...flags, dataset };
  const seeds = seedsOf(flags);
  const nameOf = ({ model, seed }: { model: ModelName; seed: number }) =>
    seeds.length === 1 ? model : `${model}-seed${seed}`;
  const cells = matrix(
    { model: [...new Set(flags.models)], seed: seeds },
    ({ model }) => pipelineOf(model, settings),
  );
  const options = ({ seed }: { seed: number }) => ({ seed, backend: flags.backend });
  const config = {
    task: TASK,
    runs: cells.map(({ slug, values, made }) => ({
      slug,
      model: values.model,
      ...runConfig(made, options(values)),
    })),
  };
  const progress = showProgress({ quiet: flags.quiet });
  const results: CellResult[] = [];
  let folder: RunFolder;
  try {
    // Before there is a folder: data that cannot be had, or is too small, leaves nothing behind.
    await run(load(dataset, settings), { ...options({ seed: seeds[0] }), signal, progress: progress.report });
    folder = await (flags.resume ? resumeRunFolder : createRunFolder)(flags.out, TASK, config);
    for (const { values, made } of cells) {
      const { model, seed } = values;
      const name = nameOf(values);
      const finished = await readResult(folder, name);
      if (finished !== undefined) {
        results.push(finished);
        await folder.remove(`last-${name}.safetensors`);
        continue;
      }
      const trained = await run(made, {
        ...options(values),
        signal,
        progress: (event) => progress.report({ ...event, text: `${name} ${event.text}` }),
        checkpoints: {
          save: (kind, bytes) => folder.checkpoints.save(`${kind}-${name}`, bytes),
          load: (kind) => folder.checkpoints.load(`${kind}-${name}`),
        },
      });
      const result = await resultOf(model, seed, trained);
      const { val_acc, shifted_val_acc } = result.row;
      const metadata = {
        model,
        seed: `${seed}`,
        val_acc: `${val_acc}`,
        shifted_val_acc: `${shifted_val_acc}`,
      };
      await folder.write(`model-${name}.safetensors`, await encodeModel(trained.params, metadata));
      disposeParams(trained.params);
      results.push(result);
      await writeTables(folder, results);
      await folder.write(resultFile(name), JSON.stringify(result));
      await folder.remove(`last-${name}.safetensors`);
    }
  } finally {
    progress.close();
  }
  await folder.write("accuracy.svg", await accuracyPicture(results));
  // The page comes last: a folder with a report is a finished run.
  await folder.write(
    "report.html",
    await reportPage(results, { dataset: dataset.name, version: folder.version }),
  );
  for (const result of results) await folder.remove(resultFile(nameOf(result)));
  await folder.release();
  const rows = results.map(({ row }) => row);
  if (flags.json) {
    const seed = seeds.length === 1 ? seeds[0] : seeds;
    console.log(
      JSON.stringify({ task: TASK, version: folder.version, out: folder.path, seed, results: rows }, null, 2),
    );
  } else console.log(`${resultsText(results, dataset.name)}\n\nReport: ${folder.path}/report.html`);
});

/** Tables of everything that is finished: a stopped run has them too. */
async function writeTables(folder: RunFolder, results: readonly CellResult[]): Promise<void> {
  await folder.write("history.csv", csvText(HISTORY_COLUMNS, results.flatMap(({ history }) => history)));
  await folder.write(
    "offsets.csv",
    csvText(
      ["model", "seed", "offset", "accuracy", "consistency"],
      results.flatMap(({ model, seed, offsets }) =>
        offsets.map(({ dx, accuracy, consistency }) => ({ model, seed, offset: dx, accuracy, consistency }))
      ),
    ),
  );
  await folder.write(
    "results.csv",
    csvText([...RESULT_COLUMNS, ...SHIFT_COLUMNS], results.map(({ row }) => row)),
  );
}

function resultFile(name: string): string {
  return `finished-${name}.json`;
}

async function readResult(folder: RunFolder, name: string): Promise<CellResult | undefined> {
  const bytes = await folder.read(resultFile(name));
  return bytes && JSON.parse(new TextDecoder().decode(bytes));
}
