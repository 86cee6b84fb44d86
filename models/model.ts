/**
 * What a model is: an architecture, built for a token grid, that is a pair of pure functions over a tree of parameters.
 *
 * @module
 */

import type { JsonObject } from "../pipeline/json.ts";
import type { Key } from "../pipeline/random.ts";
import type { Tensor } from "./backend/tf.ts";
import type { TokenGrid } from "./tokenizers/tokenizer.ts";

/** A tree of parameters: plain objects with tensors as leaves. */
export type Params = { readonly [name: string]: Params | Tensor };

/** What an architecture is built for. */
export interface ModelShape {
  /** The tokens that come in. */
  readonly grid: TokenGrid;
  /** How many classes go out. */
  readonly classes: number;
}

/** How a model is applied. */
export interface ApplyOptions {
  /** Whether this is training: dropout drops, batch norm takes the batch's statistics. Default false. */
  readonly training?: boolean;
  /** Random key, for models that use chance in training. */
  readonly key?: Key;
  /** Is handed named activations, block by block. The tensors live as long as the surrounding `tf.tidy`. */
  readonly collect?: (name: string, activation: Tensor) => void;
}

/** A model: pure functions over a tree of parameters. */
export interface Model {
  /** Name of the architecture. */
  readonly name: string;
  /** Everything that determines the functions. */
  readonly config: JsonObject;
  /** Fresh parameters: the same key gives the same bits. The caller disposes of them. */
  init(key: Key): Params;
  /** Logits `[batch, classes]` of tokens `[batch, tokens, patch]` with values in [0, 1]. */
  apply(params: Params, tokens: Tensor, options?: ApplyOptions): Tensor;
  /** The linear map from patch to token, `[patch, embed]` and `[embed]`: what an adaptive tokenizer takes energies of. */
  embedding(params: Params): { readonly weight: Tensor; readonly bias: Tensor };
}

/** A model whose token grid and classes are still open. */
export interface Architecture {
  /** Name, for example `token-mean-mlp`. */
  readonly name: string;
  /** Everything but the shape. Holds `name`. */
  readonly config: JsonObject;
  /** The model for a shape. */
  build(shape: ModelShape): Model;
}
