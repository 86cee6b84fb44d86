/**
 * What the tests of shift invariance share: logits at every circular shift of an image, and how many of them agree.
 *
 * @module
 */

import type { Images } from "../../datasets/dataset.ts";
import { type Offset, shiftImages, type ShiftMode } from "../../datasets/shift.ts";
import { tf } from "../../models/backend/tf.ts";
import type { Params } from "../../models/model.ts";
import { disposeParams, flatten, unflatten } from "../../models/params.ts";
import { predict, type Predictor } from "../../pipeline/predict.ts";
import { foldIn, type Key, keyOf, normal } from "../../pipeline/random.ts";

/** Circular shifts. */
export type CircularMode = Extract<ShiftMode, `circular-${string}`>;

/** Logits of shifted images that differ by less than this share of the greatest one count as the same. */
export const SAME = 1e-5;

/** How the logits of shifted images compare with those of the images. */
export interface Agreement {
  /** Share of shifts and images whose logits are the same. */
  readonly same: number;
  /** Share whose greatest logit is that of the same class. */
  readonly predicted: number;
  /** The greatest relative difference among those that are the same. */
  readonly within: number;
  /** The least relative difference among the others. */
  readonly beyond: number;
}

/** Every circular shift of images of this shape, none first. */
export function everyOffset({ height, width }: Images, mode: CircularMode): Offset[] {
  const [rows, columns] = mode === "circular-flat" ? [1, height * width] : [height, width];
  return Array.from({ length: rows * columns }, (_, index) => ({
    dy: Math.floor(index / columns),
    dx: index % columns,
  }));
}

/** Compares the logits of every circular shift of each image with those of the image. */
export async function agreement(
  predictor: Predictor,
  images: Images,
  mode: CircularMode,
): Promise<Agreement> {
  const list = async (each: Images) => {
    const logits = await predict(predictor, each, keyOf(0));
    const classes = logits.length / each.count;
    return Array.from(
      { length: each.count },
      (_, row) => logits.subarray(row * classes, (row + 1) * classes),
    );
  };
  const expected = await list(images);
  const [differences, predictions]: [number[], boolean[]] = [[], []];
  for (const offset of everyOffset(images, mode)) {
    const found = await list(shiftImages(images, [offset], mode));
    found.forEach((logits, row) => {
      const scale = Math.max(...expected[row].map(Math.abs));
      differences.push(
        Math.max(...logits.map((each, index) => Math.abs(each - expected[row][index]))) / scale,
      );
      predictions.push(argmax(logits) === argmax(expected[row]));
    });
  }
  const same = differences.filter((each) => each < SAME);
  return {
    same: same.length / differences.length,
    predicted: predictions.filter((each) => each).length / predictions.length,
    within: Math.max(...same),
    beyond: Math.min(...differences.filter((each) => !(each < SAME))),
  };
}

/**
 * Parameters of the same shapes, all drawn: fresh ones may be 0, and then hide what depends on them. Frees the given ones.
 */
export function drawnLike(fresh: Params, key: Key, deviation = 1): Params {
  const drawn = unflatten(
    flatten(fresh).map(([name, { shape, size }]) => [
      name,
      tf.tensor(normal(foldIn(key, name), size).map((each) => each * deviation), shape),
    ]),
  );
  disposeParams(fresh);
  return drawn;
}

function argmax(values: Float32Array): number {
  return values.reduce((best, each, index) => each > values[best] ? index : best, 0);
}
