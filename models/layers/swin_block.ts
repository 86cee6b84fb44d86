/**
 * The block of a windowed transformer: attention inside windows, then a perceptron, each beside a way around it.
 *
 * Z. Liu et al., "Swin Transformer", arXiv 2103.14030, which normalizes before each part, and "Swin Transformer V2", arXiv
 * 2111.09883, which normalizes after. Adaptive windows: R. A. Rojas-Gomez et al., "Making Vision Transformers Truly
 * Shift-Equivariant", arXiv 2305.16316.
 *
 * The whole stream of tokens goes through the windows. Where they are chosen by content it is never rolled back: the map
 * that comes out begins where the windows did.
 *
 * @module
 */

import { foldIn, type Key } from "../../pipeline/random.ts";
import { dropPath } from "../backend/ops/dropout.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import type { Params } from "../model.ts";
import { dropout as drop } from "./dropout.ts";
import { layerNorm, type LayerNormParams } from "./layer_norm.ts";
import { mlp, type MlpParams } from "./mlp.ts";
import type { MergingNorm } from "./patch_merging.ts";
import { fromWindows, toWindows, type WindowOffset } from "./window_partition.ts";
import { type AdaptiveEnergy, windowPhase } from "./window_phase.ts";
import type { WindowPlan } from "./window_plan.ts";

/** Parameters of a block whose attention has parameters of its own kind. */
export type SwinBlockParams = {
  /** Normalization before attention, or after it. */
  readonly norm1: LayerNormParams;
  /** Attention in windows. */
  readonly attention: Params;
  /** Normalization before the perceptron, or after it. */
  readonly norm2: LayerNormParams;
  /** The perceptron. */
  readonly mlp: MlpParams;
};

/** How {@linkcode swinBlock} is applied. */
export interface SwinBlockOptions {
  /** Its windows. */
  readonly plan: WindowPlan;
  /** Attention in windows `[windows, tokens, embed]`; the mask is bool, `[windows, 1, tokens, tokens]`. */
  readonly attend: (windows: Tensor, mask: Tensor | undefined) => Tensor;
  /** Whether it normalizes before each part, or after. */
  readonly norm: MergingNorm;
  /** What chosen windows go by. */
  readonly energy?: AdaptiveEnergy;
  /**
   * The map whose energy they go by, `[batch, height, width, channels]`. Default: the tokens that come in, which must not
   * be freshly normalized then.
   */
  readonly energyOf?: Tensor;
  /** Rate at which values are dropped after attention, and in and after the perceptron, in training. Default 0. */
  readonly dropout?: number;
  /** Rate at which either part is left out for an image, in training. Default 0. */
  readonly dropPath?: number;
  /** Random key of training. Without one nothing is dropped. */
  readonly key?: Key;
  /**
   * Is handed `attention.phase [batch, 2]` and `attention.gap [batch]` of chosen windows, and `attention`, the map between
   * attention and perceptron, `[batch, height, width, embed]`.
   */
  readonly collect?: (name: string, activation: Tensor) => void;
}

/** `[batch, height, width, embed]` → `[batch, height, width, embed]`. */
export function swinBlock(params: SwinBlockParams, x: Tensor, options: SwinBlockOptions): Tensor {
  const { plan, attend, norm, dropout: rate = 0, key, collect } = options;
  const { into, back } = offsetsOf(x, options);
  const [batch, , , embed] = x.shape as [number, number, number, number];
  const part = (
    params: LayerNormParams,
    windows: Tensor,
    apply: (x: Tensor) => Tensor,
    name: string,
  ): Tensor => {
    const found = norm === "before" ? apply(layerNorm(params, windows)) : layerNorm(params, apply(windows));
    return tf.add(windows, droppedPath(found, batch, options, name));
  };
  const unwindowed = (windows: Tensor) =>
    plan.isGlobal ? tf.reshape(windows, x.shape) : fromWindows(windows, plan.map, plan.window, back);
  const attended = tf.tidy(() => {
    const windows = plan.isGlobal
      ? tf.reshape(x, [batch, plan.map[0] * plan.map[1], embed])
      : toWindows(x, plan.window, into);
    const attention = (each: Tensor) => drop(attend(each, maskOf(plan, batch)), rate, key, "attended");
    return part(params.norm1, windows, attention, "attention");
  });
  collect?.("attention", unwindowed(attended));
  return tf.tidy(() => {
    const perceptron = (each: Tensor) =>
      mlp(params.mlp, each, { dropout: rate, key: key && foldIn(key, "mlp") });
    return unwindowed(part(params.norm2, attended, perceptron, "mlp"));
  });
}

/** Where the windows of each image begin, and by what the map is rolled back afterwards. */
function offsetsOf(
  x: Tensor,
  { plan: { window, shift, isChosen }, energy, energyOf = x, collect }: SwinBlockOptions,
): { into: WindowOffset; back: WindowOffset } {
  const none = { row: tf.zeros([1]), column: tf.zeros([1]) };
  if (!isChosen) {
    const into = { row: tf.tensor1d([shift[0]]), column: tf.tensor1d([shift[1]]) };
    return { into, back: into };
  }
  const { row, column, gap } = windowPhase(energyOf, window, energy);
  collect?.("attention.phase", tf.stack([row, column], 1));
  collect?.("attention.gap", gap);
  return { into: { row: tf.add(row, shift[0]), column: tf.add(column, shift[1]) }, back: none };
}

/** The mask of the windows of all images, `[windows, 1, tokens, tokens]`. */
function maskOf({ mask, positions: { tokens } }: WindowPlan, batch: number): Tensor | undefined {
  if (mask === undefined) return undefined;
  // Copied here: the WASM backend is slow at repeating.
  const all = new Uint8Array(batch * mask.length);
  for (let image = 0; image < batch; image++) all.set(mask, image * mask.length);
  return tf.tensor4d(all, [all.length / tokens ** 2, 1, tokens, tokens], "bool");
}

/** A branch without that of some images. */
function droppedPath(
  windows: Tensor,
  batch: number,
  { dropPath: rate = 0, key }: SwinBlockOptions,
  name: string,
): Tensor {
  if (key === undefined || rate === 0 || batch === 0) return windows;
  const images = tf.reshape(windows, [batch, windows.size / batch]);
  return tf.reshape(dropPath(images, rate, foldIn(key, `${name}.path`)), windows.shape);
}
