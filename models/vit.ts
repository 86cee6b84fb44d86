/**
 * The vision transformer, as torchvision's `VisionTransformer`: a class token before the embedded patches, learned
 * positions, encoder blocks with normalization before each part, and a head on the class token.
 *
 * A. Dosovitskiy et al., "An Image is Worth 16x16 Words", arXiv 2010.11929.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import type { JsonObject } from "../pipeline/json.ts";
import { foldIn, type Key } from "../pipeline/random.ts";
import { type Tensor, tf } from "./backend/tf.ts";
import { initAttentionBias } from "./layers/attention_bias.ts";
import type { Conv2dParams } from "./layers/conv2d.ts";
import { dropout as drop } from "./layers/dropout.ts";
import {
  encoderBlock,
  type EncoderBlockParams,
  initEncoderBlock,
  VIT_EPSILON,
} from "./layers/encoder_block.ts";
import { initNormal } from "./layers/initial_values.ts";
import { initLayerNorm, layerNorm, type LayerNormParams } from "./layers/layer_norm.ts";
import { initLinear, linear, type LinearParams } from "./layers/linear.ts";
import {
  initPositionConvolution,
  positionConvolution,
  positionConvolutionMultiplyAdds,
  type PositionGrid,
} from "./layers/position_convolution.ts";
import type { ApplyOptions, Architecture, Model, ModelShape, Params } from "./model.ts";
import { VIT_POSITIONS, type VitPositionPlan, vitPositionPlan, type VitPositions } from "./vit_positions.ts";
import { vitTorchLayouts } from "./vit_torch.ts";

export { VIT_POSITIONS, type VitPositions } from "./vit_positions.ts";

/** Sizes and parts of {@linkcode vit}. */
export interface VitOptions {
  /** Encoder blocks. Default 4. */
  readonly layers?: number;
  /** Heads of attention, which divide `embed`. Default 4. */
  readonly heads?: number;
  /** Embed dim of a token. Default 128. */
  readonly embed?: number;
  /** Hidden units of the perceptron of a block. Default 256. */
  readonly mlp?: number;
  /** Rate at which embedded tokens, and values in and after the parts of a block, are dropped in training. Default 0. */
  readonly dropout?: number;
  /** Rate at which probabilities of attention are dropped in training. Default 0. */
  readonly attentionDropout?: number;
  /** Features that the head makes, for a last linear layer to classify. Default: the head makes the logits itself. */
  readonly code?: number;
  /** Whether a class token stands before the patches. Default true. */
  readonly classToken?: boolean;
  /** What the head sees: the class token, or the mean of the others. Default `token`, or `mean` without a class token. */
  readonly pooling?: "token" | "mean";
  /** How tokens know where they are. Default `learned`. */
  readonly positions?: VitPositions;
  /**
   * Whether to work with plain operations, whose second derivatives are right, even where none are taken; slower. Default
   * false: they are right within nested gradients anyway.
   */
  readonly exact?: boolean;
}

/** Options with their defaults. */
type Settings = Required<Omit<VitOptions, "code" | "exact">> & Pick<VitOptions, "code" | "exact">;

type VitParams = {
  readonly classToken?: Tensor;
  readonly patchEmbedding: LinearParams;
  readonly positions?: Tensor;
  readonly positionConvolution?: Conv2dParams;
  readonly blocks: { readonly [index: string]: EncoderBlockParams };
  readonly norm: LayerNormParams;
  readonly head: LinearParams;
  readonly linear?: LinearParams;
};

/** Standard deviation of fresh positions. */
const POSITION_DEVIATION = 0.02;

/**
 * A vision transformer for any token grid; the size of its patches is the tokenizer's.
 *
 * Without `code` the head makes the logits. With it the head makes `code` features, from a weight that begins as 0, and
 * a linear layer of its own makes logits of those.
 *
 * `collect` is handed `embedding`, `blocks.0.attention`, `blocks.0` and so on, each `[batch, tokens, embed]` after the
 * residual sum and with the class token first, and `code [batch, code]`: without the option, the pooled, normalized
 * token `[batch, embed]`.
 *
 * Where only the class token is asked for, the last block works out that one alone: the same logits and gradients for
 * less. `multiplyAdds` counts all tokens, as is usual.
 *
 * Positions that are a bias of attention have parameters in each block: `blocks.0.positions.table [differences, heads]`,
 * and with a class token `blocks.0.positions.classToken [2, heads]`.
 *
 * @throws {PolyphaseError} if the options do not fit each other; `build` throws one if the grid has more than two axes and
 * positions are neither learned nor none
 */
