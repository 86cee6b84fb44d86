/**
 * The two models that the playground ships: a plain vision transformer and its adaptive twin, trained alike on
 * Fashion-MNIST, without any augmentation.
 *
 * @module
 */

import {
  adamW,
  adaptive,
  type Architecture,
  cosineAnnealing,
  type Dataset,
  disposeParams,
  evaluate,
  fashionMnist,
  linearWarmup,
  load,
  patches2d,
  pipe,
  type ProgressEvent,
  run,
  sharedDataset,
  shiftEval,
  tokenize,
  type Tokenizer,
  train,
  vit,
} from "../../mod.ts";
import { encodeModelFile, encodeSamples, pickSamples } from "./model_file.ts";

/** How the models are trained. */
export interface TrainingOptions {
  /** Images of 28×28 in grey. Default Fashion-MNIST, from wherever it is found. */
  readonly dataset?: Dataset;
  /** Images each model is trained on in all. Default 180,000: three epochs. */
  readonly maxInputs?: number;
  /** Stops the training. */
  readonly signal?: AbortSignal;
  /** Is told how it goes. */
  readonly progress?: (event: ProgressEvent) => void;
}

/** A file of the playground. */
export interface NamedFile {
  /** Name without a folder. */
  readonly name: string;
  /** Content. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A model to train. */
export interface Twin {
  /** Name of its file, without the extension. */
  readonly name: string;
  /** Name for people. */
  readonly title: string;
  /** How pictures are cut for it. */
  readonly tokenizer: Tokenizer;
  /** The model. */
  readonly architecture: Architecture;
}

/** Small enough to be loaded with a page, and to be trained on one core in minutes. */
const SIZES = { layers: 2, heads: 4, embed: 64, mlp: 128 };

const PATCHES = patches2d({ size: 4 });

/** The twins. They differ in the tokenizer, and in that the adaptive one has nothing that knows where the border is. */
export const TWINS: readonly Twin[] = [
  { name: "plain", title: "Plain vision transformer", tokenizer: PATCHES, architecture: vit(SIZES) },
  {
    name: "adaptive",
    title: "Adaptive twin",
    tokenizer: adaptive(PATCHES),
    architecture: vit({ ...SIZES, classToken: false, positions: "circular" }),
  },
];

/** Pictures of each class that the page offers. */
const SAMPLES_PER_CLASS = 2;

/** Trains both models with the same seed, steps and recipe, and gives back the files that the page needs. */
export async function trainTwins(options: TrainingOptions = {}): Promise<NamedFile[]> {
  const { maxInputs = 180_000, signal, progress } = options;
  const dataset = sharedDataset(options.dataset ?? fashionMnist());
  const files: NamedFile[] = [];
  for (const { name, title, tokenizer, architecture } of TWINS) {
    const experiment = pipe(
      load(dataset),
      tokenize(tokenizer),
      train(architecture, {
        optimizer: adamW({ learningRate: 2e-3, weightDecay: 0.05 }),
        schedule: linearWarmup(Math.ceil(maxInputs / 64 / 20), cosineAnnealing({ clamp: true })),
        batchSize: 64,
        maxInputs,
        // One thread: another number of them would not give the same bits.
        workers: 1,
      }),
      evaluate(),
      // What is kept is the accuracy with a random offset for each batch: none need be tried one by one.
      shiftEval({ mode: "circular-2d", offsets: [0, 0], random: "all" }),
    );
    const trained = await run(experiment, {
      seed: 0,
      signal,
      progress: progress && ((event) => progress({ ...event, text: `${name} ${event.text}` })),
    });
    const card = {
      title,
      image: trained.image,
      classes: trained.classes,
      tokenizer: tokenizer.config,
      model: architecture.config,
      accuracy: trained.evaluation.accuracy,
      shiftedAccuracy: trained.shift.randomAccuracy,
    };
    files.push({ name: `${name}.safetensors`, bytes: await encodeModelFile(card, trained.params) });
    disposeParams(trained.params);
    if (files.length === TWINS.length) {
      const samples = pickSamples(trained.test, trained.classes.length, SAMPLES_PER_CLASS);
      files.push({ name: "samples.safetensors", bytes: encodeSamples(samples) });
    }
  }
  return files;
}
