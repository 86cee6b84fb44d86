/**
 * The multiscale vision transformer MViTv2, plain and adaptive: a convolution of overlapping patches, and stages whose
 * first block makes the map of tokens smaller and wider by pooling its queries.
 *
 * Y. Li et al., "MViTv2: Improved Multiscale Vision Transformers for Classification and Detection", arXiv 2112.01526.
 * What is adaptive follows "Making Vision Transformers Truly Shift-Equivariant", arXiv 2305.16316.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import type { JsonObject } from "../pipeline/json.ts";
import { foldIn, type Key } from "../pipeline/random.ts";
import { type Tensor, tf } from "./backend/tf.ts";
import { type AdaptiveModules, adaptiveModules, expectImageSize } from "./layers/adaptive_modules.ts";
import {
  collectChoice,
  type SlidingWindow,
  strided,
  stridedSize,
  windowsOf,
} from "./layers/adaptive_stride.ts";
import { conv2d, type Conv2dParams, initConv2d } from "./layers/conv2d.ts";
import { initNormal } from "./layers/initial_values.ts";
import { initLayerNorm, layerNorm, type LayerNormParams } from "./layers/layer_norm.ts";
import { linear, type LinearParams } from "./layers/linear.ts";
import {
  initMultiscaleBlock,
  type MultiscaleBlock,
  multiscaleBlock,
  multiscaleBlockMultiplyAdds,
  type MultiscaleBlockParams,
} from "./layers/multiscale_block.ts";
import { pixelImage, pixelShape } from "./layers/pixel_image.ts";
import { MVIT_EPSILON } from "./layers/pooling_attention.ts";
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
import { mvitV2TorchLayouts } from "./mvit_v2_torch.ts";

const NAME = "mvit-v2";

/**
 * Modules of an MViTv2 that can be adaptive: `embedding`, the stride of the patch embedding; `queries`, the strides of
 * queries, which the map follows; `keys`, those of keys and values; `positions`, relative positions, which then go around
 * the border; `padding`, all convolutions and maxima, which likewise do.
 */
export type MvitV2Module = "embedding" | "queries" | "keys" | "positions" | "padding";

const MODULES: readonly MvitV2Module[] = ["embedding", "queries", "keys", "positions", "padding"];

/** Sizes and parts of {@linkcode mvitV2}; lists have an entry a stage. */
export interface MvitV2Options {
  /** Embed dim of a token. Default `[64, 128, 192]`. */
  readonly embed?: readonly number[];
  /** Blocks. Default `[1, 2, 3]`. */
  readonly depths?: readonly number[];
  /** Heads of attention, which divide the embed dim. Default `[1, 2, 3]`. */
  readonly heads?: readonly number[];
  /** Rows and columns of the windows that patches are. Default 3. */
  readonly patchSize?: number;
  /** Pixels from patch to patch. Default 2. */
  readonly patchStride?: number;
  /** Pixels of the first patch that lie before the image. Default 1. */
  readonly patchPadding?: number;
  /** Strides of the queries of the first block. Default `[1, 2, 1]`: grids of 14 and 7 for images of 28 pixels. */
  readonly queryStrides?: readonly number[];
  /** Strides of keys and values of all blocks. Default `[2, 1, 1]`. */
  readonly keyStrides?: readonly number[];
  /** Hidden units of the perceptron of a block as a multiple of the embed dim. Default 4. */
  readonly mlpRatio?: number;
  /** Rate at which the last block's paths are dropped in training; it grows from 0 block by block. Default 0. */
  readonly dropPath?: number;
  /** Which modules are adaptive: all, none, or all but those that are named as false. Default none. */
  readonly adaptive?: boolean | Partial<AdaptiveModules<MvitV2Module>>;
  /** What an adaptive stride takes as energy of a map: `Σ |x|^p`. Default `p` 2. */
  readonly energy?: { readonly p?: number };
}

type Settings = Required<Omit<MvitV2Options, "adaptive" | "energy">> & {
  readonly adaptive: AdaptiveModules<MvitV2Module>;
  readonly energy: { readonly p: number };
};

/** The network for images of a size. */
interface Plan {
  readonly image: readonly [height: number, width: number, channels: number];
  readonly patches: SlidingWindow;
  readonly blocks: readonly (readonly [name: string, block: MultiscaleBlock])[];
}

type MvitV2Params = {
  readonly patchEmbedding: Conv2dParams;
  readonly stages: {
    readonly [stage: string]: { readonly blocks: { readonly [index: string]: MultiscaleBlockParams } };
  };
  readonly norm: LayerNormParams;
  readonly head: LinearParams;
};

/** Standard deviation of fresh weights of linear layers. */
const DEVIATION = 0.02;

const PUBLISHED = {
  embed: [96, 192, 384, 768],
  heads: [1, 2, 4, 8],
  patchSize: 7,
  patchStride: 4,
  patchPadding: 3,
  queryStrides: [1, 2, 2, 2],
  keyStrides: [4, 2, 1, 1],
} as const;

