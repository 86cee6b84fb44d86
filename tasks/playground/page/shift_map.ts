/**
 * The predictions at every circular shift of a picture, as a map that is drawn while they are made.
 *
 * @module
 */

/// <reference lib="dom" />

import { foldIn, type Images, type Key, modulo, type Offset, shiftImages } from "../../../mod.ts";
import { classColour } from "./class_colours.ts";
import { repeatPicture } from "./picture.ts";
import type { ShownModel } from "./shown_model.ts";

/** What is known of all shifts. */
export interface ShiftSummary {
  /** Shifts tried. */
  readonly tried: number;
  /** Those at which the class is that of the picture as it is. */
  readonly same: number;
  /** Greatest change of any probability. */
  readonly change: number;
}

/** Where the map of a picture begins: the shift by 0 is in the middle. */
export function firstShift(size: number): number {
  return -Math.floor(size / 2);
}

/** The key of a shift: a tokenizer that uses chance draws anew at each. */
export function keyOfShift(key: Key, { dy, dx }: Offset, { height, width }: Images): Key {
  return foldIn(key, modulo(dy, height) * width + modulo(dx, width));
}

/**
 * Predicts a picture at every circular shift, row by row, and draws each row when it is known: the hue is the class, the
 * strength its probability.
 *
 * @param reference probabilities of the picture as it is, `[classes]`
 * @param signal stops it between two rows
 * @returns what is known of all shifts; of fewer, if it was stopped
 */
export async function drawShiftMap(
  canvas: HTMLCanvasElement,
  model: ShownModel,
  picture: Images,
  reference: Float32Array,
  key: Key,
  signal: AbortSignal,
): Promise<ShiftSummary> {
  const { height, width } = picture;
  const classes = reference.length;
  const expected = argmax(reference);
  const [across, down] = [canvas.width / width, canvas.height / height];
  const context = canvas.getContext("2d")!;
  context.clearRect(0, 0, canvas.width, canvas.height);
  const repeated = repeatPicture(picture, width);
  let [tried, same, change] = [0, 0, 0];
  for (let row = 0; row < height && !signal.aborted; row++) {
    const dy = firstShift(height) + row;
    const offsets = Array.from({ length: width }, (_, column) => ({ dy, dx: firstShift(width) + column }));
    const shifted = shiftImages(repeated, offsets, "circular-2d");
    const probabilities = await model.probabilities(shifted, keyOfShift(key, offsets[0], picture));
    if (signal.aborted) break;
    for (let column = 0; column < width; column++) {
      const own = probabilities.subarray(column * classes, (column + 1) * classes);
      const label = argmax(own);
      tried++;
      if (label === expected) same++;
      change = Math.max(change, greatestChange(own, reference));
      context.globalAlpha = 0.25 + 0.75 * own[label];
      context.fillStyle = classColour(label);
      context.fillRect(column * across, row * down, across, down);
    }
    context.globalAlpha = 1;
    await nextFrame();
  }
  return { tried, same, change };
}

/** Greatest difference of two lists of probabilities at any class. */
export function greatestChange(left: Float32Array, right: Float32Array): number {
  return left.reduce((most, value, index) => Math.max(most, Math.abs(value - right[index])), 0);
}

/** The class with the greatest probability. */
export function argmax(values: Float32Array): number {
  return values.reduce((best, value, index) => value > values[best] ? index : best, 0);
}

/** Lets the browser draw and take input. Not by frames alone, which do not come to a page in the background. */
function nextFrame(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
