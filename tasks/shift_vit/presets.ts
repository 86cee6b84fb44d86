/**
 * The recipes of `shift-vit`: sizes, optimizers and budgets, each with its reason.
 *
 * `fashion` was sized by the CPU time of a step and of a forward pass of each model on one core. `cifar10` and `cifar100`
 * take the recipes of published code: that of adaptive polyphase sampling for residual networks (A. Chaman and
 * I. Dokmanić, arXiv 2011.14214), and for transformers that of polyphase anchoring on ImageNet (arXiv 2306.07470). They
 * claim nothing about the recipe of the paper on adaptive transformers (arXiv 2305.16316).
 *
 * @module
 */

/** Sizes of the models of a preset. */
export interface ModelSizes {
  /** Rows and columns of pixels of the images that transformers take. */
  readonly image: number;
  /** Vision transformers. */
  readonly vit: {
    readonly patch: number;
    readonly layers: number;
    readonly heads: number;
    readonly embed: number;
    readonly mlp: number;
  };
  /** Swin and Swin V2. */
  readonly swin: {
    readonly patch: number;
    readonly embed: number;
    readonly depths: readonly number[];
    readonly heads: readonly number[];
    readonly window: number;
    readonly mlpRatio: number;
    readonly dropPath?: number;
  };
  /** CvT. */
  readonly cvt: {
    readonly embed: readonly number[];
    readonly depths: readonly number[];
    readonly heads: readonly number[];
    readonly strides: readonly number[];
    readonly keyStrides: readonly number[];
    readonly mlpRatio: number;
    readonly dropPath?: number;
  };
  /** MViTv2. */
  readonly mvitV2: {
    readonly embed: readonly number[];
    readonly depths: readonly number[];
    readonly heads: readonly number[];
    readonly patchStride: number;
    readonly queryStrides: readonly number[];
    readonly keyStrides: readonly number[];
    readonly mlpRatio: number;
    readonly dropPath?: number;
  };
  /** Residual networks, with the stem for CIFAR. */
  readonly resnet: {
    /** Rows and columns of pixels of the images that they take: a multiple of their three strides, 8. */
    readonly image: number;
    readonly width: number;
  };
}

/** How a family of models is optimized. Plain data. */
export type Recipe =
  & {
    /** Clips gradients to this norm. */
    readonly clip?: number;
    /** Share of the labels that is spread over all classes. */
    readonly labelSmoothing?: number;
    /** Whether training images are mirrored left to right at random. */
    readonly flip?: boolean;
  }
  & (
    | {
      readonly optimizer: "adamw";
      readonly learningRate: number;
      readonly weightDecay: number;
      /** Share of all steps in which the learning rate rises from 0. */
      readonly warmup: number;
      /** Learning rate at the end of the cosine, as a share of the greatest. */
      readonly minFactor: number;
    }
    | {
      readonly optimizer: "sgd";
      readonly learningRate: number;
      readonly weightDecay: number;
      readonly momentum: number;
      /** Epochs from one fall of the learning rate to a tenth to the next. */
      readonly everyEpochs: number;
    }
  );

/** What is not said on the command line. */
export interface Preset {
  /** What it is for, in a line. */
  readonly about: string;
  /** Name of the data set. */
  readonly dataset: string;
  /** Training images; all if left out. */
  readonly trainSize?: number;
  /** Test images; all if left out. */
  readonly testSize?: number;
  /** Training images seen, after which to stop. */
  readonly maxInputs?: number;
  /** Passes over the training images, where there is no number of inputs. */
  readonly epochs?: number;
  /** Images a step. */
  readonly batchSize: number;
  /** Seeds. */
  readonly seeds: readonly number[];
  /** Models. */
  readonly models: readonly string[];
  /** Test images that every circular offset is tried on. */
  readonly offsetImages: number;
  /** Sizes of the models. */
  readonly sizes: ModelSizes;
  /** How transformers are optimized. */
  readonly transformers: Recipe;
  /** How residual networks are optimized. */
  readonly resnets: Recipe;
}

