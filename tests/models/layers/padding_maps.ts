/**
 * Feature maps on plain arrays, channels last, and what padding and filtering make of them, one loop an axis.
 *
 * @module
 */

import { type Tensor, tf } from "../../../models/backend/tf.ts";
import { keyOf, normal } from "../../../pipeline/random.ts";

/** Values `[batch][height][width][channels]`. */
export type Map4 = number[][][][];

/** A random map. */
export function randomMap(seed: number, shape: readonly number[]): Tensor {
  return tf.tensor(normal(keyOf(seed), shape.reduce((product, each) => product * each, 1)), [...shape]);
}

/** The values of a map. */
export function valuesOf(x: Tensor): Map4 {
  return x.arraySync() as Map4;
}

/** A map whose rows and columns are those of another at the given places. */
export function pixelsAt(x: Map4, rows: readonly number[], columns: readonly number[]): Map4 {
  return x.map((image) => rows.map((row) => columns.map((column) => [...image[row][column]])));
}

/** Places `-before` to `length + after - 1`, each sent to one from 0 to `length - 1`. */
export function places(
  length: number,
  before: number,
  after: number,
  to: (place: number) => number,
): number[] {
  return Array.from({ length: length + before + after }, (_, index) => to(index - before));
}

/** Around the border: step by step, however far beyond it. */
export function around(length: number): (place: number) => number {
  return (place) => {
    while (place < 0) place += length;
    while (place >= length) place -= length;
    return place;
  };
}

/** Mirrored at the first and the last pixel: step by step, however far beyond them. */
export function mirrored(length: number): (place: number) => number {
  return (place) => {
    if (length === 1) return 0;
    while (place < 0 || place >= length) place = place < 0 ? -place : 2 * (length - 1) - place;
    return place;
  };
}

/** The greatest difference of two maps of one shape. */
export function difference(left: Tensor, right: Tensor): number {
  return tf.max(tf.abs(tf.sub(left, right))).dataSync()[0];
}
