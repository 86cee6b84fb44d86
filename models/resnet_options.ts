/**
 * Options of residual networks: what they mean when left out, and which of them go together.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import type { JsonObject } from "../pipeline/json.ts";
import { expectFilterSize, type PaddingMode } from "./layers/blur_pool.ts";
import type { DownsampleRule } from "./layers/downsample.ts";

/** Number of layers with weights on the longest path, as in the paper. */
export type ResnetDepth = 18 | 34 | 50 | 101 | 152;

/** What the image goes through first. */
export type ResnetStem = "imagenet" | "cifar";

/** How images are made smaller. */
export type ResnetDownsample = "stride" | "blur" | "aps" | "lps";

/** Options of the residual networks of a given depth. */
export interface ResnetOptions {
  /**
   * Features of a linear layer between the mean over pixels and the one that makes logits, with nothing between the two.
   * Default none: logits are made straight of the mean.
   */
  readonly code?: number;
  /**
   * `imagenet` halves the image twice, by a 7×7 convolution and a 3×3 maximum; `cifar` leaves its size as it is, with a
   * 3×3 convolution and no maximum, which suits images of 32 pixels. Default `imagenet`.
   */
  readonly stem?: ResnetStem;
  /** Channels of stem and first stage; each stage has twice as many as the one before. Default 64. */
  readonly width?: number;
  /**
   * Whether each block's last batch norm starts at 0, so that blocks start as identity (arXiv 1706.02677). Default false.
   */
  readonly zeroInitResidual?: boolean;
  /**
   * How images are made smaller. `stride`: convolutions and maximum stride, as in torchvision. The others do it after a
   * convolution or a maximum of stride 1 and the ReLU: `blur` by a fixed low-pass filter with stride (arXiv 1904.11486);
   * `aps` by keeping the polyphase of most energy (arXiv 2011.14214); `lps` by keeping the polyphase of greatest learned
   * logit, and in training a mixture of them by Gumbel-softmax (arXiv 2210.08001). Both paths of a block keep the same
   * polyphase. Default `stride`.
   */
  readonly downsample?: ResnetDownsample;
  /**
   * What surrounds images where filters reach beyond them. With `circular`, `aps` and `lps` are invariant to every circular
   * shift out of training, up to rounding; with `zero` the border gives the place away. Default `circular` for `aps` and
   * `lps`, else `zero`.
   */
  readonly padding?: PaddingMode;
  /** For `blur`, `aps` and `lps`: rows and columns of the low-pass filter, 1 (none) to 7. Default 4 for `blur`, else 1. */
  readonly filterSize?: number;
  /**
   * For the stem `imagenet` with `blur`, `aps` or `lps`: whether its 7×7 convolution strides all the same, which spares it
   * three windows of four but gives up exact invariance. Default true for `blur`, else false, as in the codes of the
   * papers.
   */
  readonly poolOnly?: boolean;
  /** For `aps`: exponent `p` of the energy `Σ |x|^p`. Default 2. */
  readonly energy?: { readonly p?: number };
  /** For `lps`: temperature of the mixture in training; the lower, the nearer to a single polyphase. Default 1. */
  readonly temperature?: number;
  /** For `lps`: channels of the networks that make logits. Default as many as the map has that they look at. */
  readonly logitChannels?: number;
}

/** Options of `resnet`. */
export interface ResnetDepthOptions extends ResnetOptions {
  /** Number of layers with weights. */
  readonly depth: ResnetDepth;
}

/** Options with nothing left out. */
export interface ResnetSettings {
  /** See {@linkcode ResnetOptions}. */
  readonly code: number | undefined;
  /** See {@linkcode ResnetOptions}. */
  readonly stem: ResnetStem;
  /** See {@linkcode ResnetOptions}. */
  readonly width: number;
  /** See {@linkcode ResnetOptions}. */
  readonly zeroInitResidual: boolean;
  /** What surrounds images. */
  readonly padding: PaddingMode;
  /** How images are made smaller; absent where convolutions stride. */
  readonly rule: DownsampleRule | undefined;
  /** See {@linkcode ResnetOptions}. */
  readonly poolOnly: boolean;
}

/** Which ways of making images smaller an option is for. */
const OWNERS = {
  filterSize: ["blur", "aps", "lps"],
  poolOnly: ["blur", "aps", "lps"],
  energy: ["aps"],
  temperature: ["lps"],
  logitChannels: ["lps"],
} as const satisfies { readonly [option in keyof ResnetOptions]?: readonly ResnetDownsample[] };

