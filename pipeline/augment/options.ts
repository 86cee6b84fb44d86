/**
 * Checks of what augmentations may be told, each with a message that says how to mend it.
 *
 * @module
 */

import { PolyphaseError } from "../errors.ts";

/** What a batch shares: with `image` every image has chances of its own, with `batch` one draw is for all of them. */
export type DrawPer = "image" | "batch";

/** A byte, or a byte for each channel. */
export type Fill = number | readonly number[];

/**
 * Refuses what is neither `image` nor `batch`.
 *
 * @throws {PolyphaseError} if `per` is something else
 */
export function checkPer(name: string, per: DrawPer): void {
  if (per !== "image" && per !== "batch") {
    throw new PolyphaseError(`${name}: per is ${JSON.stringify(per)}, expected "image" or "batch"`);
  }
}

/**
 * Refuses what is no probability.
 *
 * @throws {PolyphaseError} if `value` is not in [0, 1]
 */
export function checkProbability(name: string, value: number, option = "probability"): void {
  if (!(value >= 0 && value <= 1)) {
    throw new PolyphaseError(`${name}: ${option} is ${value}, expected a number from 0 to 1`);
  }
}

/**
 * Refuses a whole number that is none, or is below the least there can be.
 *
 * @throws {PolyphaseError} if `value` is not a whole number of at least `least`
 */
export function checkWhole(name: string, option: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least) {
    throw new PolyphaseError(`${name}: ${option} is ${value}, expected a whole number, ${least} or more`);
  }
}

/**
 * Refuses a fill that is not made of bytes.
 *
 * @throws {PolyphaseError} if `fill` holds anything but whole numbers from 0 to 255
 */
export function checkFill(name: string, fill: Fill): void {
  const values = typeof fill === "number" ? [fill] : fill;
  const isByte = (value: unknown) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 255;
  if (!Array.isArray(values) || values.length === 0 || !values.every(isByte)) {
    throw new PolyphaseError(
      `${name}: fill is ${
        JSON.stringify(fill)
      }, expected a whole number from 0 to 255, or one for each channel`,
    );
  }
}

/**
 * The byte of each channel, `[channels]`.
 *
 * @throws {PolyphaseError} if `fill` names bytes for another number of channels
 */
export function fillBytes(name: string, fill: Fill, channels: number): Uint8Array {
  if (typeof fill === "number") return new Uint8Array(channels).fill(fill);
  if (fill.length !== channels) {
    throw new PolyphaseError(
      `${name}: fill has ${fill.length} values for images of ${channels} channels: give one number, or ${channels}`,
    );
  }
  return Uint8Array.from(fill);
}

/**
 * Refuses what no beta distribution has for a shape.
 *
 * @throws {PolyphaseError} if `alpha` is not a finite number above 0
 */
export function checkAlpha(name: string, option: string, alpha: number): void {
  if (!(alpha > 0 && alpha < Infinity)) {
    throw new PolyphaseError(
      `${name}: ${option} is ${alpha}, expected a number above 0: leave the augmentation out to mix nothing`,
    );
  }
}
