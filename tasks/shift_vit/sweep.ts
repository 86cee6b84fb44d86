/**
 * The models of `shift-vit` as a sweep, which every worker makes for itself of the same plain settings.
 *
 * @module
 */

import { type Dataset, sharedDataset } from "../../datasets/dataset.ts";
import { datasetByName } from "../../datasets/registry.ts";
import { defineSweep, type Sweep } from "../../pipeline/sweep.ts";
import { columnsOf } from "./columns.ts";
import { detailsOf } from "./details.ts";
import { parseModelName } from "./model_names.ts";
import { type NamedModel, namedModel } from "./models.ts";
import { type Examined, pipelineOf, type Settings } from "./pipeline.ts";
import { normalizationOf, type Preset, type PresetName, PRESETS, TRAINING_IMAGES } from "./presets.ts";
import { shiftedDataset } from "./shifted_dataset.ts";

/** A model that was trained before. Plain data. */
export type TrainedBefore = {
  /** Its name. */
  readonly model: string;
  /** The seed that it was trained from. */
  readonly seed: number;
  /** Address of its weights. */
  readonly weights: string;
};

/** What the task is asked for, with what the preset says in the place of what is not given. Plain data. */
export type SweepInput = {
  /** Which sizes and recipes. */
  readonly preset: PresetName;
  /** Names of the models, see `parseModelName`. */
  readonly models: readonly string[];
  /** Name of the data set. */
  readonly dataset: string;
  /** Folder of its files. */
  readonly data: string | null;
  /** Numbers of training images to train on, one after the other; `null` for all that there are. */
  readonly trainSizes: readonly (number | null)[];
  /** Test images. */
  readonly testSize: number | null;
  /** Passes over the training images. */
  readonly epochs: number | null;
  /** Training images seen, after which to stop. */
  readonly maxInputs: number | null;
  /** The same for single models, by name: of these it is this number that counts. */
  readonly inputsOf: { readonly [model: string]: number };
  /** Images a step. */
  readonly batchSize: number;
  /** Test images that every circular offset is tried on. */
  readonly offsetImages: number;
  /** Whether all images, of training and of test, lie at random places. */
  readonly shiftTrain: boolean;
  /** Threads that share each batch. */
  readonly workers: number | null;
  /** Models that were trained before, which are only to be examined; `null` to train them. */
  readonly trained: readonly TrainedBefore[] | null;
};

/** Sweep of the models that are asked for; the argument is a {@linkcode SweepInput}. */
export default function shiftVit(input: SweepInput): Sweep {
  const images = datasetsBySize(input);
  const experiment = (model: string, trainSize: number | null, weights?: string) => {
    const named = modelOf(model, input);
    const settings = settingsOf(model, named, trainSize, input, images(named.size));
    return pipelineOf(named, { ...settings, weights });
  };
  const columns = (record: Examined, { values }: { readonly values: { readonly model: string } }) =>
    columnsOf(parseModelName(values.model), record);
  const shared = { name: "shift-vit", otherNumbers: false, columns, details: detailsOf } as const;
  const { models, trainSizes, trained } = input;
  if (trained !== null) {
    const weightsOf = (model: string, seed: number) =>
      trained.find((each) => each.model === model && each.seed === seed)?.weights;
    return defineSweep({
      ...shared,
      axes: { model: models, seed: [...new Set(trained.map(({ seed }) => seed))] },
      filter: ({ model, seed }) => weightsOf(model, seed) !== undefined,
      pipeline: ({ model, seed }) => experiment(model, trainSizes[0], weightsOf(model, seed)),
    });
  }
  // An axis only where there is more than one value: names of cells say what differs.
  if (trainSizes.length === 1) {
    return defineSweep({
      ...shared,
      axes: { model: models },
      pipeline: ({ model }) => experiment(model, trainSizes[0]),
    });
  }
  return defineSweep({
    ...shared,
    axes: { model: models, train_size: trainSizes },
    pipeline: ({ model, train_size }) => experiment(model, train_size),
  });
}

/** The model of a name in the sizes of the preset. */
export function modelOf(name: string, { preset }: Pick<SweepInput, "preset">): NamedModel {
  return namedModel(parseModelName(name), PRESETS[preset].sizes);
}

/** How a model is trained, on so many images of a data set. */
export function settingsOf(
  name: string,
  { architecture }: NamedModel,
  trainSize: number | null,
  input: SweepInput,
  dataset: Dataset,
): Settings {
  const preset: Preset = PRESETS[input.preset];
  const inputs = input.inputsOf[name];
  return {
    dataset,
    normalization: normalizationOf(input.dataset),
    trainSize: trainSize ?? undefined,
    testSize: input.testSize ?? undefined,
    trainCount: trainSize ?? TRAINING_IMAGES[input.dataset],
    epochs: inputs === undefined ? input.epochs ?? undefined : undefined,
    maxInputs: inputs ?? input.maxInputs ?? undefined,
    batchSize: input.batchSize,
    offsetImages: input.offsetImages,
    recipe: architecture.name.startsWith("resnet") ? preset.resnets : preset.transformers,
    workers: input.workers ?? undefined,
    weights: undefined,
  };
}

/** The images in a size, each size made once. */
export function datasetsBySize({ dataset, data, shiftTrain }: SweepInput): (size: number) => Dataset {
  const made = new Map<number, Dataset>();
  return (size) => {
    const images = made.get(size) ?? sharedDataset(named(size));
    made.set(size, images);
    return images;
  };
  function named(size: number): Dataset {
    const plain = datasetByName(dataset, { size, dir: data ?? undefined });
    return shiftTrain ? shiftedDataset(plain) : plain;
  }
}
