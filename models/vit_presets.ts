/**
 * Vision transformers of published and of small sizes by name, each with the patches it is made for, and its adaptive twin.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import type { Architecture } from "./model.ts";
import { adaptive } from "./tokenizers/adaptive.ts";
import { patches2d } from "./tokenizers/patches.ts";
import type { Tokenizer } from "./tokenizers/tokenizer.ts";
import { vit, type VitOptions } from "./vit.ts";
import { vitAdaptive } from "./vit_adaptive.ts";

/** The sizes of a vision transformer. */
export interface VitSize {
  /** Rows and columns of pixels of the images that it is made for. */
  readonly image: number;
  /** Pixels along each side of a patch, which divide those. */
  readonly patch: number;
  /** Sizes of the transformer. */
  readonly options: Required<Pick<VitOptions, "layers" | "heads" | "embed" | "mlp">>;
}

/** Names of the sizes in {@linkcode VIT_SIZES}. */
export type VitSizeName =
  | "vit-tiny-patch16-224"
  | "vit-small-patch16-224"
  | "vit-base-patch16-224"
  | "vit-28-tiny"
  | "vit-28-small"
  | "vit-32-tiny"
  | "vit-32-small";

/** Names that {@linkcode vitPreset} knows: with `a-` in front, the adaptive twin. */
export type VitPresetName = VitSizeName | `a-${VitSizeName}`;

const TINY = { layers: 4, heads: 4, embed: 64, mlp: 256 } as const;
const SMALL = { layers: 6, heads: 6, embed: 192, mlp: 768 } as const;

/**
 * Sizes by name. Those for images of 224 pixels are timm's `vit_tiny_patch16_224` and so on, with 5.7, 22.1 and 86.6
 * million parameters for 1000 classes. Those for 28 and 32 pixels cut patches of 4, which makes 49 and 64 tokens; for 10
 * classes the tiny ones have about 0.2 million parameters and the small ones 2.7.
 */
export const VIT_SIZES: Readonly<Record<VitSizeName, VitSize>> = {
  "vit-tiny-patch16-224": {
    image: 224,
    patch: 16,
    options: { layers: 12, heads: 3, embed: 192, mlp: 768 },
  },
  "vit-small-patch16-224": {
    image: 224,
    patch: 16,
    options: { layers: 12, heads: 6, embed: 384, mlp: 1536 },
  },
  "vit-base-patch16-224": {
    image: 224,
    patch: 16,
    options: { layers: 12, heads: 12, embed: 768, mlp: 3072 },
  },
  "vit-28-tiny": { image: 28, patch: 4, options: TINY },
  "vit-28-small": { image: 28, patch: 4, options: SMALL },
  "vit-32-tiny": { image: 32, patch: 4, options: TINY },
  "vit-32-small": { image: 32, patch: 4, options: SMALL },
};

/** A transformer and the tokenizer that belongs to it. */
export interface VitPreset {
  /** Rows and columns of pixels of the images that it is made for. Others do too if the patch divides them. */
  readonly image: number;
  /** Lays the patches. That of an adaptive twin chooses where the grid starts. */
  readonly tokenizer: Tokenizer;
  /** The transformer. */
  readonly architecture: Architecture;
}

/**
 * The transformer of a name, with the tokenizer to use it with. A plain one has a class token, learned positions and a
 * fixed grid; its adaptive twin, of the same sizes, has circular positions, the mean of the tokens and an adaptive grid.
 *
 * @param options what to have otherwise, for example `dropout`
 * @throws {PolyphaseError} if there is no such name, or the options do not fit
 */
export function vitPreset(
  name: VitPresetName,
  options: Omit<VitOptions, "positions" | "classToken" | "pooling"> = {},
): VitPreset {
  const isAdaptive = name.startsWith("a-");
  const key = isAdaptive ? name.slice(2) : name;
  if (!isVitSize(key)) {
    throw new PolyphaseError(
      `vitPreset got "${name}", expected ${
        Object.keys(VIT_SIZES).join(", ")
      }: choose one, with "a-" in front if ` +
        `it is to be adaptive`,
    );
  }
  const { image, patch, options: sizes } = VIT_SIZES[key];
  const patches = patches2d({ size: patch });
  const all = { ...sizes, ...options };
  return isAdaptive
    ? { image, tokenizer: adaptive(patches), architecture: vitAdaptive(all) }
    : { image, tokenizer: patches, architecture: vit(all) };
}

function isVitSize(name: string): name is VitSizeName {
  return Object.hasOwn(VIT_SIZES, name);
}
