/**
 * One image of pixel tokens under every circular shift, in one batch, and parameters far from where they start: what tests
 * of the models of stages are made with.
 *
 * @module
 */

import { shiftImages } from "../../datasets/shift.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import type { Architecture, Model, Params } from "../../models/model.ts";
import { disposeParams, flatten, unflatten } from "../../models/params.ts";
import { pixels } from "../../models/tokenizers/patches.ts";
import { foldIn, keyOf, normal, randint } from "../../pipeline/random.ts";

/** Shape of an image. */
export interface ImageSize {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** Pixel tokens `[shifts, height · width, channels]` of one random image under every circular shift. */
export function everyShift(size: ImageSize, seed = 5): Tensor {
  const { height, width, channels } = size;
  const offsets = Array.from({ length: height * width }, (_, index) => ({
    dy: Math.floor(index / width),
    dx: index % width,
  }));
  const one = Uint8Array.from(randint(keyOf(seed), height * width * channels, 0, 256));
  const copies = new Uint8Array(offsets.length * one.length);
  offsets.forEach((_, index) => copies.set(one, index * one.length));
  const images = { ...size, count: offsets.length, pixels: copies };
  const { values } = pixels().tokenize(shiftImages(images, offsets, "circular-2d"), {});
  return tf.tidy(() => tf.div(tf.tensor(values, [offsets.length, height * width, channels], "float32"), 255));
}

/** A model for such images. */
export function builtFor(architecture: Architecture, size: ImageSize, classes = 5): Model {
  return architecture.build({ grid: pixels().grid(size), classes });
}

/** Parameters all drawn: biases and positions away from 0, scales and variances about 1. */
export function drawnParams(model: Model, seed = 3): Params {
  const fresh = model.init(keyOf(0));
  const leaves = flatten(fresh).map(([name, { shape, size, rank }]): [string, Tensor] => {
    const values = normal(foldIn(keyOf(seed), name), size);
    const share = rank === 1 ? 1 : Math.sqrt(size / shape.at(-1)!);
    const drawn = /runningVar$/.test(name)
      ? values.map((value) => 0.5 + Math.abs(value))
      : /norm\d?\.weight$/.test(name)
      ? values.map((value) => 1 + 0.3 * value)
      : values.map((value) => 0.5 * value * (rank === 1 ? 1 : 3 / share));
    return [name, tf.tensor(drawn, shape)];
  });
  disposeParams(fresh);
  return unflatten(leaves);
}

/** Logits under every shift: how many of them are those of the image itself, and how many of its classes. */
export async function exactShifts(
  architecture: Architecture,
  size: ImageSize,
): Promise<{ shifts: number; exact: number; sameClass: number }> {
  const model = builtFor(architecture, size);
  const [params, tokens] = [drawnParams(model), everyShift(size)];
  const logits = tf.tidy(() => model.apply(params, tokens));
  const [shifts, classes] = logits.shape as [number, number];
  const values = await logits.data();
  const rows = Array.from({ length: shifts }, (_, row) => values.slice(row * classes, (row + 1) * classes));
  const scale = Math.max(...rows[0].map(Math.abs));
  const best = (row: ArrayLike<number>) => Array.from(row).indexOf(Math.max(...Array.from(row)));
  const exact = rows.filter((row) => row.every((value, at) => Math.abs(value - rows[0][at]) < 1e-5 * scale));
  const sameClass = rows.filter((row) => best(row) === best(rows[0]));
  tf.dispose([logits, tokens]);
  disposeParams(params);
  return { shifts, exact: exact.length, sameClass: sameClass.length };
}