/** Names of the presets. */
export const PRESET_NAMES = ["quick", "fashion", "cifar10", "cifar100"] as const;

/** Name of a preset. */
export type PresetName = typeof PRESET_NAMES[number];

/** For small models and few steps: a high rate, reached slowly, that is at 0 when the budget is spent. */
const SMALL_MODELS: Recipe = {
  optimizer: "adamw",
  // Higher than for large models, since there are few steps.
  learningRate: 1e-3,
  // As in recipes for large transformers.
  weightDecay: 0.05,
  // The first steps of AdamW are long, before it knows how large gradients are.
  warmup: 0.1,
  // A run that ends at rate 0 can be compared at its end, with no noise of the last steps.
  minFactor: 0,
  // Adaptive grids jump while the embedding changes: no such batch is to undo the steps before it.
  clip: 1,
};

/** CvT and MViTv2 whose maps are a half, a quarter and a quarter of the image a side. */
function convolutional(
  stages: Pick<ModelSizes["cvt"], "embed" | "depths" | "heads" | "mlpRatio" | "dropPath">,
): Pick<ModelSizes, "cvt" | "mvitV2"> {
  const keyStrides = [2, 1, 1];
  return {
    cvt: { ...stages, strides: [2, 2, 1], keyStrides },
    mvitV2: { ...stages, patchStride: 2, queryStrides: [1, 2, 1], keyStrides },
  };
}

const CIFAR_MAPS = convolutional({
  embed: [64, 128, 192],
  depths: [1, 2, 3],
  heads: [1, 2, 3],
  mlpRatio: 4,
  dropPath: 0.1,
});

const CIFAR_SIZES: ModelSizes = {
  image: 32,
  // 64 tokens; 2.7 million parameters.
  vit: { patch: 4, layers: 6, heads: 6, embed: 192, mlp: 768 },
  // 16×16 tokens in windows of 8, then 8×8 in one window: the sizes of swinMini, 1.2 million parameters.
  swin: { patch: 2, embed: 96, depths: [2, 2], heads: [3, 6], window: 8, mlpRatio: 4, dropPath: 0.1 },
  // Maps of 16, 8 and 8 pixels a side.
  ...CIFAR_MAPS,
  cvt: { ...CIFAR_MAPS.cvt, depths: [1, 2, 4] },
  // The published width.
  resnet: { image: 32, width: 64 },
};

/** Rates, decay, warm-up, floor, smoothing and drop path of the ImageNet recipe of polyphase anchoring. */
const CIFAR_TRANSFORMERS: Recipe = {
  optimizer: "adamw",
  learningRate: 5e-4,
  weightDecay: 0.05,
  // 20 of 300 epochs.
  warmup: 20 / 300,
  // From 5e-4 to 5e-6.
  minFactor: 0.01,
  labelSmoothing: 0.1,
  // As in the recipe below, so that both families see the same images.
  flip: true,
};

/** The CIFAR-10 recipe of adaptive polyphase sampling, but for its choice of the best epoch on held-out images. */
const CIFAR_RESNETS: Recipe = {
  optimizer: "sgd",
  learningRate: 0.1,
  momentum: 0.9,
  weightDecay: 5e-4,
  everyEpochs: 100,
  flip: true,
};

const CIFAR = {
  // Those of adaptive polyphase sampling, for all models, so that all take the same number of steps.
  batchSize: 256,
  epochs: 250,
  seeds: [0, 1, 2],
  models: [
    "vit",
    "a-vit",
    "swin",
    "a-swin",
    "swin-v2",
    "a-swin-v2",
    "cvt",
    "a-cvt",
    "mvit-v2",
    "a-mvit-v2",
    "resnet18",
    "resnet18-aps",
    "resnet18-lps",
    "resnet18-blurpool",
  ],
  // Of all 1024 offsets: as many forward passes as the test set has, ten times over.
  offsetImages: 100,
  sizes: CIFAR_SIZES,
  transformers: CIFAR_TRANSFORMERS,
  resnets: CIFAR_RESNETS,
} as const;

