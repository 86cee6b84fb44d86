/**
 * Sizes and parts of Swin and Swin V2, and what they must satisfy.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import { type AdaptiveEnergy, resolveEnergy } from "./layers/window_phase.ts";

/** Which parts of a windowed transformer are adaptive; those that are not named are. */
export interface SwinAdaptive {
  /** Windows begin where the tokens have most energy (A-WSA), and shifted ones have no mask. Default true. */
  readonly windows?: boolean;
  /** Patches are merged on the grid of most energy (A-PMerge). Default true. */
  readonly merge?: boolean;
  /** Positions are circular where one window is the whole map (A-RPE). Default true. */
  readonly positions?: boolean;
}

/** Sizes and parts of a windowed transformer. */
export interface SwinOptions {
  /** Channels of the first stage; every next has twice as many. Default 96. */
  readonly embed?: number;
  /** Blocks of each stage. Default `[2, 2]`. */
  readonly depths?: readonly number[];
  /** Heads of attention in each stage, which divide its channels. Default `[3, 6]`. */
  readonly heads?: readonly number[];
  /** Tokens along a side of a window. Default 7. */
  readonly window?: number;
  /** Hidden units of a perceptron for each channel. Default 4. */
  readonly mlpRatio?: number;
  /** Rate at which embedded tokens, and values in and after the parts of a block, are dropped in training. Default 0. */
  readonly dropout?: number;
  /** Rate at which probabilities of attention are dropped in training. Default 0. */
  readonly attentionDropout?: number;
  /** Rate at which either part of the last block is left out for an image in training; grows from 0 to it. Default 0. */
  readonly dropPath?: number;
  /** Whether all parts are adaptive, or which. Default false: none. */
  readonly adaptive?: boolean | SwinAdaptive;
  /** What adaptive parts go by. */
  readonly energy?: AdaptiveEnergy;
}

/** Options with their defaults. */
export type SwinSettings =
  & {
    readonly [Name in Exclude<keyof SwinOptions, "adaptive" | "energy">]-?: NonNullable<SwinOptions[Name]>;
  }
  & {
    readonly adaptive: false | {
      readonly windows: boolean;
      readonly merge: boolean;
      readonly positions: boolean;
    };
    readonly energy: { readonly p: number; readonly window: "box" | "hann" };
  };

/**
 * The options with their defaults.
 *
 * @param name of the architecture, for messages
 * @throws {PolyphaseError} if the options do not fit each other
 */
export function resolveSwin(name: string, options: SwinOptions): SwinSettings {
  const { embed = 96, depths = [2, 2], heads = [3, 6], window = 7, mlpRatio = 4, adaptive = false } = options;
  const { dropout = 0, attentionDropout = 0, dropPath = 0 } = options;
  const counts = { embed, window, ...numbered("depths", depths), ...numbered("heads", heads) };
  for (const [option, value] of Object.entries(counts)) {
    if (!Number.isInteger(value) || value < 1) {
      throw new PolyphaseError(`${name} got ${option} ${value}, expected a whole number: give 1 or more`);
    }
  }
  if (depths.length === 0 || depths.length !== heads.length) {
    throw new PolyphaseError(
      `${name} got depths of ${depths.length} stages and heads of ${heads.length}, expected one of each for every stage: ` +
        `give as many`,
    );
  }
  heads.forEach((count, stage) => {
    const channels = embed * 2 ** stage;
    if (channels % count === 0) return;
    throw new PolyphaseError(
      `${name} got ${count} heads for ${channels} channels in stage ${stage}, expected heads that divide them: set embed to ` +
        `a multiple of ${count}, or choose other heads`,
    );
  });
  if (!(mlpRatio * embed >= 1 && mlpRatio < Infinity)) {
    throw new PolyphaseError(
      `${name} got mlpRatio ${mlpRatio}, expected one that leaves hidden units: give 4`,
    );
  }
  for (const [option, rate] of Object.entries({ dropout, attentionDropout, dropPath })) {
    if (!(rate >= 0 && rate <= 1)) {
      throw new PolyphaseError(`${name} got ${option} ${rate}, expected 0 to 1: 0 drops nothing`);
    }
  }
  return {
    embed,
    depths: [...depths],
    heads: [...heads],
    window,
    mlpRatio,
    dropout,
    attentionDropout,
    dropPath,
    adaptive: resolveAdaptive(name, adaptive),
    energy: resolveEnergy(name, options.energy),
  };
}

function numbered(option: string, values: readonly number[]): Record<string, number> {
  return Object.fromEntries(values.map((value, stage) => [`${option} of stage ${stage}`, value]));
}

function resolveAdaptive(name: string, adaptive: boolean | SwinAdaptive): SwinSettings["adaptive"] {
  if (adaptive === false) return false;
  const parts = adaptive === true ? {} : adaptive;
  const unknown = Object.keys(parts).find((part) => !["windows", "merge", "positions"].includes(part));
  if (unknown !== undefined) {
    throw new PolyphaseError(
      `${name} got adaptive "${unknown}", expected windows, merge or positions: choose among them`,
    );
  }
  const { windows = true, merge = true, positions = true } = parts;
  return { windows, merge, positions };
}
