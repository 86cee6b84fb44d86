/**
 * The Performer as a classifier of images: a transformer encoder whose attention takes linear time, by random features
 * that stand for the scores of softmax (FAVOR+), with learned positions and a head on the mean of the tokens.
 *
 * K. Choromanski et al., "Rethinking Attention with Performers", arXiv 2009.14794.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import type { JsonObject } from "../pipeline/json.ts";
import { foldIn, type Key } from "../pipeline/random.ts";
import { type Tensor, tf } from "./backend/tf.ts";
import { dropout as drop } from "./layers/dropout.ts";
import {
  favorAttention,
  type FavorAttentionParams,
  type FavorKernel,
  initFavorAttention,
} from "./layers/favor_attention.ts";
import { initNormal } from "./layers/initial_values.ts";
import { initLayerNorm, layerNorm, type LayerNormParams } from "./layers/layer_norm.ts";
import { initLinear, linear, type LinearParams } from "./layers/linear.ts";
import { mlp as perceptron, type MlpParams } from "./layers/mlp.ts";
import type { ApplyOptions, Architecture, Model, ModelShape, Params } from "./model.ts";

/** Sizes and parts of {@linkcode performer}. */
export interface PerformerOptions {
  /** Encoder blocks. Default 4. */
  readonly layers?: number;
  /** Heads of attention, which divide `embed`. Default 4. */
  readonly heads?: number;
  /** Embed dim of a token. Default 128. */
  readonly embed?: number;
  /** Hidden units of the perceptron of a block. Default 4 times `embed`. */
  readonly mlp?: number;
  /** Random features of a query or key. Default `⌊dim · ln dim⌋` for the `dim = embed / heads` of a head. */
  readonly features?: number;
  /** Which scores the features stand for. Default `softmax`. */
  readonly kernel?: FavorKernel;
  /** Is added to every feature. Default 1e-4 for `softmax`, 1e-3 for `relu`. */
  readonly epsilon?: number;
  /** Rate at which values after attention, and in and after the perceptron, are dropped in training. Default 0. */
  readonly dropout?: number;
  /** Features that the head makes, for a last linear layer to classify. Default: the head makes the logits itself. */
  readonly code?: number;
}

/** Options with their defaults. */
type Settings = Required<Omit<PerformerOptions, "code">> & Pick<PerformerOptions, "code">;

type BlockParams = {
  readonly norm1: LayerNormParams;
  readonly attention: FavorAttentionParams;
  readonly norm2: LayerNormParams;
  readonly mlp: MlpParams;
};

type PerformerParams = {
  readonly patchEmbedding: LinearParams;
  readonly positions: Tensor;
  readonly blocks: { readonly [index: string]: BlockParams };
  readonly head: LinearParams;
  readonly linear?: LinearParams;
};

/** Standard deviation of fresh positions. */
const POSITION_DEVIATION = 0.02;

/**
 * A Performer for any token grid; with the tokenizer `pixels()` every pixel is a token.
 *
 * Each block draws random features of its own when parameters are made, orthogonal ones, and keeps them: the buffer
 * `blocks.0.attention.projection [features, embed / heads]` is saved with the parameters and not trained.
 *
 * `collect` is handed `embedding`, `blocks.0.attention`, `blocks.0` and so on, each `[batch, tokens, embed]` after the
 * residual sum, and `code [batch, code]`: without the option, the mean of the tokens `[batch, embed]`.
 *
 * @throws {PolyphaseError} if the options do not fit each other
 */
export function performer(options: PerformerOptions = {}): Architecture {
  const settings = resolve(options);
  const { code, ...plain } = settings;
  const config = { name: "performer", ...plain, code: code ?? null };
  return { name: config.name, config, build: (shape) => build(settings, config, shape) };
}

function resolve(options: PerformerOptions): Settings {
  const { layers = 4, heads = 4, embed = 128, mlp = 4 * embed, kernel = "softmax", dropout = 0, code } =
    options;
  const dim = embed / heads;
  // Of a head so narrow that its logarithm says 0, one feature is left.
  const { features = Math.max(1, Math.floor(dim * Math.log(dim))) } = options;
  for (const [name, value] of Object.entries({ layers, heads, embed, mlp, code: code ?? 1 })) {
    expectCount(name, value);
  }
  if (embed % heads !== 0) {
    throw new PolyphaseError(
      `performer got embed ${embed} and ${heads} heads, expected heads that divide it: set embed to ${
        heads * Math.max(1, Math.round(embed / heads))
      }, or choose other heads`,
    );
  }
  expectCount("features", features);
  if (kernel !== "softmax" && kernel !== "relu") {
    throw new PolyphaseError(
      `performer got kernel "${kernel}", expected softmax or relu: choose one of them`,
    );
  }
  const { epsilon = kernel === "softmax" ? 1e-4 : 1e-3 } = options;
  if (!(epsilon > 0 && epsilon < Infinity)) {
    throw new PolyphaseError(
      `performer got epsilon ${epsilon}, expected a number above 0, which keeps weights from vanishing: leave it out`,
    );
  }
  if (!(dropout >= 0 && dropout <= 1)) {
    throw new PolyphaseError(`performer got dropout ${dropout}, expected 0 to 1: 0 drops nothing`);
  }
  return { layers, heads, embed, mlp, features, kernel, epsilon, dropout, code };
}

