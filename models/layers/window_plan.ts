/**
 * How one block of a windowed transformer lays windows on its map: their size, shift and mask, whether they are chosen by
 * content, and how positions are counted in them. Worked out once, when a model is built.
 *
 * @module
 */

import { type RelativePositions, relativePositions } from "./relative_positions.ts";
import { windowMask } from "./window_mask.ts";
import type { RowsColumns } from "./window_partition.ts";
import { windowStride } from "./window_phase.ts";

/** The windows of a block. */
export interface WindowPlan {
  /** Rows and columns of tokens. */
  readonly map: RowsColumns;
  /** Those of a window. */
  readonly window: RowsColumns;
  /** Where windows begin: after the chosen place, or the origin. */
  readonly shift: RowsColumns;
  /** Whether one window is the whole map: there is nothing to cut, shift or choose. */
  readonly isGlobal: boolean;
  /** Whether each image chooses where windows begin. */
  readonly isChosen: boolean;
  /** Which tokens see each other, `[windows, tokens, tokens]`: in windows that are shifted and not chosen. */
  readonly mask?: Uint8Array;
  /** The relative positions in a window. */
  readonly positions: RelativePositions;
}

/** What {@linkcode windowPlan} is to make. */
export interface WindowPlanOptions {
  /** Tokens along a side of a window. Where the map has fewer, the window has as many. */
  readonly size: number;
  /** Whether windows are shifted by half their size, as in every second block. */
  readonly shifted: boolean;
  /** Whether windows begin where the tokens have most energy (A-WSA). */
  readonly adaptiveWindows: boolean;
  /** Whether positions are circular along an axis where one window is the whole map (A-RPE). */
  readonly adaptivePositions: boolean;
}

/** The windows of a block on a map whose sides they divide. */
export function windowPlan(map: RowsColumns, options: WindowPlanOptions): WindowPlan {
  const { size, shifted, adaptiveWindows, adaptivePositions } = options;
  const window: RowsColumns = [Math.min(size, map[0]), Math.min(size, map[1])];
  const half = (axis: 0 | 1) => shifted && window[axis] < map[axis] ? Math.floor(window[axis] / 2) : 0;
  const shift: RowsColumns = [half(0), half(1)];
  const axis = (index: 0 | 1) => ({
    length: window[index],
    circular: adaptivePositions && window[index] === map[index],
  });
  const isGlobal = window[0] === map[0] && window[1] === map[1];
  const isChosen = adaptiveWindows && windowStride(map, window).some((each) => each > 1);
  return {
    map,
    window,
    shift,
    isGlobal,
    isChosen,
    mask: isChosen ? undefined : windowMask(map, window, shift),
    positions: relativePositions(axis(0), axis(1)),
  };
}
