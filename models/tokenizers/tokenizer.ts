/**
 * What a tokenizer is: it fixes the token grid and how an image is laid on it. The embedding belongs to the model.
 *
 * Tokenizers work on bytes, before any tensor exists, and so carry no gradient: the choice of a grid by an adaptive
 * tokenizer is a constant to the model, as in "Making Vision Transformers Truly Shift-Equivariant" (arXiv 2305.16316).
 *
 * @module
 */

import type { Images, ImageShape } from "../../datasets/dataset.ts";
import type { Offset } from "../../datasets/shift.ts";
import type { JsonObject } from "../../pipeline/json.ts";
import type { Key } from "../../pipeline/random.ts";

/** How many tokens an image becomes, and of how many values each. */
export interface TokenGrid {
  /** Tokens along each axis: `[49]` for a flattened image, `[7, 7]` for rows and columns. */
  readonly shape: readonly number[];
  /** Tokens in all. */
  readonly tokens: number;
  /** Values per token: pixels of a patch times channels. */
  readonly patch: number;
  /** Those values in space, `[height, width, channels]`. */
  readonly patchShape: readonly [height: number, width: number, channels: number];
}

/** The linear map from patch to token, `token = patch · weight + bias`, as numbers on the CPU. */
export interface Embedding {
  /** `[patch, embed]`, applied to pixel values in [0, 1]. */
  readonly weight: Float32Array;
  /** `[embed]`. */
  readonly bias: Float32Array;
}

/** Images laid on the token grid. */
export interface Tokens {
  /** Bytes of the patches, `[count, tokens, patch]`. */
  readonly values: Uint8Array<ArrayBuffer>;
  /** The circular shift given to each image before the fixed grid was laid on it, `[count]`. */
  readonly offsets: readonly Offset[];
  /**
   * Where a polyphase was chosen by energy, how far the second best is from the best, as a share of the greater,
   * `[count]`: 0 where they tie, near 0 where the choice hangs on little.
   */
  readonly gaps?: Float64Array;
  /** The energies that it was chosen by, `[count, phases]`, phases row by row. */
  readonly energies?: Float64Array;
}

/** What a tokenizer may need beside the images. */
export interface TokenizeContext {
  /** The model's present embedding; needed where {@linkcode Tokenizer.adaptive} is true. */
  readonly embedding?: Embedding;
  /** Random key; needed where {@linkcode Tokenizer.random} is true. */
  readonly key?: Key;
}

/** Lays images on a grid of tokens. */
export interface Tokenizer {
  /** Name, for example `patches-1d`. */
  readonly name: string;
  /** Everything that determines the tokens. Holds `name`. */
  readonly config: JsonObject;
  /** Whether the tokens depend on the model's embedding. */
  readonly adaptive: boolean;
  /** Whether the tokens depend on a random key. */
  readonly random: boolean;
  /**
   * The grid for images of this shape.
   *
   * @throws {PolyphaseError} if the patch does not divide the image
   */
  grid(image: ImageShape): TokenGrid;
  /** Tokens of a batch. Pure: the same images, embedding and key give the same tokens. */
  tokenize(images: Images, context: TokenizeContext): Tokens;
}
