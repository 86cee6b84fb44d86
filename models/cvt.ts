/**
 * The convolutional vision transformer CvT, plain and adaptive: stages that begin with a convolutional token embedding,
 * of blocks whose queries, keys and values are convolutions of the map of tokens.
 *
 * H. Wu et al., "CvT: Introducing Convolutions to Vision Transformers", arXiv 2103.15808. What is adaptive follows
 * "Making Vision Transformers Truly Shift-Equivariant", arXiv 2305.16316.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import type { JsonObject } from "../pipeline/json.ts";
import { foldIn, type Key } from "../pipeline/random.ts";
import { type Tensor, tf } from "./backend/tf.ts";
import { type AdaptiveModules, adaptiveModules, expectImageSize } from "./layers/adaptive_modules.ts";
import { collectChoice, type SlidingWindow, stridedSize, windowsOf } from "./layers/adaptive_stride.ts";
import { isBatchNormBuffer } from "./layers/batch_norm.ts";
import {
  type ConvTokenEmbedding,
  convTokenEmbedding,
  type ConvTokenEmbeddingParams,
  initConvTokenEmbedding,
} from "./layers/conv_token_embedding.ts";
import {
  type CvtBlock,
  cvtBlock,
  cvtBlockMultiplyAdds,
  type CvtBlockParams,
  initCvtBlock,
} from "./layers/cvt_block.ts";
import { initNormal } from "./layers/initial_values.ts";
import { initLayerNorm, layerNorm, type LayerNormParams } from "./layers/layer_norm.ts";
import { linear, type LinearParams } from "./layers/linear.ts";
import { pixelImage, pixelShape } from "./layers/pixel_image.ts";
import {
  expectHeads,
  expectPositive,
  expectRate,
  expectStages,
  expectWindows,
  growingRates,
} from "./layers/stage_options.ts";
import { within } from "./layers/within.ts";
import type { ApplyOptions, Architecture, Model, ModelShape, Params } from "./model.ts";

const NAME = "cvt";

/**
 * Modules of a CvT that can be adaptive: `embedding`, the strides of token embeddings; `keys`, those of keys and values;
 * `padding`, all convolutions, which then go on around the border.
 */
export type CvtModule = "embedding" | "keys" | "padding";

const MODULES: readonly CvtModule[] = ["embedding", "keys", "padding"];

/** Sizes and parts of {@linkcode cvt}; lists have an entry a stage. */
export interface CvtOptions {
  /** Embed dim of a token. Default `[64, 128, 192]`. */
  readonly embed?: readonly number[];
  /** Blocks. Default `[1, 2, 4]`. */
  readonly depths?: readonly number[];
  /** Heads of attention, which divide the embed dim. Default `[1, 2, 3]`. */
  readonly heads?: readonly number[];
  /** Rows and columns of the windows of token embeddings. Default `[3, 3, 3]`. */
  readonly kernelSizes?: readonly number[];
  /** Strides of token embeddings. Default `[2, 2, 1]`: grids of 14 and 7 for images of 28 pixels, 16 and 8 for 32. */
  readonly strides?: readonly number[];
  /** Pixels of the first window that lie before the map. Default `[1, 1, 1]`. */
  readonly paddings?: readonly number[];
  /** Strides of keys and values. Default `[2, 1, 1]`. */
  readonly keyStrides?: readonly number[];
  /** Hidden units of the perceptron of a block as a multiple of the embed dim. Default 4. */
  readonly mlpRatio?: number;
  /**
   * What the head sees: a class token, which there is in the last stage then, or the mean of all tokens. Default
   * `token`, or `mean` if a module is adaptive.
   */
  readonly pooling?: "token" | "mean";
  /** Rate at which the last block's paths are dropped in training; it grows from 0 block by block. Default 0. */
  readonly dropPath?: number;
  /** Which modules are adaptive: all, none, or all but those that are named as false. Default none. */
  readonly adaptive?: boolean | Partial<AdaptiveModules<CvtModule>>;
  /** What an adaptive stride takes as energy of a map: `Σ |x|^p`. Default `p` 2. */
  readonly energy?: { readonly p?: number };
}

type Settings = Required<Omit<CvtOptions, "adaptive" | "energy">> & {
  readonly adaptive: AdaptiveModules<CvtModule>;
  readonly energy: { readonly p: number };
};

/** A stage for images of a size. */
interface Stage {
  readonly embedding: ConvTokenEmbedding;
  readonly blocks: readonly CvtBlock[];
  /** The size of the map that comes in. */
  readonly before: readonly [height: number, width: number];
}

type StageParams = {
  readonly embedding: ConvTokenEmbeddingParams;
  readonly blocks: { readonly [index: string]: CvtBlockParams };
};

type CvtParams = {
  readonly stages: { readonly [index: string]: StageParams };
  readonly classToken?: Tensor;
  readonly norm: LayerNormParams;
  readonly head: LinearParams;
};

type MapShape = [batch: number, height: number, width: number, channels: number];

