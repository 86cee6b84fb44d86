/**
 * Swin: a transformer with attention inside windows, which move by half their size from block to block, and fewer and wider
 * tokens from stage to stage; plain, or adaptive so that no circular shift of the image changes its logits.
 *
 * Z. Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows", arXiv 2103.14030.
 * R. A. Rojas-Gomez et al., "Making Vision Transformers Truly Shift-Equivariant", arXiv 2305.16316.
 *
 * @module
 */

import { linearEntries } from "./layers/linear_entries.ts";
import {
  initWindowAttention,
  windowAttention,
  type WindowAttentionParams,
} from "./layers/window_attention.ts";
import type { Architecture } from "./model.ts";
import { swinArchitecture } from "./swin_family.ts";
import type { SwinOptions } from "./swin_options.ts";

export type { AdaptiveEnergy } from "./layers/window_phase.ts";
export type { SwinAdaptive, SwinOptions } from "./swin_options.ts";

/**
 * A Swin transformer for a token grid; the size of its patches is the tokenizer's. A flattened image is a map of one row.
 *
 * With `adaptive: true` and the tokenizer `adaptive(patches2d(...))` the logits of an image and of all its circular shifts
 * are the same but for rounding, at any parameters. Adaptive parts have no parameters of their own: only tables of circular
 * positions are smaller than plain ones.
 *
 * `collect` is handed the maps `[batch, height, width, channels]` of `embedding`, `stages.0.blocks.0.attention` and
 * `stages.0.blocks.0` after the residual sums, `stages.1.merge` and so on, and `code [batch, channels]`, the mean of the
 * normalized tokens. An adaptive part adds `.phase [batch, 2]`, the row and column that it chose, and `.gap [batch]`, by
 * which share of the energy the second best stood back: `stages.0.blocks.0.attention.gap`, `stages.1.merge.gap`.
 *
 * `multiplyAdds` counts what is worked out for each image, not the biases of positions, which a batch shares.
 *
 * @throws {PolyphaseError} if the options do not fit each other; `build` throws one that names a size of image if windows
 * and mergings do not divide the grid
 */
export function swin(options: SwinOptions = {}): Architecture {
  return swinArchitecture({
    name: "swin",
    norm: "before",
    initAttention: (key, embed, heads, { positions }) => initWindowAttention(key, embed, heads, positions),
    attend: (params, windows, { plan: { positions }, ...options }) =>
      windowAttention(params as WindowAttentionParams, windows, { ...options, positions }),
    attentionEntries: (embed, heads, { positions: { entries } }) => [
      ...linearEntries("qkv", "qkv", embed, 3 * embed),
      ...linearEntries("proj", "proj", embed, embed),
      { name: "positions", torch: "relative_position_bias_table", shape: [entries, heads] },
    ],
  }, options);
}
