/**
 * How timm stores the parameters of an MViTv2.
 *
 * @module
 */

import { conv2dEntry } from "./layers/conv2d.ts";
import { distancesOf } from "./layers/decomposed_positions.ts";
import { linearEntries } from "./layers/linear_entries.ts";
import type { MultiscaleBlock } from "./layers/multiscale_block.ts";
import { poolingPositions } from "./layers/pooling_attention.ts";
import type { TorchEntry, TorchLayouts } from "./model.ts";

/** Sizes of an MViTv2. */
export interface MvitV2Parts {
  /** Channels of the image. */
  readonly inputs: number;
  /** Embed dim of each stage. */
  readonly embed: readonly number[];
  /** Rows and columns of a patch. */
  readonly patchSize: number;
  /** Blocks by dotted name, such as `stages.0.blocks.0`, which is timm's too. */
  readonly blocks: readonly (readonly [name: string, block: MultiscaleBlock])[];
  /** Classes that go out. */
  readonly classes: number;
}

/** The layout of the convention `timm`. Circular positions have a table of another length, and so no counterpart there. */
export function mvitV2TorchLayouts({ inputs, embed, patchSize, blocks, classes }: MvitV2Parts): TorchLayouts {
  if (blocks.some(([, { circularPositions }]) => circularPositions)) return {};
  const [first, last] = [embed[0], embed.at(-1)!];
  const patches = { kernelSize: patchSize, inputs, outputs: first };
  return {
    timm: [
      conv2dEntry("patchEmbedding", "patch_embed.proj", patches),
      { name: "patchEmbedding.bias", torch: "patch_embed.proj.bias", shape: [first] },
      ...blocks.flatMap(([name, block]) => blockEntries(name, block)),
      ...normEntries("norm", "norm", last),
      ...linearEntries("head", "head.fc", last, classes),
    ],
  };
}

function blockEntries(name: string, block: MultiscaleBlock): TorchEntry[] {
  const { inputs, embed, hidden, heads } = block;
  const dim = embed / heads;
  const [here, there] = [`${name}.attention`, `${name}.attn`];
  const [rows, columns] = distancesOf(poolingPositions(block));
  return [
    ...normEntries(`${name}.norm1`, `${name}.norm1`, inputs),
    ...linearEntries(`${here}.qkv`, `${there}.qkv`, inputs, 3 * embed),
    ...(["queries", "keys", "values"] as const).flatMap((part): TorchEntry[] => {
      const letter = part === "queries" ? "q" : part === "keys" ? "k" : "v";
      const { kernelSize } = part === "queries" ? block.queries : block.keys;
      return [
        conv2dEntry(`${here}.${part}.conv`, `${there}.pool_${letter}`, {
          kernelSize,
          inputs: 1,
          outputs: dim,
        }),
        ...normEntries(`${here}.${part}.norm`, `${there}.norm_${letter}`, dim),
      ];
    }),
    { name: `${here}.positions.rows`, torch: `${there}.rel_pos_h`, shape: [rows, dim] },
    { name: `${here}.positions.columns`, torch: `${there}.rel_pos_w`, shape: [columns, dim] },
    ...linearEntries(`${here}.proj`, `${there}.proj`, embed, embed),
    ...inputs === embed ? [] : linearEntries(`${name}.shortcut`, `${name}.shortcut_proj_attn`, inputs, embed),
    ...normEntries(`${name}.norm2`, `${name}.norm2`, embed),
    ...linearEntries(`${name}.mlp.fc1`, `${name}.mlp.fc1`, embed, hidden),
    ...linearEntries(`${name}.mlp.fc2`, `${name}.mlp.fc2`, hidden, embed),
  ];
}

function normEntries(name: string, torch: string, features: number): TorchEntry[] {
  return ["weight", "bias"].map((part) => ({
    name: `${name}.${part}`,
    torch: `${torch}.${part}`,
    shape: [features],
  }));
}
