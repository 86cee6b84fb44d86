/**
 * Builders of every part that Polyphase brings, by kind and name: what {@linkcode rebuild} makes pipelines with.
 *
 * @module
 */

import { inChannels } from "../datasets/channels.ts";
import { cifar10, cifar100 } from "../datasets/cifar.ts";
import type { Dataset } from "../datasets/dataset.ts";
import { fashionMnist } from "../datasets/fashion_mnist.ts";
import { mnist } from "../datasets/mnist.ts";
import { synthetic } from "../datasets/synthetic.ts";
import { crossEntropy, l2, type Loss } from "../models/losses.ts";
import type { Architecture } from "../models/model.ts";
import { adam } from "../models/optimizers/adam.ts";
import type { Optimizer } from "../models/optimizers/optimizer.ts";
import type { Schedule } from "../models/optimizers/schedule.ts";
import { sgd } from "../models/optimizers/sgd.ts";
import { tokenMeanMlp } from "../models/token_mean_mlp.ts";
import { adaptive } from "../models/tokenizers/adaptive.ts";
import { patches1d, patches2d, type PatchTokenizer, pixels } from "../models/tokenizers/patches.ts";
import type { Tokenizer } from "../models/tokenizers/tokenizer.ts";
import { augment, type Augmentation, circularShift, rolledCopies, zeroShift } from "./augment.ts";
import { evaluate, type EvaluationProtocol } from "./evaluate.ts";
import type { Json, JsonObject } from "./json.ts";
import { load } from "./load.ts";
import { normalize } from "./normalize.ts";
import type { Builder, Registry } from "./rebuild.ts";
import { shiftEval } from "./shift_eval.ts";
import { tokenize } from "./tokenize.ts";
import { train } from "./train.ts";

/** `null` stands for "not given" in a configuration, which has no `undefined`. */
function given<T>(config: JsonObject): T {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== null)) as T;
}

/** A builder of data sets whose configuration may ask for other channels than they are published in. */
function datasetBuilder(build: (config: JsonObject) => Dataset): Builder {
  return ({ channels, ...config }) =>
    channels === 1 || channels === 3 ? inChannels(build(config), channels) : build(config);
}

/** The builders of Polyphase's own parts. Image folders are not among them: their configuration does not say where they are. */
export const registry: Registry = {
  stage: {
    load: ({ dataset, ...sizes }, make) => load(make<Dataset>("dataset", dataset), given(sizes)),
    augment: ({ augmentations }, make) =>
      augment(...(augmentations as readonly Json[]).map((each) => make<Augmentation>("augmentation", each))),
    tokenize: ({ tokenizer }, make) => tokenize(make<Tokenizer>("tokenizer", tokenizer)),
    normalize: (config) => normalize(given(config)),
    train: ({ model, optimizer, loss, schedule, ...settings }, make) =>
      train(make<Architecture>("model", model), {
        ...given<JsonObject>(settings),
        optimizer: make<Optimizer>("optimizer", optimizer),
        loss: make<Loss>("loss", loss),
        ...(schedule === undefined ? {} : { schedule: make<Schedule>("schedule", schedule) }),
      }),
    evaluate: ({ loss, protocol }, make) =>
      evaluate({
        loss: make<Loss>("loss", loss),
        ...(protocol === undefined ? {} : { protocol: protocol as EvaluationProtocol }),
      }),
    shiftEval: (config) => shiftEval(given(config)),
  },
  dataset: {
    "fashion-mnist": datasetBuilder((config) => fashionMnist(given(config))),
    "mnist": datasetBuilder((config) => mnist(given(config))),
    "cifar10": datasetBuilder((config) => cifar10(given(config))),
    "cifar100": datasetBuilder((config) => cifar100(given(config))),
    "synthetic": datasetBuilder((config) => synthetic(given(config))),
  },
  augmentation: {
    "circular-shift": (config) => circularShift(given(config)),
    "zero-shift": (config) => zeroShift(given(config)),
    "rolled-copies": (config) => rolledCopies(given(config)),
  },
  tokenizer: {
    "patches-1d": (config) => patches1d(given(config)),
    "patches-2d": (config) => patches2d(given(config)),
    "pixels": () => pixels(),
    "adaptive": ({ patches, order }, make) =>
      adaptive(make<PatchTokenizer>("tokenizer", patches), given({ order })),
  },
  model: { "token-mean-mlp": (config) => tokenMeanMlp(given(config)) },
  optimizer: { "sgd": (config) => sgd(given(config)), "adam": (config) => adam(given(config)) },
  loss: { "cross-entropy": () => crossEntropy(), "l2": () => l2() },
};
