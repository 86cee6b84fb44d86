/**
 * The circular shift that brings one map nearest to another.
 *
 * Every shift is a candidate, and a map of 28 by 28 has 784. Most are ruled out by their lengths alone: vectors differ by
 * at least the difference of their lengths, so the sum of those differences over all places is a bound that is cheap, as
 * it does not look at channels. Candidates are gone through from the least bound on, and the search ends where a bound
 * exceeds the least distance found. What is found is the true minimum, in float64.
 *
 * @module
 */

import type { Offset } from "../../datasets/shift.ts";
import type { Layout } from "./layout.ts";

/** The nearest shift of a map. */
export interface NearestShift extends Offset {
  /** Euclidean distance of the maps at this shift. */
  readonly distance: number;
}

/**
 * The shift `q` with the least `‖target − S^q source‖`, where `S^q` moves what is at a place `q` rows down and columns to
 * the right, around the border. Numbers before the grid are not moved. Of equally near shifts it is the one of the least
 * bound, then the first row by row.
 *
 * @param target numbers of one image, laid out as `layout` says
 * @param source likewise
 */
export function nearestShift(target: Float32Array, source: Float32Array, layout: Layout): NearestShift {
  const { before, height, width } = layout;
  let fixed = 0;
  for (let at = 0; at < before; at++) fixed += (target[at] - source[at]) ** 2;
  const targetLengths = lengths(target, layout);
  const sourceLengths = lengths(source, layout);
  const candidates = Array.from({ length: height * width }, (_, index) => {
    const [dy, dx] = [Math.floor(index / width), index % width];
    return { dy, dx, bound: lengthBound(targetLengths, sourceLengths, dy, dx, layout) };
  }).sort((a, b) => a.bound - b.bound);

  let best = { dy: 0, dx: 0, square: Infinity };
  for (const { dy, dx, bound } of candidates) {
    // A little less than the bound, which is itself rounded.
    if (bound * (1 - 1e-9) >= best.square) break;
    const square = squareDistance(target, source, dy, dx, layout, best.square);
    if (square < best.square) best = { dy, dx, square };
    if (square === 0) break;
  }
  return { dy: best.dy, dx: best.dx, distance: Math.sqrt(best.square + fixed) };
}

/** Euclidean length of the numbers of one image. */
export function lengthOf(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}

/** Euclidean length at each place, `[height, width]`. */
function lengths(values: Float32Array, { before, height, width, channels }: Layout): Float64Array {
  return Float64Array.from({ length: height * width }, (_, place) => {
    const start = before + place * channels;
    return lengthOf(values.subarray(start, start + channels));
  });
}

function lengthBound(
  target: Float64Array,
  source: Float64Array,
  dy: number,
  dx: number,
  { height, width }: Layout,
): number {
  let sum = 0;
  for (let y = 0; y < height; y++) {
    const [row, from] = [y * width, ((y - dy + height) % height) * width];
    for (let x = 0; x < width; x++) {
      const difference = target[row + x] - source[from + (x < dx ? x - dx + width : x - dx)];
      sum += difference * difference;
    }
  }
  return sum;
}

/** Squared distance at a shift; any number of at least `enough` where it is no less than that. */
function squareDistance(
  target: Float32Array,
  source: Float32Array,
  dy: number,
  dx: number,
  { before, height, width, channels }: Layout,
  enough: number,
): number {
  let sum = 0;
  for (let y = 0; y < height; y++) {
    const [row, from] = [y * width, ((y - dy + height) % height) * width];
    for (let x = 0; x < width; x++) {
      const left = before + (row + x) * channels;
      const right = before + (from + (x < dx ? x - dx + width : x - dx)) * channels;
      for (let channel = 0; channel < channels; channel++) {
        const difference = target[left + channel] - source[right + channel];
        sum += difference * difference;
      }
    }
    if (sum >= enough) return sum;
  }
  return sum;
}