function expectCount(name: string, value: number): void {
  if (Number.isInteger(value) && value >= 1) return;
  throw new PolyphaseError(`performer got ${name} ${value}, expected a whole number: give 1 or more`);
}

function build(settings: Settings, config: JsonObject, shape: ModelShape): Model {
  return {
    name: "performer",
    config,
    init: (key) => init(settings, shape, key),
    apply: (params, tokens, options = {}) =>
      apply(settings, shape, params as PerformerParams, tokens, options),
    embedding: (params) => (params as PerformerParams).patchEmbedding,
    isBuffer: (name) => name.endsWith(".attention.projection"),
    multiplyAdds: multiplyAdds(settings, shape),
  };
}

function init(settings: Settings, { grid, classes }: ModelShape, key: Key): Params {
  const { layers, embed, mlp, heads, features, code } = settings;
  const of = (name: string) => foldIn(key, name);
  const block = (index: number): BlockParams => ({
    norm1: initLayerNorm(embed),
    attention: initFavorAttention(of(`blocks.${index}.attention`), embed, heads, features),
    norm2: initLayerNorm(embed),
    mlp: {
      fc1: initLinear(of(`blocks.${index}.fc1`), embed, mlp),
      fc2: initLinear(of(`blocks.${index}.fc2`), mlp, embed),
    },
  });
  const params: PerformerParams = {
    patchEmbedding: initLinear(of("patchEmbedding"), grid.patch, embed),
    positions: initNormal(of("positions"), [grid.tokens, embed], POSITION_DEVIATION),
    blocks: Object.fromEntries(Array.from({ length: layers }, (_, index) => [index, block(index)])),
    head: initLinear(of("head"), embed, code ?? classes),
    ...code === undefined ? {} : { linear: initLinear(of("linear"), code, classes) },
  };
  return params as Params;
}

function apply(
  settings: Settings,
  { grid }: ModelShape,
  params: PerformerParams,
  tokens: Tensor,
  { training = false, key, collect }: ApplyOptions,
): Tensor {
  const { layers, dropout } = settings;
  if (tokens.rank !== 3 || tokens.shape[1] !== grid.tokens || tokens.shape[2] !== grid.patch) {
    throw new PolyphaseError(
      `performer got tokens [${tokens.shape}], expected [batch, ${grid.tokens}, ${grid.patch}]: ` +
        `tokenize as it was built for, or build it for this grid`,
    );
  }
  const drops = training && dropout > 0;
  if (drops && key === undefined) {
    throw new PolyphaseError("performer got no key to drop by in training: give a key, or set dropout: 0");
  }
  let x: Tensor = tf.tidy(() => tf.add(linear(params.patchEmbedding, tokens), params.positions));
  collect?.("embedding", x);
  for (let index = 0; index < layers; index++) {
    const name = `blocks.${index}`;
    const chance = drops ? foldIn(key!, name) : undefined;
    x = block(
      settings,
      params.blocks[index],
      x,
      chance,
      (attended) => collect?.(`${name}.attention`, attended),
    );
    collect?.(name, x);
  }
  const pooled = tf.mean(x, 1);
  if (params.linear === undefined) {
    collect?.("code", pooled);
    return linear(params.head, pooled);
  }
  const code = linear(params.head, pooled);
  collect?.("code", code);
  return linear(params.linear, code);
}

/** Attention, then the perceptron, each behind a normalization and beside a way around it. */
function block(
  { heads, kernel, epsilon, dropout }: Settings,
  params: BlockParams,
  x: Tensor,
  key: Key | undefined,
  collect: (attended: Tensor) => void,
): Tensor {
  const attended = tf.tidy(() => {
    const found = favorAttention(params.attention, layerNorm(params.norm1, x), { heads, kernel, epsilon });
    return tf.add(x, drop(found, dropout, key, "attended"));
  });
  collect(attended);
  return tf.tidy(() => {
    const inner = perceptron(params.mlp, layerNorm(params.norm2, attended), {
      dropout,
      key: key && foldIn(key, "mlp"),
    });
    return tf.add(attended, inner);
  });
}

function multiplyAdds(
  { layers, heads, embed, mlp, features, code }: Settings,
  { grid, classes }: ModelShape,
): number {
  const { tokens, patch } = grid;
  const linears = tokens * (4 * embed ** 2 + 2 * embed * mlp);
  // Queries and keys are projected, keys summed up with values, queries applied to that; and the sum of the weights.
  const attention = tokens * features * (4 * embed + 2 * heads);
  const head = code === undefined ? embed * classes : embed * code + code * classes;
  return tokens * patch * embed + layers * (linears + attention) + head;
}
