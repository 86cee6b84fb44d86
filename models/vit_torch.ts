/**
 * How the parameters of a vision transformer are stored in files of PyTorch's: names of torchvision and of timm.
 *
 * @module
 */

import { linearEntries } from "./layers/linear_entries.ts";
import type { ModelShape, TorchEntry, TorchLayouts } from "./model.ts";
import type { VitPositions } from "./vit_positions.ts";

/** What of a vision transformer determines its parameters. */
export interface VitParts {
  /** Encoder blocks. */
  readonly layers: number;
  /** Embed dim of a token. */
  readonly embed: number;
  /** Hidden units of the perceptron of a block. */
  readonly mlp: number;
  /** Features that the head makes, if a last linear layer follows it. */
  readonly code?: number;
  /** Heads of attention. */
  readonly heads: number;
  /** Whether there is a class token. */
  readonly classToken: boolean;
  /** How tokens know where they are. */
  readonly positions: VitPositions;
  /** What the head sees. */
  readonly pooling: "token" | "mean";
}

/** Names of the parts of a vision transformer, which the conventions do not share. */
interface Names {
  readonly classToken: string;
  readonly positions: string;
  readonly patchEmbedding: string;
  readonly norm: string;
  readonly head: string;
  readonly block: (index: number) => string;
  readonly norm1: string;
  readonly qkv: readonly [weight: string, bias: string];
  readonly proj: string;
  readonly norm2: string;
  readonly fc1: string;
  readonly fc2: string;
}

const TORCHVISION: Names = {
  classToken: "class_token",
  positions: "encoder.pos_embedding",
  patchEmbedding: "conv_proj",
  norm: "encoder.ln",
  head: "heads.head",
  block: (index) => `encoder.layers.encoder_layer_${index}`,
  norm1: "ln_1",
  qkv: ["self_attention.in_proj_weight", "self_attention.in_proj_bias"],
  proj: "self_attention.out_proj",
  norm2: "ln_2",
  fc1: "mlp.0",
  fc2: "mlp.3",
};

const TIMM: Names = {
  classToken: "cls_token",
  positions: "pos_embed",
  patchEmbedding: "patch_embed.proj",
  norm: "norm",
  head: "head",
  block: (index) => `blocks.${index}`,
  norm1: "norm1",
  qkv: ["attn.qkv.weight", "attn.qkv.bias"],
  proj: "attn.proj",
  norm2: "norm2",
  fc1: "mlp.fc1",
  fc2: "mlp.fc2",
};

/**
 * Layouts of the conventions `torchvision` and `timm`. The first knows class tokens and learned positions only, so any
 * other transformer has the second alone: that knows no positions too, and a relative bias without a class token (its
 * own way with one adds a number more). Circular positions are in neither, and have no layout. With `code` the
 * transformer is the module `encoder` of one that ends in `linear`.
 */
export function vitTorchLayouts(parts: VitParts, shape: ModelShape): TorchLayouts | undefined {
  const { positions, classToken } = parts;
  const isCircular = positions === "circular" || positions === "circular-convolution";
  if (isCircular || (positions === "relative" && classToken)) return undefined;
  // timm calls the normalization after a mean differently.
  const timm = parts.pooling === "mean" ? { ...TIMM, norm: "fc_norm" } : TIMM;
  return {
    ...classToken && parts.pooling === "token" && positions === "learned"
      ? { torchvision: layout(TORCHVISION, parts, shape) }
      : {},
    timm: layout(timm, parts, shape),
  };
}

function layout(names: Names, parts: VitParts, { grid, classes }: ModelShape): TorchEntry[] {
  const { layers, heads, embed, mlp, code, classToken, positions } = parts;
  const [height, width, channels] = grid.patchShape;
  const encoder: TorchEntry[] = [
    ...classToken ? [{ name: "classToken", torch: names.classToken, shape: [1, 1, embed] }] : [],
    {
      name: "patchEmbedding.weight",
      torch: `${names.patchEmbedding}.weight`,
      shape: [embed, channels, height, width],
      axes: [2, 3, 1, 0],
    },
    { name: "patchEmbedding.bias", torch: `${names.patchEmbedding}.bias`, shape: [embed] },
    ...positions === "learned"
      ? [{ name: "positions", torch: names.positions, shape: [1, grid.tokens + Number(classToken), embed] }]
      : [],
    ...Array.from({ length: layers }, (_, index) => [
      ...blockEntries(names, index, embed, mlp),
      ...positions === "relative" ? [tableEntry(names, index, grid.shape, heads)] : [],
    ]).flat(),
    ...normEntries("norm", names.norm, embed),
    ...linearEntries("head", names.head, embed, code ?? classes),
  ];
  if (code === undefined) return encoder;
  return [
    ...encoder.map((entry) => ({ ...entry, torch: `encoder.${entry.torch}` })),
    ...linearEntries("linear", "linear", code, classes),
  ];
}

function blockEntries(names: Names, index: number, embed: number, mlp: number): TorchEntry[] {
  const [here, there] = [`blocks.${index}`, names.block(index)];
  const qkv = `${here}.attention.qkv`;
  return [
    ...normEntries(`${here}.norm1`, `${there}.${names.norm1}`, embed),
    { name: `${qkv}.weight`, torch: `${there}.${names.qkv[0]}`, shape: [3 * embed, embed], axes: [1, 0] },
    { name: `${qkv}.bias`, torch: `${there}.${names.qkv[1]}`, shape: [3 * embed] },
    ...linearEntries(`${here}.attention.proj`, `${there}.${names.proj}`, embed, embed),
    ...normEntries(`${here}.norm2`, `${there}.${names.norm2}`, embed),
    ...linearEntries(`${here}.mlp.fc1`, `${there}.${names.fc1}`, embed, mlp),
    ...linearEntries(`${here}.mlp.fc2`, `${there}.${names.fc2}`, mlp, embed),
  ];
}

function tableEntry(names: Names, index: number, grid: readonly number[], heads: number): TorchEntry {
  return {
    name: `blocks.${index}.positions.table`,
    torch: `${names.block(index)}.attn.rel_pos.relative_position_bias_table`,
    shape: [grid.reduce((entries, length) => entries * (2 * length - 1), 1), heads],
  };
}

function normEntries(name: string, torch: string, features: number): TorchEntry[] {
  return ["weight", "bias"].map((part) => ({
    name: `${name}.${part}`,
    torch: `${torch}.${part}`,
    shape: [features],
  }));
}