/** MViTv2-T, for images of 224 pixels; see {@linkcode mvitV2}. Adaptive, it takes multiples of 32 pixels. */
export function mvitV2Tiny(options: MvitV2Options = {}): Architecture {
  return mvitV2({ ...PUBLISHED, depths: [1, 2, 5, 2], ...options });
}

/** MViTv2-S, for images of 224 pixels; see {@linkcode mvitV2}. Adaptive, it takes multiples of 32 pixels. */
export function mvitV2Small(options: MvitV2Options = {}): Architecture {
  return mvitV2({ ...PUBLISHED, depths: [1, 2, 11, 2], ...options });
}

/** MViTv2-B, for images of 224 pixels; see {@linkcode mvitV2}. Adaptive, it takes multiples of 32 pixels. */
export function mvitV2Base(options: MvitV2Options = {}): Architecture {
  return mvitV2({ ...PUBLISHED, depths: [2, 3, 16, 3], ...options });
}

/**
 * An MViTv2 of a block a stage and less than 300 thousand parameters, for images of 28 or 32 pixels; see
 * {@linkcode mvitV2}.
 */
export function mvitV2Micro(options: MvitV2Options = {}): Architecture {
  return mvitV2({ embed: [32, 64, 96], depths: [1, 1, 1], mlpRatio: 2, ...options });
}

/**
 * An MViTv2, whose tokens are to be pixels. With the options left out it suits images of 28 or 32 pixels. There is no class
 * token: the head sees the mean of all tokens.
 *
 * With `adaptive: true` a circular shift of the image leaves the logits as they are: windows go on around the border, each
 * strided convolution keeps the polyphase of most energy, and relative positions are distances around the border between
 * the pixels that queries and keys were pooled at. But for the number of those distances both have the same parameters.
 *
 * `collect` is handed maps of tokens `[batch, height, width, embed]`, `embedding`, `stages.0.blocks.0` and so on; for each
 * adaptive stride above 1 which polyphase it kept, row and column, `embedding.phase` `[batch, 2]`, and how much less energy
 * the second best had as a share of the best, `embedding.gap` `[batch]`, likewise
 * `stages.1.blocks.0.attention.queries.phase`, `stages.0.blocks.0.attention.keys.phase` and their `.gap`; and `code`
 * `[batch, embed]`.
 *
 * @throws {PolyphaseError} if the options do not fit each other; `build` throws one if tokens are not pixels, or an
 * adaptive stride does not divide its map
 */
export function mvitV2(options: MvitV2Options = {}): Architecture {
  const settings = resolve(options);
  const config: JsonObject = { name: NAME, ...settings };
  return { name: NAME, config, build: (shape) => build(settings, config, shape) };
}

function resolve(options: MvitV2Options): Settings {
  const { embed = [64, 128, 192], depths = [1, 2, 3], heads = [1, 2, 3] } = options;
  const { patchSize = 3, patchStride = 2, patchPadding = 1 } = options;
  const { queryStrides = [1, 2, 1], keyStrides = [2, 1, 1] } = options;
  const { mlpRatio = 4, dropPath = 0, energy: { p = 2 } = {} } = options;
  expectStages(NAME, { embed, depths, heads, queryStrides, keyStrides });
  expectStages(NAME, { patchSize: [patchSize], patchStride: [patchStride] });
  expectStages(NAME, { patchPadding: [patchPadding] }, 0);
  expectHeads(NAME, embed, heads);
  expectWindows(NAME, [patchSize], [patchPadding]);
  expectPositive(NAME, "mlpRatio", mlpRatio, 4);
  expectPositive(NAME, "energy.p", p, 2);
  expectRate(NAME, "dropPath", dropPath);
  const sizes = { embed, depths, heads, patchSize, patchStride, patchPadding, queryStrides, keyStrides };
  const adaptive = adaptiveModules(NAME, MODULES, options.adaptive);
  return { ...sizes, mlpRatio, dropPath, adaptive, energy: { p } };
}

function build(settings: Settings, config: JsonObject, { grid, classes }: ModelShape): Model {
  const image = pixelShape(NAME, grid);
  const plan = planOf(settings, image);
  return {
    name: NAME,
    config,
    init: (key) => init(key, settings, plan, classes),
    apply: (params, tokens, options = {}) =>
      apply(params as MvitV2Params, settings, plan, pixelImage(tokens, image), options),
    multiplyAdds: multiplyAddsOf(settings, plan, classes),
    torch: mvitV2TorchLayouts({ ...settings, inputs: image[2], blocks: plan.blocks, classes }),
  };
}