/** Standard deviation of fresh class tokens and weights of linear layers, as the authors'. */
const DEVIATION = 0.02;

const PUBLISHED = {
  embed: [64, 192, 384],
  heads: [1, 3, 6],
  kernelSizes: [7, 3, 3],
  strides: [4, 2, 2],
  paddings: [2, 1, 1],
  keyStrides: [2, 2, 2],
} as const;

/** CvT-13, for images of 224 pixels; see {@linkcode cvt}. Adaptive, it takes multiples of 32 pixels. */
export function cvt13(options: CvtOptions = {}): Architecture {
  return cvt({ ...PUBLISHED, depths: [1, 2, 10], ...options });
}

/** CvT-21, for images of 224 pixels; see {@linkcode cvt}. Adaptive, it takes multiples of 32 pixels. */
export function cvt21(options: CvtOptions = {}): Architecture {
  return cvt({ ...PUBLISHED, depths: [1, 4, 16], ...options });
}

/** A CvT of a block a stage and less than 300 thousand parameters, for images of 28 or 32 pixels; see {@linkcode cvt}. */
export function cvtMicro(options: CvtOptions = {}): Architecture {
  return cvt({ embed: [32, 64, 96], depths: [1, 1, 1], mlpRatio: 2, ...options });
}

/**
 * A CvT, whose tokens are to be pixels. With the options left out it suits images of 28 or 32 pixels. GELU is exact, as in
 * the paper; the authors' code approximates it by a logistic function.
 *
 * With `adaptive: true`, no class token needed, a circular shift of the image leaves the logits as they are: windows go
 * on around the border, each strided convolution keeps the polyphase of most energy, and keys and values those of one
 * polyphase. Nothing is learned for it, so both have the same parameters but for the class token.
 *
 * `collect` is handed maps of tokens `[batch, height, width, embed]`, `stages.0.embedding`, `stages.0.blocks.0` and so on;
 * for each adaptive stride above 1 which polyphase it kept, row and column, `stages.0.embedding.phase` `[batch, 2]`, and
 * how much less energy the second best had as a share of the best, `stages.0.embedding.gap` `[batch]`, likewise
 * `stages.0.blocks.0.attention.keys.phase` and `.gap`; and `code` `[batch, embed]`.
 *
 * @throws {PolyphaseError} if the options do not fit each other; `build` throws one if tokens are not pixels, or an
 * adaptive stride does not divide its map
 */
export function cvt(options: CvtOptions = {}): Architecture {
  const settings = resolve(options);
  const config: JsonObject = { name: NAME, ...settings };
  return { name: NAME, config, build: (shape) => build(settings, config, shape) };
}

function resolve(options: CvtOptions): Settings {
  const { embed = [64, 128, 192], depths = [1, 2, 4], heads = [1, 2, 3] } = options;
  const { kernelSizes = [3, 3, 3], strides = [2, 2, 1], paddings = [1, 1, 1], keyStrides = [2, 1, 1] } =
    options;
  const { mlpRatio = 4, dropPath = 0, energy: { p = 2 } = {} } = options;
  const adaptive = adaptiveModules(NAME, MODULES, options.adaptive);
  const { pooling = Object.values(adaptive).some(Boolean) ? "mean" : "token" } = options;
  expectStages(NAME, { embed, depths, heads, kernelSizes, strides, keyStrides });
  expectStages(NAME, { embed, paddings }, 0);
  expectHeads(NAME, embed, heads);
  expectWindows(NAME, kernelSizes, paddings);
  expectPositive(NAME, "mlpRatio", mlpRatio, 4);
  expectPositive(NAME, "energy.p", p, 2);
  expectRate(NAME, "dropPath", dropPath);
  if (pooling !== "token" && pooling !== "mean") {
    throw new PolyphaseError(`${NAME} got pooling "${pooling}", expected token or mean: choose one of them`);
  }
  const lists = { embed, depths, heads, kernelSizes, strides, paddings, keyStrides };
  return { ...lists, mlpRatio, pooling, dropPath, adaptive, energy: { p } };
}

function build(settings: Settings, config: JsonObject, { grid, classes }: ModelShape): Model {
  const image = pixelShape(NAME, grid);
  const stages = stagesOf(settings, image);
  return {
    name: NAME,
    config,
    init: (key) => init(key, settings, stages, classes),
    apply: (params, tokens, options = {}) =>
      apply(params as CvtParams, settings, stages, pixelImage(tokens, image), options),
    isBuffer: isBatchNormBuffer,
    multiplyAdds: multiplyAddsOf(settings, stages, classes),
  };
}

