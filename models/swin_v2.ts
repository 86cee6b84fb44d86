/**
 * Swin V2: attention by cosines, positions by a perceptron of logarithmic distances, and normalization after each part;
 * plain, or adaptive so that no circular shift of the image changes its logits.
 *
 * Z. Liu et al., "Swin Transformer V2: Scaling Up Capacity and Resolution", arXiv 2111.09883.
 * R. A. Rojas-Gomez et al., "Making Vision Transformers Truly Shift-Equivariant", arXiv 2305.16316.
 *
 * @module
 */

import { POSITION_HIDDEN } from "./layers/continuous_positions.ts";
import {
  cosineWindowAttention,
  type CosineWindowAttentionParams,
  initCosineWindowAttention,
} from "./layers/cosine_window_attention.ts";
import { linearEntries } from "./layers/linear_entries.ts";
import type { Architecture } from "./model.ts";
import { swinArchitecture } from "./swin_family.ts";
import type { SwinOptions } from "./swin_options.ts";

/**
 * A Swin V2 transformer for a token grid, with the options, the adaptive parts and the activations of `swin`.
 *
 * Along an axis where one window is the whole map, adaptive positions take distances on the ring, in the units that plain
 * ones have: adaptive and plain twins have the same parameters.
 *
 * A fresh block adds nothing to the normalized tokens that a stage begins with, all of the same norm: until it has learned
 * a little, the windows of later blocks are chosen by the tie-breaking energy, and their gap is near 0.
 *
 * @throws {PolyphaseError} if the options do not fit each other; `build` throws one that names a size of image if windows
 * and mergings do not divide the grid
 */
export function swinV2(options: SwinOptions = {}): Architecture {
  return swinArchitecture({
    name: "swin-v2",
    norm: "after",
    initAttention: (key, embed, heads) => initCosineWindowAttention(key, embed, heads),
    attend: (params, windows, { plan: { positions, window }, ...options }) =>
      cosineWindowAttention(params as CosineWindowAttentionParams, windows, {
        ...options,
        positions,
        window,
      }),
    attentionEntries: (embed, heads) => [
      { name: "qkv.weight", torch: "qkv.weight", shape: [3 * embed, embed], axes: [1, 0] },
      { name: "queryBias", torch: "q_bias", shape: [embed] },
      { name: "valueBias", torch: "v_bias", shape: [embed] },
      { name: "logScale", torch: "logit_scale", shape: [heads, 1, 1] },
      ...linearEntries("positions.fc1", "cpb_mlp.0", 2, POSITION_HIDDEN),
      {
        name: "positions.fc2.weight",
        torch: "cpb_mlp.2.weight",
        shape: [heads, POSITION_HIDDEN],
        axes: [1, 0],
      },
      ...linearEntries("proj", "proj", embed, embed),
    ],
  }, options);
}