function planOf(settings: Settings, image: readonly [number, number, number]): Plan {
  const { embed, heads, adaptive, queryStrides, keyStrides, energy: { p } } = settings;
  expectImageSize(NAME, [image[0], image[1]], adaptiveStrides(settings));
  const rates = growingRates(settings.dropPath, settings.depths);
  const circular = adaptive.padding;
  const around = (stride: number, isAdaptive: boolean): SlidingWindow => ({
    kernelSize: 3,
    stride,
    padding: 1,
    circular,
    adaptive: isAdaptive,
  });
  const patches = {
    kernelSize: settings.patchSize,
    stride: settings.patchStride,
    padding: settings.patchPadding,
    circular,
    adaptive: adaptive.embedding,
  };
  let [size, inputs] = [stridedSize([image[0], image[1]], patches), embed[0]];
  const blocks = rates.flatMap((each, stage) =>
    each.map((dropPath, index) => {
      const block: MultiscaleBlock = {
        inputs,
        embed: embed[stage],
        heads: heads[stage],
        size,
        queries: around(index === 0 ? queryStrides[stage] : 1, adaptive.queries),
        keys: around(keyStrides[stage], adaptive.keys),
        circularPositions: adaptive.positions,
        p,
        hidden: Math.round(embed[stage] * settings.mlpRatio),
        dropPath,
      };
      [size, inputs] = [stridedSize(size, block.queries), block.embed];
      return [`stages.${stage}.blocks.${index}`, block] as const;
    })
  );
  return { image, patches, blocks };
}

function adaptiveStrides(
  { adaptive, depths, patchStride, queryStrides, keyStrides }: Settings,
): { before: number; stride: number }[] {
  const strides = adaptive.embedding ? [{ before: 1, stride: patchStride }] : [];
  let before = patchStride;
  queryStrides.forEach((stride, stage) => {
    const pools = adaptive.queries ? [{ before, stride }] : [];
    const after = before * stride;
    // Keys of the first block are of the map that comes into the stage, those of the others of what it makes of it.
    const maps = depths[stage] === 1 ? [before] : [before, after];
    const looks = adaptive.keys ? maps.map((each) => ({ before: each, stride: keyStrides[stage] })) : [];
    strides.push(...pools, ...looks);
    before = after;
  });
  return strides;
}

function init(key: Key, { embed, patchSize }: Settings, { image, blocks }: Plan, classes: number): Params {
  const features = embed.at(-1)!;
  const stages = embed.map((_, stage) => {
    const own = blocks.filter(([name]) => name.startsWith(`stages.${stage}.`));
    const made = own.map(([name, block], index) => [index, initMultiscaleBlock(foldIn(key, name), block)]);
    return [stage, { blocks: Object.fromEntries(made) }];
  });
  const params: MvitV2Params = {
    patchEmbedding: initConv2d(foldIn(key, "patchEmbedding"), {
      kernelSize: patchSize,
      inputs: image[2],
      outputs: embed[0],
    }),
    stages: Object.fromEntries(stages),
    norm: initLayerNorm(features),
    head: {
      weight: initNormal(foldIn(key, "head"), [features, classes], DEVIATION),
      bias: tf.zeros([classes]),
    },
  };
  return params as Params;
}

function apply(
  params: MvitV2Params,
  { dropPath, energy: { p } }: Settings,
  { patches, blocks }: Plan,
  image: Tensor,
  { training = false, key, collect }: ApplyOptions,
): Tensor {
  if (training && dropPath > 0 && key === undefined) {
    throw new PolyphaseError(`${NAME} got no key to drop by in training: give a key, or set dropPath: 0`);
  }
  const chance = training && dropPath > 0 ? key : undefined;
  // What is handed out must outlive the part that made it.
  const scoped = (make: () => Tensor) => collect === undefined ? tf.tidy(make) : make();
  let x = scoped(() => {
    const slide = (map: Tensor, placing: Parameters<typeof conv2d>[2]) =>
      conv2d(params.patchEmbedding, map, placing);
    const { output, choice } = strided(image, patches, slide, { p });
    collectChoice({ collect }, "embedding", choice);
    return output;
  });
  collect?.("embedding", x);
  for (const [name, block] of blocks) {
    const [, stage, , index] = name.split(".");
    const options = within({ collect, key: chance && foldIn(chance, name) }, name);
    x = scoped(() => multiscaleBlock(params.stages[stage].blocks[index], x, block, options));
    collect?.(name, x);
  }
  const code = scoped(() => {
    const normalized = layerNorm(params.norm, x, { epsilon: MVIT_EPSILON });
    const [batch, height, width, embed] = x.shape as [number, number, number, number];
    return tf.mean(tf.reshape(normalized, [batch, height * width, embed]), 1);
  });
  collect?.("code", code);
  return linear(params.head, code);
}

function multiplyAddsOf(
  { embed, patchSize }: Settings,
  { image: [height, width, channels], patches, blocks }: Plan,
  classes: number,
): number {
  const embedding = windowsOf([height, width], patches) * patchSize ** 2 * channels * embed[0];
  const sum = blocks.reduce((total, [, block]) => total + multiscaleBlockMultiplyAdds(block), 0);
  return embedding + sum + embed.at(-1)! * classes;
}
