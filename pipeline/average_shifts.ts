/**
 * `averageShifts`: predictions averaged over circular shifts of the image, with the model as it was trained.
 *
 * @module
 */

import type { ImageShape } from "../datasets/dataset.ts";
import type { Offset } from "../datasets/shift.ts";
import { PolyphaseError } from "./errors.ts";
import { type Stage, stage } from "./pipe.ts";
import type { Trained } from "./records.ts";
import type { Views } from "./views.ts";

/** Over what {@linkcode averageShifts} averages. */
export interface AverageShiftsOptions {
  /** The shifts to average over, `all` for every circular shift there is. Default `all`. */
  readonly offsets?: readonly Offset[] | "all";
  /** Along rows and columns, or along the flattened image. Default `circular-2d`. */
  readonly mode?: "circular-2d" | "circular-flat";
  /** Whether logits are averaged, or the probabilities that softmax makes of them. Default `probabilities`. */
  readonly over?: "logits" | "probabilities";
}

/** A trained model that predicts by the mean over shifts. Made by `averageShifts`. */
export interface Averaged extends Trained {
  /** The shifts. */
  readonly views: Views;
}

/**
 * From here on, `predict` and every stage that evaluates by it hand each image to the model once for each shift, as often
 * the cost, and take the mean. Images are shifted before they are made tokens of, so any tokenizer and model will do.
 *
 * The mean over *all* circular shifts is invariant to all of them, up to rounding, whatever the model. A model that is
 * already invariant to shifts by `size` pixels, such as a vision transformer with patches of that size and no sense of
 * place, has no need of all: the `size²` of {@linkcode phaseOffsets} are enough. For a model with position embeddings
 * they are not.
 *
 * @throws {PolyphaseError} if an option is not what it may be, or there are no offsets
 */
export function averageShifts(
  { offsets = "all", mode = "circular-2d", over = "probabilities" }: AverageShiftsOptions = {},
): Stage<Trained, Averaged, "averageShifts"> {
  expectKnown("mode", mode, ["circular-2d", "circular-flat"]);
  expectKnown("over", over, ["logits", "probabilities"]);
  if (offsets !== "all") expectOffsets(offsets, mode);
  const plain = offsets === "all" ? offsets : offsets.map(({ dy, dx }) => ({ dy, dx }));
  return stage("averageShifts", { offsets: plain, mode, over }, (trained) => ({
    ...trained,
    views: { offsets: plain === "all" ? everyOffset(trained.image, mode) : plain, mode, over },
  }));
}

/**
 * The shifts by less than `size` pixels down and to the right: all places of an image on a grid of such cells.
 *
 * @throws {PolyphaseError} if `size` is not a whole number of 1 or more
 */
export function phaseOffsets(size: number): Offset[] {
  if (!Number.isInteger(size) || size < 1) {
    throw new PolyphaseError(
      `phaseOffsets got size ${size}, expected a whole number of pixels: give 1 or more`,
    );
  }
  return rectangle(size, size);
}

function everyOffset({ height, width }: ImageShape, mode: string): Offset[] {
  return mode === "circular-flat" ? rectangle(1, height * width) : rectangle(height, width);
}

function rectangle(height: number, width: number): Offset[] {
  return Array.from({ length: height * width }, (_, index) => ({
    dy: Math.floor(index / width),
    dx: index % width,
  }));
}

function expectKnown(name: string, value: string, known: readonly string[]): void {
  if (known.includes(value)) return;
  throw new PolyphaseError(
    `averageShifts got ${name} "${value}", expected ${known.join(" or ")}: choose one`,
  );
}

function expectOffsets(offsets: readonly Offset[], mode: string): void {
  if (offsets.length === 0) {
    throw new PolyphaseError(
      "averageShifts got no offsets, expected one or more: give { dy: 0, dx: 0 } at least",
    );
  }
  for (const { dy, dx } of offsets) {
    const isFlat = mode !== "circular-flat" || dy === 0;
    if (Number.isInteger(dy) && Number.isInteger(dx) && isFlat) continue;
    throw new PolyphaseError(
      `averageShifts got offset dy ${dy}, dx ${dx} with mode "${mode}", expected whole pixels` +
        `${isFlat ? "" : " and dy 0"}: mend it, or take another mode`,
    );
  }
}