export function vit(options: VitOptions = {}): Architecture {
  const settings = resolve(options);
  const { code, positions, exact, ...plain } = settings;
  const config = {
    name: "vit",
    ...plain,
    code: code ?? null,
    // Left out where they are as they were before there was a choice: the same run has the same fingerprint.
    ...positions === "learned" ? {} : { positions },
    ...exact ? { exact } : {},
  };
  return { name: config.name, config, build: (shape) => build(settings, config, shape) };
}

function resolve(options: VitOptions): Settings {
  const { layers = 4, heads = 4, embed = 128, mlp = 256, dropout = 0, attentionDropout = 0 } = options;
  const { code, classToken = true, pooling = classToken ? "token" : "mean", positions = "learned" } = options;
  // Not false, which would hold the ops to their fast forms within nested gradients too.
  const exact = options.exact === true ? true : undefined;
  for (const [name, value] of Object.entries({ layers, heads, embed, mlp, code: code ?? 1 })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new PolyphaseError(`vit got ${name} ${value}, expected a whole number: give 1 or more`);
    }
  }
  for (const [name, rate] of Object.entries({ dropout, attentionDropout })) {
    if (!(rate >= 0 && rate <= 1)) {
      throw new PolyphaseError(`vit got ${name} ${rate}, expected 0 to 1: 0 drops nothing`);
    }
  }
  if (embed % heads !== 0) {
    throw new PolyphaseError(
      `vit got embed ${embed} and ${heads} heads, expected heads that divide it: set embed to ${
        heads * Math.max(1, Math.round(embed / heads))
      }, or choose other heads`,
    );
  }
  if (pooling !== "token" && pooling !== "mean") {
    throw new PolyphaseError(`vit got pooling "${pooling}", expected token or mean: choose one of them`);
  }
  if (pooling === "token" && !classToken) {
    throw new PolyphaseError(
      `vit got pooling "token" without a class token: set classToken: true, or pooling: "mean"`,
    );
  }
  if (!VIT_POSITIONS.includes(positions)) {
    throw new PolyphaseError(
      `vit got positions "${positions}", expected ${VIT_POSITIONS.join(", ")}: choose one of these`,
    );
  }
  return {
    layers,
    heads,
    embed,
    mlp,
    dropout,
    attentionDropout,
    code,
    classToken,
    pooling,
    positions,
    exact,
  };
}

function build(settings: Settings, config: JsonObject, shape: ModelShape): Model {
  const plan = vitPositionPlan(settings, shape.grid);
  const torch = vitTorchLayouts(settings, shape);
  return {
    name: "vit",
    config,
    init: (key) => init(settings, shape, plan, key),
    apply: (params, tokens, options = {}) =>
      apply(settings, shape, plan, params as VitParams, tokens, options),
    embedding: (params) => (params as VitParams).patchEmbedding,
    multiplyAdds: multiplyAdds(settings, shape, plan),
    ...torch === undefined ? {} : { torch },
  };
}

function init(
  { layers, heads, embed, mlp, code, classToken, positions }: Settings,
  { grid, classes }: ModelShape,
  { bias, convolved }: VitPositionPlan,
  key: Key,
): Params {
  const of = (name: string) => foldIn(key, name);
  // The patch convolution of torchvision is cut at an absolute 2, which is many deviations away: plainly normal.
  const deviation = Math.sqrt(1 / grid.patch);
  const outputs = code ?? classes;
  const params: VitParams = {
    ...classToken ? { classToken: tf.zeros([1, embed]) } : {},
    patchEmbedding: {
      weight: initNormal(of("patchEmbedding"), [grid.patch, embed], deviation),
      bias: tf.zeros([embed]),
    },
    ...positions === "learned"
      ? {
        positions: initNormal(of("positions"), [grid.tokens + Number(classToken), embed], POSITION_DEVIATION),
      }
      : {},
    ...convolved
      ? { positionConvolution: initPositionConvolution(of("positionConvolution"), convolved, embed) }
      : {},
    blocks: Object.fromEntries(
      Array.from({ length: layers }, (_, index) => {
        const name = `blocks.${index}`;
        return [index, {
          ...initEncoderBlock(of(name), embed, mlp),
          ...bias ? { positions: initAttentionBias(of(`${name}.positions`), bias, heads) } : {},
        }];
      }),
    ),
    norm: initLayerNorm(embed),
    head: { weight: tf.zeros([embed, outputs]), bias: tf.zeros([outputs]) },
    ...code === undefined ? {} : { linear: initLinear(of("linear"), code, classes) },
  };
  return params as Params;
}