function stagesOf(settings: Settings, [height, width, channels]: readonly [number, number, number]): Stage[] {
  const { embed, adaptive, energy: { p } } = settings;
  expectImageSize(NAME, [height, width], adaptiveStrides(settings));
  const rates = growingRates(settings.dropPath, settings.depths);
  const circular = adaptive.padding;
  let [size, inputs]: [readonly [number, number], number] = [[height, width], channels];
  return embed.map((outputs, index): Stage => {
    const around = (stride: number, isAdaptive: boolean): SlidingWindow => ({
      kernelSize: 3,
      stride,
      padding: 1,
      circular,
      adaptive: isAdaptive,
    });
    const before = size;
    const embedding = {
      inputs,
      outputs,
      kernelSize: settings.kernelSizes[index],
      stride: settings.strides[index],
      padding: settings.paddings[index],
      circular,
      adaptive: adaptive.embedding,
    };
    size = stridedSize(size, embedding);
    inputs = outputs;
    const block = {
      size,
      p,
      embed: outputs,
      heads: settings.heads[index],
      hidden: Math.round(outputs * settings.mlpRatio),
      queries: around(1, false),
      keys: around(settings.keyStrides[index], adaptive.keys),
    };
    return { embedding, before, blocks: rates[index].map((dropPath) => ({ ...block, dropPath })) };
  });
}

function adaptiveStrides({ adaptive, strides, keyStrides }: Settings): { before: number; stride: number }[] {
  let before = 1;
  return strides.flatMap((stride, index) => {
    const found = adaptive.embedding ? [{ before, stride }] : [];
    before *= stride;
    return adaptive.keys ? [...found, { before, stride: keyStrides[index] }] : found;
  });
}

function init(key: Key, { pooling }: Settings, stages: readonly Stage[], classes: number): Params {
  const features = stages.at(-1)!.embedding.outputs;
  const params: CvtParams = {
    stages: Object.fromEntries(stages.map(({ embedding, blocks }, stage) => {
      const of = (name: string) => foldIn(key, `stages.${stage}.${name}`);
      return [stage, {
        embedding: initConvTokenEmbedding(of("embedding"), embedding),
        blocks: Object.fromEntries(
          blocks.map((block, index) => [index, initCvtBlock(of(`blocks.${index}`), block)]),
        ),
      }];
    })),
    ...pooling === "token"
      ? { classToken: initNormal(foldIn(key, "classToken"), [1, features], DEVIATION) }
      : {},
    norm: initLayerNorm(features),
    head: {
      weight: initNormal(foldIn(key, "head"), [features, classes], DEVIATION),
      bias: tf.zeros([classes]),
    },
  };
  return params as Params;
}

function apply(
  params: CvtParams,
  { pooling, dropPath, energy: { p } }: Settings,
  stages: readonly Stage[],
  image: Tensor,
  { training = false, key, collect, update }: ApplyOptions,
): Tensor {
  if (training && dropPath > 0 && key === undefined) {
    throw new PolyphaseError(`${NAME} got no key to drop by in training: give a key, or set dropPath: 0`);
  }
  const chance = training && dropPath > 0 ? key : undefined;
  // What is handed out must outlive the part that made it, and so must new running statistics.
  const scoped = (make: () => Tensor) => training || collect !== undefined ? make() : tf.tidy(make);
  const last = stages.length - 1;
  let x = image;
  stages.forEach(({ embedding, blocks }, stage) => {
    const here = params.stages[stage];
    x = scoped(() => {
      const { output, choice } = convTokenEmbedding(here.embedding, x, embedding, p);
      collectChoice({ collect }, `stages.${stage}.embedding`, choice);
      return output;
    });
    collect?.(`stages.${stage}.embedding`, x);
    const shape = x.shape as MapShape;
    const token = stage === last ? params.classToken : undefined;
    x = scoped(() => {
      const tokens = tf.reshape(x, [shape[0], shape[1] * shape[2], shape[3]]);
      return token === undefined ? tokens : tf.concat([tf.mul(token, tf.ones([shape[0], 1, 1])), tokens], 1);
    });
    blocks.forEach((block, index) => {
      const name = `stages.${stage}.blocks.${index}`;
      const options = within({ training, collect, update, key: chance && foldIn(chance, name) }, name);
      x = scoped(() => cvtBlock(here.blocks[index], x, block, options));
      collect?.(name, tf.reshape(token === undefined ? x : tf.slice(x, [0, 1, 0]), shape));
    });
    if (stage !== last) x = tf.reshape(x, shape);
  });
  const code = scoped(() => {
    if (pooling === "mean") return tf.mean(layerNorm(params.norm, x), 1);
    return layerNorm(params.norm, tf.squeeze(tf.slice(x, [0, 0, 0], [-1, 1, -1]), [1]));
  });
  collect?.("code", code);
  return linear(params.head, code);
}

function multiplyAddsOf({ pooling }: Settings, stages: readonly Stage[], classes: number): number {
  const last = stages.length - 1;
  const sum = stages.reduce((sum, { embedding, blocks, before }, stage) => {
    const { kernelSize, inputs, outputs } = embedding;
    const hasToken = stage === last && pooling === "token";
    const each = blocks.map((block) => cvtBlockMultiplyAdds(block, hasToken));
    return sum + windowsOf(before, embedding) * kernelSize ** 2 * inputs * outputs +
      each.reduce((total, one) => total + one, 0);
  }, 0);
  return sum + stages[last].embedding.outputs * classes;
}
