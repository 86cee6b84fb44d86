/**
 * How the parameters of Swin and Swin V2 are stored in files of PyTorch's, by timm's names: a stage begins with its
 * merging, `layers.1.downsample`.
 *
 * @module
 */

import { linearEntries } from "./layers/linear_entries.ts";
import type { RowsColumns } from "./layers/window_partition.ts";
import type { ModelShape, TorchEntry } from "./model.ts";
import type { SwinMember } from "./swin_family.ts";
import type { SwinSettings } from "./swin_options.ts";
import type { SwinStage } from "./swin_stages.ts";

/**
 * The layout of a member. Tables of circular positions have no counterpart there; they stand where the others would, in
 * their own shape.
 */
export function swinTorchLayout(
  member: SwinMember,
  { embed }: SwinSettings,
  { grid, classes }: ModelShape,
  stages: readonly SwinStage[],
): TorchEntry[] {
  const [height, width, channels] = grid.patchShape;
  const last = stages.at(-1)!.channels;
  return [
    {
      name: "patchEmbedding.weight",
      torch: "patch_embed.proj.weight",
      shape: [embed, channels, height, width],
      axes: [2, 3, 1, 0],
    },
    { name: "patchEmbedding.bias", torch: "patch_embed.proj.bias", shape: [embed] },
    ...normEntries("patchNorm", "patch_embed.norm", embed),
    ...stages.flatMap((stage, index) => stageEntries(member, stage, index)),
    ...normEntries("norm", "norm", last),
    ...linearEntries("head", "head.fc", last, classes),
  ];
}

function stageEntries(member: SwinMember, stage: SwinStage, index: number): TorchEntry[] {
  const { channels, hidden, heads, merging, blocks } = stage;
  const [here, there] = [`stages.${index}`, `layers.${index}`];
  const merge = merging === undefined ? [] : mergeEntries(member, stage, merging.stride, here, there);
  return [
    ...merge,
    ...blocks.flatMap(({ plan }, at) => {
      const [name, torch] = [`${here}.blocks.${at}`, `${there}.blocks.${at}`];
      return [
        ...normEntries(`${name}.norm1`, `${torch}.norm1`, channels),
        ...member.attentionEntries(channels, heads, plan).map((entry) => ({
          ...entry,
          name: `${name}.attention.${entry.name}`,
          torch: `${torch}.attn.${entry.torch}`,
        })),
        ...normEntries(`${name}.norm2`, `${torch}.norm2`, channels),
        ...linearEntries(`${name}.mlp.fc1`, `${torch}.mlp.fc1`, channels, hidden),
        ...linearEntries(`${name}.mlp.fc2`, `${torch}.mlp.fc2`, hidden, channels),
      ];
    }),
  ];
}

/** There neighbours stand side by side column by column, here row by row. */
function mergeEntries(
  { norm }: SwinMember,
  { channels }: SwinStage,
  [rows, columns]: RowsColumns,
  here: string,
  there: string,
): TorchEntry[] {
  const [single, all] = [channels / 2, rows * columns * channels / 2];
  const turned = { view: [columns, rows, single], axes: [1, 0, 2] };
  return [
    ...normEntries(`${here}.merge.norm`, `${there}.downsample.norm`, norm === "before" ? all : channels)
      .map((entry) => norm === "before" ? { ...entry, ...turned } : entry),
    {
      name: `${here}.merge.reduction.weight`,
      torch: `${there}.downsample.reduction.weight`,
      shape: [channels, all],
      view: [channels, columns, rows, single],
      axes: [2, 1, 3, 0],
    },
  ];
}

function normEntries(name: string, torch: string, features: number): TorchEntry[] {
  return ["weight", "bias"].map((part) => ({
    name: `${name}.${part}`,
    torch: `${torch}.${part}`,
    shape: [features],
  }));
}
