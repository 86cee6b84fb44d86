/**
 * The stages of a windowed transformer, worked out for a token grid: the size of each map, its windows and its blocks.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import { mergingStride } from "./layers/patch_merging.ts";
import type { RowsColumns } from "./layers/window_partition.ts";
import { type WindowPlan, windowPlan } from "./layers/window_plan.ts";
import type { SwinSettings } from "./swin_options.ts";
import type { TokenGrid } from "./tokenizers/tokenizer.ts";

/** One stage. */
export interface SwinStage {
  /** Rows and columns of its tokens. */
  readonly map: RowsColumns;
  /** Channels of its tokens. */
  readonly channels: number;
  /** Heads of its attention. */
  readonly heads: number;
  /** Hidden units of its perceptrons. */
  readonly hidden: number;
  /** Rows and columns of the stage before that become one, and how many tokens that are; absent in the first stage. */
  readonly merging?: { readonly stride: RowsColumns; readonly merged: number };
  /** Its blocks. */
  readonly blocks: readonly {
    /** The windows. */
    readonly plan: WindowPlan;
    /** Rate at which a part is left out for an image in training. */
    readonly dropPath: number;
  }[];
}

/**
 * The stages for a grid: every second block shifts its windows, and the rate of dropped paths grows evenly from block to
 * block.
 *
 * @throws {PolyphaseError} if some window or merging does not divide its map
 */
export function swinStages(name: string, settings: SwinSettings, grid: TokenGrid): SwinStage[] {
  const maps = mapsOf(name, settings, grid);
  const total = settings.depths.reduce((sum, depth) => sum + depth, 0);
  let block = 0;
  return maps.map((map, index) => {
    const channels = settings.embed * 2 ** index;
    const stride = index === 0 ? undefined : mergingStride(maps[index - 1]);
    return {
      map,
      channels,
      heads: settings.heads[index],
      hidden: Math.floor(channels * settings.mlpRatio),
      ...stride === undefined ? {} : { merging: { stride, merged: stride[0] * stride[1] } },
      blocks: Array.from({ length: settings.depths[index] }, (_, at) => ({
        plan: windowPlan(map, {
          size: settings.window,
          shifted: at % 2 === 1,
          adaptiveWindows: settings.adaptive && settings.adaptive.windows,
          adaptivePositions: settings.adaptive && settings.adaptive.positions,
        }),
        dropPath: total === 1 ? 0 : settings.dropPath * block++ / (total - 1),
      })),
    };
  });
}

function mapsOf(
  name: string,
  { window, depths }: SwinSettings,
  { shape, patchShape }: TokenGrid,
): RowsColumns[] {
  const [rows, columns] = shape.length === 1 ? [1, shape[0]] : [shape[0], shape[1]];
  const down = lengths(rows, window, depths.length);
  const across = lengths(columns, window, depths.length);
  if (down === undefined || across === undefined) {
    const [height, width] = [
      nearest(rows, window, depths.length) * patchShape[0],
      nearest(columns, window, depths.length) * patchShape[1],
    ];
    throw new PolyphaseError(
      `${name} got a grid of ${rows}×${columns} tokens, expected one that windows of ${window} and ` +
        `${depths.length - 1} mergings divide: make the image ${
          shape.length === 1 ? width : `${height}×${width}`
        } ` +
        `pixels, or set another window`,
    );
  }
  return down.map((each, index): RowsColumns => [each, across[index]]);
}

/** The length of a side in each stage, if windows and mergings divide it. */
function lengths(length: number, window: number, stages: number): number[] | undefined {
  const all = Array.from({ length: stages }, (_, stage) => length === 1 ? 1 : length / 2 ** stage);
  return all.every((each) => Number.isInteger(each) && (each <= window || each % window === 0))
    ? all
    : undefined;
}

/** The length nearest to `length` that windows and mergings divide. */
function nearest(length: number, window: number, stages: number): number {
  for (let step = 0;; step++) {
    for (const each of [length + step, length - step]) {
      if (each > 0 && (each > 1 || length === 1) && lengths(each, window, stages) !== undefined) return each;
    }
  }
}