/**
 * The options with those left out filled in.
 *
 * @param owner name of the network, for errors
 * @throws {PolyphaseError} if one is not what it may be, or is none for the way that images are made smaller
 */
export function resnetSettings(owner: string, options: ResnetOptions): ResnetSettings {
  const { code, stem = "imagenet", width = 64, zeroInitResidual = false, downsample = "stride" } = options;
  expectOneOf(owner, "stem", stem, ["imagenet", "cifar"]);
  expectOneOf(owner, "downsample", downsample, ["stride", "blur", "aps", "lps"]);
  expectOwned(owner, options, downsample);
  const isAdaptive = downsample === "aps" || downsample === "lps";
  const { padding = isAdaptive ? "circular" : "zero", logitChannels } = options;
  expectOneOf(owner, "padding", padding, ["zero", "circular"]);
  expectSizes(owner, { code, width, logitChannels });
  if (stem === "cifar" && options.poolOnly !== undefined) {
    throw new PolyphaseError(
      `${owner} got poolOnly with the stem for CIFAR, which does not stride: leave poolOnly out`,
    );
  }
  return {
    code,
    stem,
    width,
    zeroInitResidual,
    padding,
    rule: ruleOf(owner, downsample, padding, options),
    poolOnly: options.poolOnly ?? downsample === "blur",
  };
}

/** The options as plain data, with `null` for what is not given and has no meaning here. */
export function resnetConfig(
  { code, stem, width, zeroInitResidual, padding, rule, poolOnly }: ResnetSettings,
): JsonObject {
  const shared = { code: code ?? null, stem, width, zeroInitResidual };
  // What torchvision's has is left unsaid, so that the ids of its runs are what they were before there was a choice.
  if (rule === undefined) return padding === "zero" ? shared : { ...shared, padding };
  const sampled = {
    ...shared,
    downsample: rule.kind,
    padding,
    filterSize: rule.filterSize,
    ...(stem === "imagenet" ? { poolOnly } : {}),
  };
  if (rule.kind === "blur") return sampled;
  return rule.kind === "aps"
    ? { ...sampled, energy: { p: rule.p } }
    : { ...sampled, temperature: rule.temperature, logitChannels: rule.logitChannels ?? null };
}

function ruleOf(
  owner: string,
  kind: ResnetDownsample,
  padding: PaddingMode,
  { filterSize = kind === "blur" ? 4 : 1, energy = {}, temperature = 1, logitChannels }: ResnetOptions,
): DownsampleRule | undefined {
  if (kind === "stride") return undefined;
  expectFilterSize(owner, filterSize);
  if (kind === "blur") return { kind, filterSize, padding };
  const { p = 2 } = energy;
  expectPositive(owner, "energy exponent p", p);
  expectPositive(owner, "temperature", temperature);
  return kind === "aps"
    ? { kind, filterSize, padding, p }
    : { kind, filterSize, padding, temperature, logitChannels };
}

function expectOneOf(owner: string, name: string, value: string, known: readonly string[]): void {
  if (known.includes(value)) return;
  const listed = known.map((each) => `"${each}"`).join(known.length === 2 ? " or " : ", ");
  throw new PolyphaseError(`${owner} got ${name} "${value}", expected ${listed}: choose one`);
}

function expectOwned(owner: string, options: ResnetOptions, downsample: ResnetDownsample): void {
  for (const [name, owners] of Object.entries(OWNERS)) {
    const given = options[name as keyof typeof OWNERS] !== undefined;
    if (!given || owners.some((each) => each === downsample)) continue;
    throw new PolyphaseError(
      `${owner} got ${name} with downsample "${downsample}", expected it with ${
        owners.join(", ")
      }: leave it out`,
    );
  }
}

function expectSizes(owner: string, sizes: Readonly<Record<string, number | undefined>>): void {
  for (const [name, size] of Object.entries(sizes)) {
    if (size === undefined || (Number.isInteger(size) && size > 0)) continue;
    throw new PolyphaseError(
      `${owner} got ${name} ${size}, expected a whole number of 1 or more: give one, or leave it out`,
    );
  }
}

function expectPositive(owner: string, name: string, value: number): void {
  if (value > 0 && Number.isFinite(value)) return;
  throw new PolyphaseError(
    `${owner} got ${name} ${value}, expected a number above 0: give one, or leave it out`,
  );
}
