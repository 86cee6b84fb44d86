/**
 * `--equal-time`: how many images each model may see so that all train for the same time.
 *
 * The steps of every model are timed in turns, alone and before anything else runs, on the very images, batches and threads
 * of the sweep; on a machine that is busy with something else, budgets are as rough as its times. The first model keeps its
 * number of images; another that takes twice as long for a step sees half as many. So the budget follows from costs and not
 * from how busy the machine is when a model has its turn, and the schedule of each model still ends at the end of its run,
 * which a clock that stops training could not promise.
 *
 * @module
 */

import type { BackendName } from "../../models/backend/select.ts";
import { disposeParams } from "../../models/params.ts";
import type { Dataset } from "../../datasets/dataset.ts";
import { type ProgressEvent, run } from "../../pipeline/pipe.ts";
import { guarded, ifFound, writeWhole } from "../whole_files.ts";
import { training } from "./pipeline.ts";
import { TRAINING_IMAGES } from "./presets.ts";
import { datasetsBySize, modelOf, settingsOf, type SweepInput } from "./sweep.ts";

/** Steps of one measurement, whose median counts. */
const STEPS = 5;

/** Measurements of each model, in turns, after one that warms up. The least counts: what disturbs only adds to a time. */
const ROUNDS = 6;

/** What the timing is told. */
export interface EqualTimeOptions {
  /** What computes. */
  readonly backend: BackendName;
  /** File that keeps the times, so that a run that is gone on with has the same budgets. */
  readonly file: string;
  /** Whether to take times from that file where it has them. */
  readonly reuse: boolean;
  /** Tells it to stop. */
  readonly signal: AbortSignal;
  /** Is told how it goes. */
  readonly progress: (event: ProgressEvent) => void;
}

/**
 * The number of training images for each model of the sweep, by name, in whole batches: as many as the first model sees,
 * times the ratio of their times a step.
 */
export async function equalTimeInputs(
  input: SweepInput,
  options: EqualTimeOptions,
): Promise<Record<string, number>> {
  const { file, reuse } = options;
  const known = reuse ? await readTimes(file) : {};
  const keyFor = (model: string) => keyOf(model, input, options.backend);
  // Models that train alike have one key, and are timed once.
  const missing = new Map(
    input.models.filter((model) => known[keyFor(model)] === undefined).map((model) => [keyFor(model), model]),
  );
  const images = datasetsBySize(input);
  const total = (ROUNDS + 1) * missing.size;
  let done = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [key, model] of missing) {
      options.progress({ stage: "train", text: "timing steps", done: ++done, total });
      const time = await timeStep(model, input, images, options);
      if (round > 0) known[key] = Math.min(known[key] ?? Infinity, time);
    }
  }
  const times = Object.fromEntries(input.models.map((model) => [model, known[keyFor(model)]]));
  await guarded(file, async () => {
    await Deno.mkdir(file.replace(/\/[^/]*$/, ""), { recursive: true });
    await writeWhole(file, `${JSON.stringify(known, null, 2)}\n`);
  });
  return budgets(times, wholeInputs(input), input.batchSize);
}

/**
 * Inputs for each model, in whole batches and at least one, of its milliseconds a step; the first has `inputs`.
 *
 * @param times milliseconds a step by model, the first of which sets the time
 */
export function budgets(
  times: { readonly [model: string]: number },
  inputs: number,
  batchSize: number,
): Record<string, number> {
  const [reference] = Object.values(times);
  return Object.fromEntries(
    Object.entries(times).map(([model, time]) => {
      const batches = Math.round((inputs / batchSize) * (reference / time));
      return [model, Math.max(1, batches) * batchSize];
    }),
  );
}

/** Training images that a run sees. */
function wholeInputs({ maxInputs, epochs, trainSizes: [size], dataset }: SweepInput): number {
  const passes = (epochs ?? Infinity) * (size ?? TRAINING_IMAGES[dataset]);
  return Math.min(maxInputs ?? Infinity, passes);
}

/** Median milliseconds of a step. */
async function timeStep(
  model: string,
  input: SweepInput,
  images: (size: number) => Dataset,
  { backend, signal }: EqualTimeOptions,
): Promise<number> {
  const named = modelOf(model, input);
  const [trainSize] = input.trainSizes;
  const unlimited = { ...input, inputsOf: {}, epochs: null };
  const settings = settingsOf(model, named, trainSize, unlimited, images(named.size));
  const short = {
    ...settings,
    maxInputs: STEPS * input.batchSize,
    testSize: 1,
    workers: settings.workers ?? 1,
  };
  const record = await run(training(named, short), { seed: 0, backend, signal });
  disposeParams(record.params);
  return record.timing.msPerStep;
}

/** What a time depends on, on one machine. */
function keyOf(model: string, { preset, dataset, batchSize, workers }: SweepInput, backend: string): string {
  // How predictions are averaged makes no difference to training.
  const trained = model.replace(/\+average(-all)?(?=\+|$)/g, "");
  return [trained, preset, dataset, `batch ${batchSize}`, backend, `threads ${workers ?? 1}`].join(", ");
}

async function readTimes(file: string): Promise<Record<string, number>> {
  const text = await guarded(file, () => ifFound(Deno.readTextFile(file)));
  if (text === undefined) return {};
  try {
    return JSON.parse(text);
  } catch {
    // Times that cannot be read are measured anew.
    return {};
  }
}
