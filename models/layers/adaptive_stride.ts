/**
 * Windows that slide over a map with a stride: convolutions and poolings whose grid is fixed, or follows the image.
 *
 * A strided map is a map of stride 1 of which one polyphase is kept. The fixed grid keeps the one at the origin, so it
 * knows shifts by whole strides alone; the adaptive grid keeps the one of most energy. See "Making Vision Transformers
 * Truly Shift-Equivariant" (arXiv 2305.16316).
 *
 * @module
 */

import { type Tensor, tf } from "../backend/tf.ts";
import type { ApplyOptions } from "../model.ts";
import { circularPad } from "./circular_pad.ts";
import type { Padding, Pair } from "./conv2d.ts";
import { mixPhases, phaseWeights } from "./mix_phases.ts";
import { expectDivides, type PhaseChoice, phaseOfMostEnergy, type Stride } from "./phases.ts";

/** A square window and how it slides. */
export interface SlidingWindow {
  /** Rows and columns of the window. */
  readonly kernelSize: number;
  /** Pixels from window to window. */
  readonly stride: number;
  /** Pixels of the first window that lie before the map; those after the map follow from the sizes. */
  readonly padding: number;
  /** Whether the map goes on around its border; else there is nothing beyond it. */
  readonly circular: boolean;
  /** Whether the grid of windows follows the energy of what they make; else it begins at the origin. */
  readonly adaptive: boolean;
}

/** What slides: makes a map of a map, with these strides and this padding. */
export type Slide = (x: Tensor, placing: { readonly strides: Pair; readonly padding: Padding }) => Tensor;

/** How {@linkcode strided} chooses. */
export interface StridedOptions {
  /** Exponent of the energy. Default 2. */
  readonly p?: number;
  /** The polyphase to keep, where it was chosen elsewhere, as for values that belong to keys. */
  readonly choice?: PhaseChoice;
}

/** A map, and which polyphase it is if one was chosen. */
export interface Strided {
  /** `[batch, ⌈height / stride⌉, ⌈width / stride⌉, out]`. */
  readonly output: Tensor;
  /** The choice; absent on a fixed grid. */
  readonly choice?: PhaseChoice;
}

/** The stride along both axes: a single row or column, as that of a signal, is not strided over. */
export function strideOver([height, width]: readonly [number, number], stride: number): Stride {
  return [height === 1 ? 1 : stride, width === 1 ? 1 : stride];
}

/** Windows along both axes. */
export function stridedSize(
  [height, width]: readonly [number, number],
  { stride }: Pick<SlidingWindow, "stride">,
): readonly [height: number, width: number] {
  return [Math.ceil(height / stride), Math.ceil(width / stride)];
}

/**
 * `[batch, height, width, in]` → `[batch, ⌈height / stride⌉, ⌈width / stride⌉, out]`. Where the stride divides the map
 * this is what PyTorch makes with that padding on all sides.
 *
 * @throws {PolyphaseError} if the grid is adaptive and the stride does not divide the map
 */
export function strided(
  x: Tensor,
  window: SlidingWindow,
  slide: Slide,
  { p = 2, choice }: StridedOptions = {},
): Strided {
  const { kernelSize, padding: before, circular, adaptive } = window;
  const after = kernelSize - 1 - before;
  const stride = strideOver([x.shape[1]!, x.shape[2]!], window.stride);
  const around = circular ? circularPad(x, [before, after, before, after]) : x;
  const padding = circular ? 0 : [[before, after], [before, after]] as const;
  if (!adaptive || (stride[0] === 1 && stride[1] === 1)) {
    return { output: slide(around, { strides: stride, padding }) };
  }
  const dense = slide(around, { strides: 1, padding });
  expectDivides("strided", dense, stride);
  const kept = choice ?? phaseOfMostEnergy(dense, stride, p);
  // A product with the one polyphase's weights: many times as fast as picking pixels on the WASM backend.
  return { output: mixPhases(dense, phaseWeights(kept, stride), stride), choice: kept };
}

/** Hands a choice to `collect`: `<name>.phase` `[batch, 2]`, row and column, and `<name>.gap` `[batch]`. */
export function collectChoice(
  { collect }: Pick<ApplyOptions, "collect">,
  name: string,
  choice: PhaseChoice | undefined,
): void {
  if (collect === undefined || choice === undefined) return;
  collect(`${name}.phase`, tf.stack([choice.row, choice.column], 1));
  collect(`${name}.gap`, choice.gap);
}

/** Windows whose results the map of stride 1 or the fixed grid has: what its multiply-adds are proportional to. */
export function windowsOf(size: readonly [number, number], window: SlidingWindow): number {
  const [height, width] = window.adaptive ? size : stridedSize(size, window);
  return height * width;
}
