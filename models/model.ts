/**
 * What a model is: an architecture, built for a token grid, that is a pair of pure functions over a tree of parameters.
 *
 * A classifier hands its `code` to `collect`: the features `[batch, code]` that its last linear layer makes logits of.
 * Probes look at those.
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
  /**
   * Is handed the new value of each buffer in training: the dotted name, and a tensor without gradient that lives as long
   * as the surrounding `tf.tidy`. Running statistics go this way, since a model changes nothing itself.
   */
  readonly update?: (name: string, value: Tensor) => void;
}

/** How a parameter is stored in a file of PyTorch's. */
export interface TorchEntry {
  /** Dotted name of the parameter here. */
  readonly name: string;
  /** Its name there, for example `encoder.ln.weight`. */
  readonly torch: string;
  /** Its shape there. */
  readonly shape: readonly number[];
  /** What to view that shape as before the axes are changed. Default `shape`. */
  readonly view?: readonly number[];
  /**
   * Which axes of that view follow each other here: `[1, 0]` for a linear layer, `[2, 3, 1, 0]` for a convolution. The
   * result is viewed as the shape of the parameter. Default: as they are.
   */
  readonly axes?: readonly number[];
}

/** Names and layouts of all parameters in files of PyTorch's, by convention: `torchvision`, `timm`. */
export type TorchLayouts = { readonly [convention: string]: readonly TorchEntry[] };

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
  /**
   * The linear map from patch to token, `[patch, embed]` and `[embed]`: what an adaptive tokenizer takes energies of.
   * A model that does not begin with one has none.
   */
  embedding?(params: Params): { readonly weight: Tensor; readonly bias: Tensor };
  /**
   * Whether the parameter of a dotted name is a buffer: kept and saved with the rest, but not trained and not counted,
   * as running statistics are. Default: none is.
   */
  isBuffer?(name: string): boolean;
  /** Multiply-adds of the forward pass of one image: those of matrix products and convolutions. */
  readonly multiplyAdds?: number;
  /** How its parameters are stored in files of PyTorch's. */
  readonly torch?: TorchLayouts;
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
