/**
 * The five shift classifiers of `fmnist-adaptive`, each as a pipeline. They share everything but the stages named here.
 *
 * @module
 */

import type { Dataset } from "../../datasets/dataset.ts";
import { sgd } from "../../models/optimizers/sgd.ts";
import { tokenMeanMlp } from "../../models/token_mean_mlp.ts";
import { adaptive } from "../../models/tokenizers/adaptive.ts";
import { patches1d } from "../../models/tokenizers/patches.ts";
import { augment, circularShift, rolledCopies } from "../../pipeline/augment.ts";
import { evaluate, type Evaluated } from "../../pipeline/evaluate.ts";
import { load, type LoadSizes } from "../../pipeline/load.ts";
import { pipe, type Stage } from "../../pipeline/pipe.ts";
import type { Tokenized } from "../../pipeline/records.ts";
import { type Shifted, shiftEval } from "../../pipeline/shift_eval.ts";
import { tokenize } from "../../pipeline/tokenize.ts";
import { train } from "../../pipeline/train.ts";

/** Names of the models. */
export const MODELS = [
  "base",
  "adaptive-notebook",
  "adaptive-polyphase",
  "adaptive-canonical",
  "augmented",
] as const;

/** Name of a model. */
export type ModelName = (typeof MODELS)[number];

/** What each model is, in a sentence, and the figures that the notebook published for it, as shares of the test images. */
export const ABOUT: Record<
  ModelName,
  { readonly what: string; readonly published?: { accuracy: number; shifted: number } }
> = {
  "base": {
    what: "Fixed grid of patches.",
    published: { accuracy: 0.8674, shifted: 0.2254 },
  },
  "adaptive-notebook": {
    what:
      "Grid at the polyphase of most energy, started at a random token: what an argmax over all 196 rolls amounts to, " +
      "since rolls by whole tokens tie.",
    published: { accuracy: 0.7627, shifted: 0.7549 },
  },
  "adaptive-polyphase": {
    what:
      "Grid at the polyphase of most energy (A-token). The head still sees tokens by position, so shifts by whole tokens hurt.",
  },
  "adaptive-canonical": {
    what:
      "Grid at the polyphase of most energy, started at the greatest rotation of its tokens: invariant to every circular shift.",
  },
  "augmented": {
    what: "Fixed grid, trained on five rolled copies of each image and a further random roll.",
    published: { accuracy: 0.8068, shifted: 0.8197 },
  },
};

/** What can be changed about the experiment. */
export interface Settings extends LoadSizes {
  /** Images, 14×14 in the notebook. */
  readonly dataset: Dataset;
  /** Epochs of all models. The notebook's: 50, and 10 for `augmented`, whose epochs are five times as long. */
  readonly epochs?: number;
  /** Training images seen after which to stop. */
  readonly maxInputs?: number;
  /** Images a step, 32 in the notebook. */
  readonly batchSize: number;
  /** Threads that share each batch. These models' steps are too short to gain, so the default comes to one. */
  readonly workers?: number;
}

/** The part of a model's pipeline before training: its images, what is done to them, and its tokens. */
export function dataOf(
  name: ModelName,
  settings: Pick<Settings, "dataset"> & LoadSizes,
): Stage<void, Tokenized & { kind: "tokenized" }> {
  const patches = patches1d({ size: 4 });
  const tokenizer = {
    "base": patches,
    "augmented": patches,
    "adaptive-notebook": adaptive(patches, { order: "random" }),
    "adaptive-polyphase": adaptive(patches, { order: "polyphase" }),
    "adaptive-canonical": adaptive(patches, { order: "canonical" }),
  }[name];
  const augmentations = name === "augmented"
    ? [rolledCopies({ max: 4 }), circularShift({ max: 4, axes: "flat" })]
    : [];
  return pipe(load(settings.dataset, settings), augment(...augmentations), tokenize(tokenizer));
}

/** The whole pipeline of a model. */
export function pipelineOf(name: ModelName, settings: Settings): Stage<void, Evaluated & Shifted> {
  return pipe(
    dataOf(name, settings),
    train(tokenMeanMlp({ embed: 32, hidden: 196 }), {
      optimizer: sgd({ learningRate: 0.1 }),
      batchSize: settings.batchSize,
      // --max-inputs alone means just that; otherwise the notebook's epochs are the default.
      epochs: settings.epochs ??
        (settings.maxInputs !== undefined ? undefined : name === "augmented" ? 10 : 50),
      maxInputs: settings.maxInputs,
      workers: settings.workers,
    }),
    evaluate(),
    shiftEval({ mode: "circular-flat", offsets: "all", random: [1, 4], batchSize: 32 }),
  );
}
