/**
 * `deno task shift-vit`: vision transformers and residual networks, plain and adaptive, with and without shifted training
 * images, under every kind of shift.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import { thousands } from "../pipeline/report/format.ts";
import { command } from "./command.ts";
import { pickFlags } from "./common_flags.ts";
import type { Usage } from "./flag.ts";
import { parseFlags, UsageError } from "./flags.ts";
import { showProgress } from "./progress.ts";
import { COLUMNS, columnsHelp } from "./shift_vit/columns.ts";
import { equalTimeInputs } from "./shift_vit/equal_time.ts";
import {
  ablations,
  ADAPTIVE_MODULES,
  BASE_NAMES,
  isSeparable,
  parseModelName,
} from "./shift_vit/model_names.ts";
import { drawnOnce } from "./shift_vit/pictures.ts";
import { type Preset, PRESET_NAMES, PRESETS, TRAINING_IMAGES } from "./shift_vit/presets.ts";
import { sectionsOf } from "./shift_vit/report.ts";
import shiftVit, { type SweepInput } from "./shift_vit/sweep.ts";
import { trainedBefore } from "./shift_vit/trained_before.ts";
import { JOBS_FLAG, SEED_FLAG, SEEDS_FLAG } from "./sweep/flags.ts";
import { runSweepTask } from "./sweep/run_sweep_task.ts";

const TASK = "shift-vit";

/** Models that `--ablate` takes apart. */
const ABLATED: readonly string[] = ["a-vit", "a-swin"];

const [TRAIN_SIZE_FLAG, TEST_SIZE_FLAG] = pickFlags(["train-size", "test-size"]);

/** The modules of the adaptive transformers, a line for each set of them. */
function modulesHelp(): string {
  const names = Map.groupBy(BASE_NAMES.filter(isSeparable), (base) => ADAPTIVE_MODULES[base].join(", "));
  return Array.from(names, ([modules, bases]) => `                    ${bases.join(", ")}: ${modules}`).join(
    "\n",
  );
}

const USAGE = {
  task: TASK,
  summary:
    "Trains vision transformers and residual networks, each plain and adaptive, with and without shifted training images, " +
    "and compares how accurate and how consistent they are under shifts.",
  flags: [
    {
      name: "preset",
      kind: "string",
      choices: PRESET_NAMES,
      default: "fashion",
      placeholder: "NAME",
      group: "Models",
      help: "Sizes of the models, recipe and budget; the other flags override single parts of it.",
    },
    {
      name: "models",
      kind: "list",
      of: "string",
      placeholder: "NAME,…",
      group: "Models",
      help: "Models to train, see below; without it those of the preset.",
    },
    {
      name: "ablate",
      kind: "boolean",
      group: "Models",
      help: `Train ${ABLATED.join(" and ")} with each adaptive module alone and with all but one, too.`,
    },
    {
      name: "from",
      kind: "string",
      excludes: ["ablate", "train-sizes", "epochs", "max-inputs", "batch-size", "equal-time", "workers"],
      placeholder: "RUN",
      group: "Models",
      help:
        "Train nothing: examine the models of an earlier run, such as runs/shift-vit/version_1, all of them or those of " +
        "--models and --seeds, perhaps on more images.",
    },
    JOBS_FLAG,
    {
      name: "dataset",
      kind: "string",
      placeholder: "NAME",
      group: "Data",
      help:
        "Images: fashion-mnist, mnist, cifar10, cifar100, folder:PATH or synthetic; without it the preset's.",
    },
    ...pickFlags(["data"]),
    {
      ...TRAIN_SIZE_FLAG,
      help: "Train on N images, drawn by seed; without it on as many as the preset says.",
    },
    { ...TEST_SIZE_FLAG, help: "Test on N images, drawn by seed; without it on as many as the preset says." },
    {
      name: "train-sizes",
      kind: "list",
      of: "integer",
      min: 1,
      excludes: ["train-size"],
      placeholder: "N,…",
      group: "Data",
      help:
        "Train on each of these numbers of images. Unless --epochs is given, all take the same number of steps.",
    },
    {
      name: "shift-train",
      kind: "boolean",
      group: "Data",
      help:
        "Shift every image, of training and of test, circularly by a random offset of its own, once and for all: positions " +
        "then say nothing about the class.",
    },
    {
      name: "offset-images",
      kind: "integer",
      min: 1,
      group: "Data",
      help: "Test images that every circular offset is tried on; without it as many as the preset says.",
    },
    ...pickFlags(["epochs", "max-inputs", "batch-size"]),
    {
      name: "equal-time",
      kind: "boolean",
      group: "Training",
      help:
        "Let all models train for the time of the first of them instead of for as many images: a step of each is timed before, " +
        "with nothing else running, and who takes twice as long sees half as many images.",
    },
    { ...SEED_FLAG, help: "Seed of every model; without it those of the preset." },
    SEEDS_FLAG,
    ...pickFlags(["backend", "workers", "out", "resume", "json", "quiet"]),
  ],
  notes: `Presets:
${PRESET_NAMES.map((name) => `  ${name.padEnd(10)}${PRESETS[name].about}`).join("\n")}

Models: ${BASE_NAMES.join(", ")}.
  a-…               adaptive, so that no circular shift changes the logits; a-swin and a-swin-v2 weigh windows by a Hann
                    taper, a-swin-box all tokens of a window alike
  -only-M, -no-M    behind the name of an adaptive transformer: with its module M alone, with all but M; modules are, of
${modulesHelp()}
  +shift, +shift4   trained on circular shifts of the images, all there are or up to 4 pixels
  +zeroshift        the same with zeros that come in, up to an eighth of the image or so many pixels
  +canonical        cuts patches by the adaptive grid and begins with the same one however the image is shifted, so that
                    every transformer on patches is invariant, and any positions will do
  +pixels, +l1, +lmax, +least
                    chooses the adaptive grid of patches by the energy of pixels instead of tokens, by sums of another
                    power than 2 or the greatest value, and takes the phase of least energy instead of most
  +random           lays that grid at random, as a control
  +blur             cuts patches of an image that a binomial filter of 3 pixels blurred
  +average          predicts by the mean over shifts by less than one place of its coarsest map
  +average-all      predicts by the mean over all circular shifts: slow

Columns of results.csv (shares are from 0 to 1; in parentheses the direction of improvement):
  train_loss, val_loss  mean cross-entropy over the last epoch, over the test images (lower is better)
${columnsHelp()}`,
} as const satisfies Usage;