function apply(
  { layers, heads, dropout, attentionDropout, pooling, exact }: Settings,
  { grid }: ModelShape,
  plan: VitPositionPlan,
  params: VitParams,
  tokens: Tensor,
  { training = false, key, collect }: ApplyOptions,
): Tensor {
  if (tokens.rank !== 3 || tokens.shape[1] !== grid.tokens || tokens.shape[2] !== grid.patch) {
    throw new PolyphaseError(
      `vit got tokens [${tokens.shape}], expected [batch, ${grid.tokens}, ${grid.patch}]: ` +
        `tokenize as it was built for, or build it for this grid`,
    );
  }
  const drops = training && (dropout > 0 || attentionDropout > 0);
  if (drops && key === undefined) {
    throw new PolyphaseError("vit got no key to drop by in training: give a key, or set dropout: 0");
  }
  const chance = drops ? key : undefined;
  let x = drop(embedded(params, tokens, plan.convolved, exact), dropout, chance, "embedding");
  collect?.("embedding", x);
  // What is dropped must not depend on whether somebody looks on, so all tokens are worked out where values are dropped.
  const isFirstEnough = pooling === "token" && collect === undefined && chance === undefined;
  for (let index = 0; index < layers; index++) {
    x = encoderBlock(params.blocks[index], x, {
      heads,
      positions: plan.bias,
      dropout,
      attentionDropout,
      key: chance && foldIn(chance, `blocks.${index}`),
      first: isFirstEnough && index === layers - 1 ? 1 : undefined,
      exact,
      collect: collect && ((attended) => collect(`blocks.${index}.attention`, attended)),
    });
    collect?.(`blocks.${index}`, x);
  }
  const pooled = pool(x, pooling, params.classToken !== undefined);
  const normalized = layerNorm(params.norm, pooled, { epsilon: VIT_EPSILON, exact });
  if (params.linear === undefined) {
    collect?.("code", normalized);
    return linear(params.head, normalized, { exact });
  }
  const code = linear(params.head, normalized, { exact });
  collect?.("code", code);
  return linear(params.linear, code, { exact });
}

/** `[batch, tokens, patch]` → `[batch, class token and tokens, embed]`, with positions where they are of the tokens. */
function embedded(
  { patchEmbedding, classToken, positions, positionConvolution: filter }: VitParams,
  tokens: Tensor,
  convolved: PositionGrid | undefined,
  exact: boolean | undefined,
): Tensor {
  return tf.tidy(() => {
    const plain = linear(patchEmbedding, tokens, { exact });
    const patches = filter && convolved ? positionConvolution(filter, plain, convolved, { exact }) : plain;
    if (classToken === undefined) return positions === undefined ? patches : tf.add(patches, positions);
    // The class token is added once, to the positions, and not copied for each image: its gradient would be the sum of
    // as many slices as there are images. The numbers are the same to the bit.
    const lone = tf.pad(classToken, [[0, tokens.shape[1]!], [0, 0]]);
    const offsets = positions === undefined ? lone : tf.add(positions, lone);
    return tf.add(tf.pad(patches, [[0, 0], [1, 0], [0, 0]]), offsets);
  });
}

/** `[batch, tokens, embed]` → `[batch, embed]`. */
function pool(x: Tensor, pooling: "token" | "mean", hasClassToken: boolean): Tensor {
  return tf.tidy(() => {
    if (pooling === "mean") return tf.mean(hasClassToken ? tf.slice(x, [0, 1, 0]) : x, 1);
    return tf.squeeze(x.shape[1] === 1 ? x : tf.slice(x, [0, 0, 0], [-1, 1, -1]), [1]);
  });
}

function multiplyAdds(
  { layers, embed, mlp, code, classToken }: Settings,
  { grid, classes }: ModelShape,
  { convolved }: VitPositionPlan,
): number {
  const tokens = grid.tokens + Number(classToken);
  const block = tokens * (4 * embed ** 2 + 2 * embed * mlp) + 2 * tokens ** 2 * embed;
  const head = code === undefined ? embed * classes : embed * code + code * classes;
  const convolution = convolved ? positionConvolutionMultiplyAdds(convolved, embed) : 0;
  return grid.tokens * grid.patch * embed + convolution + layers * block + head;
}