/** The presets by name. */
export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  quick: {
    about: "tiny models on a thousand images of 16 pixels: a look at everything in a minute or two",
    dataset: "fashion-mnist",
    trainSize: 1000,
    testSize: 200,
    // Six epochs: enough to tell some garments apart, and so for plain models to lose by shifts.
    maxInputs: 6000,
    batchSize: 32,
    seeds: [0],
    models: ["vit", "a-vit", "swin", "a-swin", "resnet18", "resnet18-aps", "vit+shift"],
    offsetImages: 24,
    sizes: {
      // The least size that patches of 4, windows of 4 on patches of 2, and three strides of 2 all divide.
      image: 16,
      vit: { patch: 4, layers: 2, heads: 2, embed: 32, mlp: 64 },
      swin: { patch: 2, embed: 16, depths: [2, 2], heads: [2, 4], window: 4, mlpRatio: 2 },
      ...convolutional({ embed: [16, 24, 32], depths: [1, 1, 1], heads: [1, 2, 2], mlpRatio: 2 }),
      resnet: { image: 16, width: 4 },
    },
    transformers: SMALL_MODELS,
    resnets: SMALL_MODELS,
  },
  fashion: {
    about: "models of 0.1 to 0.2 million parameters on Fashion-MNIST: about an hour on two cores",
    dataset: "fashion-mnist",
    // An accuracy of 0.85 on 2000 images has a standard error of 0.8 points; every image is seen some 30 times, shifted,
    // flipped or erased, so more would take longer than training.
    testSize: 2000,
    // 1250 steps, two thirds of an epoch. Eight models of three seeds, each for two to five minutes of a core: small
    // batches, so that there are as many steps as that allows.
    maxInputs: 40_000,
    batchSize: 32,
    seeds: [0, 1, 2],
    models: [
      "vit",
      "a-vit",
      "swin",
      "a-swin",
      "resnet18",
      "resnet18-aps",
      "resnet18-blurpool",
      "vit+shift",
    ],
    // Of all 784 offsets, 1024 for residual networks: some 40,000 to 50,000 forward passes, half a minute to a minute.
    offsetImages: 50,
    sizes: {
      image: 28,
      // 49 tokens; 0.20 million parameters.
      vit: { patch: 4, layers: 4, heads: 4, embed: 64, mlp: 256 },
      // 14×14 tokens in four windows of 7, then 7×7 in one window: the sizes of swinNano, 0.21 million parameters.
      swin: { patch: 2, embed: 40, depths: [2, 2], heads: [2, 4], window: 7, mlpRatio: 4 },
      // Maps of 14, 7 and 7 pixels a side: the sizes of cvtMicro, 0.20 million parameters, and of mvitV2Micro, 0.12
      // million.
      ...convolutional({ embed: [32, 64, 96], depths: [1, 1, 1], heads: [1, 2, 3], mlpRatio: 2 }),
      // 28 is no multiple of 8. An eighth of the published width: 0.18 million parameters.
      resnet: { image: 32, width: 8 },
    },
    transformers: SMALL_MODELS,
    // The same for all, so that optimizers make no difference; residual networks train well with it.
    resnets: SMALL_MODELS,
  },
  cifar10: {
    ...CIFAR,
    about: "larger models and published recipes on CIFAR-10, for a large machine",
    dataset: "cifar10",
  },
  cifar100: {
    ...CIFAR,
    about: "larger models and published recipes on CIFAR-100, for a large machine",
    dataset: "cifar100",
  },
};

/** Training images of the data sets whose number is known ahead, by name. */
export const TRAINING_IMAGES: { readonly [dataset: string]: number } = {
  "fashion-mnist": 60_000,
  "mnist": 60_000,
  "cifar10": 50_000,
  "cifar100": 50_000,
  "synthetic": 2000,
};

/** What pixels are normalized by: measured on the training images of Fashion-MNIST, else what takes [0, 1] to [−1, 1]. */
export function normalizationOf(
  dataset: string,
): { readonly mean: readonly number[]; readonly std: readonly number[] } {
  return dataset === "fashion-mnist" ? { mean: [0.286], std: [0.353] } : { mean: [0.5], std: [0.5] };
}
