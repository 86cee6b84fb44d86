/**
 * Ways to halve a feature map after a convolution of stride 1, instead of a convolution that strides: filtered, and by
 * the polyphase of most energy or of greatest logit.
 *
 * The two paths of a residual block are to be sampled alike, or a shift would move one against the other; so what the
 * first was sampled by is kept for the second.
 *
 * @module
 */

import type { Key } from "../../pipeline/random.ts";
import { detached } from "../backend/ops/differentiable.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import type { ApplyOptions, Params } from "../model.ts";
import { blurPool, type PaddingMode } from "./blur_pool.ts";
import {
  gumbelSoftmax,
  initPhaseLogits,
  likeliestPhase,
  phaseLogits,
  phaseLogitsMultiplyAdds,
} from "./learned_phase.ts";
import { mixPhases, phaseWeights } from "./mix_phases.ts";
import { phaseOfMostEnergy, type Stride } from "./phases.ts";
import { branch } from "./within.ts";

/** What all rules have: a binomial filter before sampling, of one pixel for none, and how maps are padded for it. */
interface Filtered {
  /** Rows and columns of the filter. */
  readonly filterSize: number;
  /** What the map is padded with: `zero` stands for a reflection here, see `blurPool`. */
  readonly padding: PaddingMode;
}

/** How maps are sampled: filtered alone (`blur`), or by the polyphase of most energy (`aps`) or greatest logit (`lps`). */
export type DownsampleRule =
  | Filtered & { readonly kind: "blur" }
  | Filtered & {
    readonly kind: "aps";
    /** Exponent of the energy. */
    readonly p: number;
  }
  | Filtered & {
    readonly kind: "lps";
    /** Temperature of the mixture in training. */
    readonly temperature: number;
    /** Channels of the network that makes logits; as many as the map has if absent. */
    readonly logitChannels?: number;
  };

/** A rule at a place in a network. */
export interface Downsample {
  /** How to sample. */
  readonly rule: DownsampleRule;
  /** Channels of the map. */
  readonly channels: number;
  /** Pixels from one that is kept to the next. */
  readonly stride: number;
}

/** A sampled map, and what another is sampled alike by. */
export interface Downsampled {
  /** `[batch, height / stride, width / stride, channels]`, rounded up where the rule allows for a remainder. */
  readonly output: Tensor;
  /** Weights of the polyphases, `[batch, phases]`; absent where the first of them is always taken. */
  readonly weights?: Tensor;
}

/** Fresh parameters by dotted name: `logits.conv1.weight` and so on for `lps`, else none. */
export function initDownsample(key: Key, unit: Downsample): [name: string, tensor: Tensor][] {
  if (unit.rule.kind !== "lps") return [];
  return initPhaseLogits(key, logitsShape(unit)).map(([name, tensor]) => [`logits.${name}`, tensor]);
}

/**
 * Samples a map `[batch, height, width, channels]`.
 *
 * `collect` is handed `phase`, row and column of the polyphase chosen `[batch, 2]`, and `gap`, by how large a share the
 * second best was worse `[batch]`; by `lps` in training `weights` instead, `[batch, phases]`.
 *
 * @param params those of {@linkcode initDownsample} as a tree, alone or among others
 * @param options `key` is what mixtures are drawn with in training; without one they follow the logits alone
 */
export function downsample(
  params: Params,
  unit: Downsample,
  x: Tensor,
  { training, key, collect }: ApplyOptions,
): Downsampled {
  const { rule } = unit;
  if (rule.kind === "blur") return { output: filtered(unit, x) };
  const stride: Stride = [unit.stride, unit.stride];
  const map = filtered(unit, x);
  const logits = rule.kind === "lps" ? phaseLogits(branch(params, "logits"), map, stride) : undefined;
  if (rule.kind === "lps" && training) {
    const weights = gumbelSoftmax(logits!, rule.temperature, key);
    collect?.("weights", weights);
    return { output: mixPhases(map, weights, stride), weights };
  }
  const choice = rule.kind === "lps"
    ? likeliestPhase(map, logits!, stride)
    : phaseOfMostEnergy(map, stride, rule.p);
  collect?.("phase", detached(() => tf.stack([choice.row, choice.column], 1)));
  collect?.("gap", choice.gap);
  const weights = phaseWeights(choice, stride);
  return { output: mixPhases(map, weights, stride), weights };
}

/** Samples the map of another path, with `channels` of its own, as `like` was. */
export function downsampleLike(
  unit: Downsample,
  x: Tensor,
  { weights }: Pick<Downsampled, "weights">,
): Tensor {
  const map = filtered(unit, x);
  return weights === undefined ? map : mixPhases(map, weights, [unit.stride, unit.stride]);
}

/** Pixels along one side of what is made of `size` pixels. */
export function downsampleSize(size: number, { stride }: Downsample): number {
  return Math.ceil(size / stride);
}

/**
 * Multiply-adds for a map of `height` by `width` pixels.
 *
 * @param isAlike whether it is sampled as another map was, which leaves the choice out
 */
export function downsampleMultiplyAdds(
  unit: Downsample,
  height: number,
  width: number,
  isAlike = false,
): number {
  const { rule, channels } = unit;
  const pixels = rule.kind === "blur"
    ? downsampleSize(height, unit) * downsampleSize(width, unit)
    : height * width;
  const filter = rule.filterSize === 1 ? 0 : rule.filterSize ** 2 * channels * pixels;
  return rule.kind === "lps" && !isAlike
    ? filter + phaseLogitsMultiplyAdds(logitsShape(unit), height * width)
    : filter;
}

function filtered({ rule: { kind, filterSize, padding }, stride }: Downsample, x: Tensor): Tensor {
  return blurPool(x, { filterSize, padding, stride: kind === "blur" ? stride : 1 });
}

function logitsShape({ rule, channels }: Downsample): { channels: number; hidden: number } {
  const hidden = rule.kind === "lps" ? rule.logitChannels ?? channels : channels;
  return { channels, hidden };
}
