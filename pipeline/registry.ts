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
import { convEncoder } from "../models/conv_encoder.ts";
import { cvt } from "../models/cvt.ts";
import { crossEntropy, l2, type Loss } from "../models/losses.ts";
import type { Architecture } from "../models/model.ts";
import { mvitV2 } from "../models/mvit_v2.ts";
import { adam } from "../models/optimizers/adam.ts";
import { adamW } from "../models/optimizers/adamw.ts";
import { constant } from "../models/optimizers/constant.ts";
import { cosineAnnealing } from "../models/optimizers/cosine_annealing.ts";
import { linearWarmup } from "../models/optimizers/linear_warmup.ts";
import { noam } from "../models/optimizers/noam.ts";
import type { Optimizer } from "../models/optimizers/optimizer.ts";
import type { Schedule } from "../models/optimizers/schedule.ts";
import { sgd } from "../models/optimizers/sgd.ts";
import { stepSchedule } from "../models/optimizers/step_schedule.ts";
import { performer } from "../models/performer.ts";
import { resnet, resnet18, resnet34, resnet50, type ResnetOptions } from "../models/resnet.ts";
import { swin } from "../models/swin.ts";
import { swinV2 } from "../models/swin_v2.ts";
import { tokenMeanMlp } from "../models/token_mean_mlp.ts";
import { adaptive } from "../models/tokenizers/adaptive.ts";
import { blurred } from "../models/tokenizers/blurred.ts";
import { patches1d, patches2d, type PatchTokenizer, pixels } from "../models/tokenizers/patches.ts";
import { randomPhase } from "../models/tokenizers/random_phase.ts";
import type { Tokenizer } from "../models/tokenizers/tokenizer.ts";
import { vit } from "../models/vit.ts";
import { augment, type Augmentation, circularShift, rolledCopies, zeroShift } from "./augment.ts";
import { averageShifts } from "./average_shifts.ts";
import { cutmix } from "./augment/cutmix.ts";
import { mixup } from "./augment/mixup.ts";
import { mixupCutmix } from "./augment/mixup_cutmix.ts";
import { randAugment } from "./augment/rand_augment.ts";
import { randomCrop } from "./augment/random_crop.ts";
import { randomErasing } from "./augment/random_erasing.ts";
import { randomHorizontalFlip, randomVerticalFlip } from "./augment/random_flip.ts";
import { trivialAugmentWide } from "./augment/trivial_augment.ts";
import { equivarianceError } from "./equivariance.ts";
import { evaluate, type EvaluationProtocol } from "./evaluate.ts";
import type { Json, JsonObject } from "./json.ts";
import { load } from "./load.ts";
import { normalize } from "./normalize.ts";
import type { Builder, Registry } from "./rebuild.ts";
import { phaseStats } from "./phase_stats.ts";
import { restore, type RestoreOptions } from "./restore.ts";
import { robustness } from "./robustness.ts";
import { shiftEval } from "./shift_eval.ts";
import { svmProbe } from "./svm_probe.ts";
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

/**
 * The builders of Polyphase's own parts. Image folders are not among them: their configuration does not say where they are.
 */
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
    restore: ({ model, ...options }, make) =>
      restore(make<Architecture>("model", model), options as RestoreOptions),
    evaluate: ({ loss, protocol }, make) =>
      evaluate({
        loss: make<Loss>("loss", loss),
        ...(protocol === undefined ? {} : { protocol: protocol as EvaluationProtocol }),
      }),
    shiftEval: (config) => shiftEval(given(config)),
    equivarianceError: (config) => equivarianceError(given(config)),
    phaseStats: (config) => phaseStats(given(config)),
    robustness: (config) => robustness(given(config)),
    averageShifts: (config) => averageShifts(given(config)),
    svmProbe: (config) => svmProbe(given(config)),
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
    "trivial-augment-wide": (config) => trivialAugmentWide(given(config)),
    "rand-augment": (config) => randAugment(given(config)),
    "random-crop": (config) => randomCrop(given(config)),
    "random-horizontal-flip": (config) => randomHorizontalFlip(given(config)),
    "random-vertical-flip": (config) => randomVerticalFlip(given(config)),
    "random-erasing": (config) => randomErasing(given(config)),
    "mixup": (config) => mixup(given(config)),
    "cutmix": (config) => cutmix(given(config)),
    "mixup-cutmix": (config) => mixupCutmix(given(config)),
  },
  tokenizer: {
    "patches-1d": (config) => patches1d(given(config)),
    "patches-2d": (config) => patches2d(given(config)),
    "pixels": () => pixels(),
    "adaptive": ({ patches, ...options }, make) =>
      adaptive(make<PatchTokenizer>("tokenizer", patches), given(options)),
    "random-phase": ({ patches }, make) => randomPhase(make<PatchTokenizer>("tokenizer", patches)),
    "blurred": ({ patches, ...options }, make) =>
      blurred(make<Tokenizer>("tokenizer", patches), given(options)),
  },
  model: {
    "token-mean-mlp": (config) => tokenMeanMlp(given(config)),
    "vit": (config) => vit(given(config)),
    "resnet18": (config) => resnet18(given(config)),
    "resnet34": (config) => resnet34(given(config)),
    "resnet50": (config) => resnet50(given(config)),
    "resnet101": (config) => resnet({ ...given<ResnetOptions>(config), depth: 101 }),
    "resnet152": (config) => resnet({ ...given<ResnetOptions>(config), depth: 152 }),
    "performer": (config) => performer(given(config)),
    "swin": (config) => swin(given(config)),
    "swin-v2": (config) => swinV2(given(config)),
    "cvt": (config) => cvt(given(config)),
    "mvit-v2": (config) => mvitV2(given(config)),
    "conv-encoder": (config) => convEncoder(given(config)),
  },
  optimizer: {
    "sgd": (config) => sgd(given(config)),
    "adam": (config) => adam(given(config)),
    "adamw": (config) => adamW(given(config)),
  },
  schedule: {
    "constant": (config) => constant(given(config)),
    "cosine-annealing": (config) => cosineAnnealing(given(config)),
    "linear-warmup": ({ steps, schedule, start }, make) =>
      linearWarmup(Number(steps), make<Schedule>("schedule", schedule), { start: Number(start) }),
    "noam": (config) => noam(given(config)),
    "step": (config) => stepSchedule(given(config)),
  },
  loss: { "cross-entropy": (config) => crossEntropy(given(config)), "l2": () => l2() },
};