await command(async (signal) => {
  const flags = parseFlags(USAGE, Deno.args);
  const preset: Preset = PRESETS[flags.preset];
  const { epochs, maxInputs, data, workers, trainSizes, from } = flags;
  const asked = flags.seeds ?? (flags.seed === undefined ? undefined : [flags.seed]);
  const trained = from === undefined
    ? null
    : await trainedBefore(from, { models: flags.models && modelsOf(flags.models, false), seeds: asked });
  const dataset = flags.dataset ?? preset.dataset;
  const isLengthGiven = epochs !== undefined || maxInputs !== undefined;
  const input: SweepInput = {
    preset: flags.preset,
    models: trained === null
      ? modelsOf(flags.models ?? preset.models, flags.ablate)
      : [...new Set(trained.map(({ model }) => model))],
    dataset,
    data: data ?? null,
    trainSizes: trainSizes === undefined
      ? [flags.trainSize ?? preset.trainSize ?? null]
      : [...new Set(trainSizes)],
    testSize: flags.testSize ?? preset.testSize ?? null,
    epochs: (isLengthGiven ? epochs : preset.epochs) ?? null,
    maxInputs: (isLengthGiven ? maxInputs : preset.maxInputs) ?? null,
    inputsOf: {},
    batchSize: flags.batchSize ?? preset.batchSize,
    offsetImages: flags.offsetImages ?? preset.offsetImages,
    shiftTrain: flags.shiftTrain,
    workers: workers ?? null,
    trained,
  };
  if (input.trainSizes.includes(null) && TRAINING_IMAGES[dataset] === undefined) {
    throw new UsageError(
      `--dataset ${dataset}: its number of images is not known ahead: give --train-size N`,
    );
  }
  if (flags.equalTime && input.trainSizes.length > 1 && input.maxInputs === null) {
    throw new UsageError("--equal-time with several --train-sizes: give --max-inputs for the first model");
  }
  const whole: SweepInput = flags.equalTime
    ? { ...input, inputsOf: await timed(input, flags, signal) }
    : input;
  const adjustments = {
    // Models that were trained before have their seeds.
    ...trained === null ? { seeds: [...new Set(asked ?? preset.seeds)] } : {},
    backend: flags.backend,
  };
  const once = drawnOnce();
  await runSweepTask({
    task: TASK,
    name: `shift-vit, ${flags.preset}`,
    cells: shiftVit(whole).cells(adjustments),
    source: { module: import.meta.resolve("./shift_vit/sweep.ts"), input: whole, adjustments },
    flags,
    columns: COLUMNS,
    page: async ({ results }) => ({
      intro: introOf(whole, flags.equalTime),
      sections: await sectionsOf(results, once),
      footer: `Made by Polyphase on ${dataset}. The numbers of this page stand in results.csv beside it.`,
    }),
  }, signal);
});

/** The names of the models, each once, with those that `--ablate` adds behind each that it takes apart. */
function modelsOf(names: readonly string[], ablate: boolean): string[] {
  const models = names.flatMap((name) => {
    try {
      const { base, text } = parseModelName(name);
      return ablate && text === base && ABLATED.includes(base) ? [name, ...ablations(base)] : [name];
    } catch (cause) {
      throw cause instanceof PolyphaseError ? new UsageError(`--models: ${cause.message}`) : cause;
    }
  });
  if (ablate && !names.some((name) => ABLATED.includes(name))) {
    throw new UsageError(`--ablate takes ${ABLATED.join(" and ")} apart: have one of them among --models`);
  }
  return [...new Set(models)];
}

async function timed(
  input: SweepInput,
  { out, resume, quiet, backend }: {
    readonly out: string;
    readonly resume: boolean;
    readonly quiet: boolean;
    readonly backend: "wasm" | "webgpu" | "cpu";
  },
  signal: AbortSignal,
): Promise<Record<string, number>> {
  const progress = showProgress({ quiet });
  const file = `${out}/${TASK}/step_times.json`;
  try {
    return await equalTimeInputs(input, { backend, file, reuse: resume, signal, progress: progress.report });
  } finally {
    progress.close();
  }
}

function introOf({ shiftTrain, maxInputs, epochs, trained }: SweepInput, equalTime: boolean): string {
  const length = maxInputs === null ? `${epochs} epochs` : `${thousands()(maxInputs)} training images`;
  return [
    trained !== null
      ? "The models were trained before, by an earlier run."
      : equalTime
      ? `The first model sees ${length}, the others as many as make the same training time: steps were timed before, alone.`
      : `Every model sees ${length}.`,
    ...shiftTrain
      ? ["All images, of training and of test, are shifted by a random circular offset of their own."]
      : [],
  ].join(" ");
}
