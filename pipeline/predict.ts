/**
 * From images to logits: the way every evaluation takes, batch by batch, outside any gradient.
 *
 * @module
 */

import { type Images, imageSize } from "../datasets/dataset.ts";
import { type Tensor, tf } from "../models/backend/tf.ts";
import type { Model, Params } from "../models/model.ts";
import type { Embedding, TokenGrid, Tokenizer } from "../models/tokenizers/tokenizer.ts";
import { PolyphaseError } from "./errors.ts";
import { foldIn, type Key } from "./random.ts";

/** What turns images into logits. A {@linkcode Trained} record is one. */
export interface Predictor {
  /** Makes tokens of images. */
  readonly tokenizer: Tokenizer;
  /** The grid of those tokens. */
  readonly grid: TokenGrid;
  /** Makes logits of tokens. */
  readonly model: Model;
  /** The model's parameters. */
  readonly params: Params;
}

/** Images per forward pass: large enough to hide the cost of a call, small enough to stay in cache. */
const BATCH = 500;

const UNIT = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);

/** Logits of all images, `[count, classes]`. Tokenizers that use chance draw from `key`. */
export async function predict(predictor: Predictor, images: Images, key: Key): Promise<Float32Array> {
  const { tokenizer, grid, model, params } = predictor;
  const embedding = tokenizer.adaptive ? await readEmbedding(model, params) : undefined;
  const size = imageSize(images);
  const parts: Float32Array[] = [];
  for (let start = 0; start < images.count; start += BATCH) {
    const count = Math.min(BATCH, images.count - start);
    const batch = { ...images, count, pixels: images.pixels.subarray(start * size, (start + count) * size) };
    const { values } = tokenizer.tokenize(batch, { embedding, key: foldIn(key, start) });
    const logits = tf.tidy(() => model.apply(params, tokenTensor(values, count, grid)));
    parts.push(await logits.data() as Float32Array);
    logits.dispose();
  }
  return concatenate(parts);
}

/** Tokens as a tensor with values in [0, 1], `[count, tokens, patch]`. */
export function tokenTensor(values: Uint8Array, count: number, grid: TokenGrid): Tensor {
  const floats = new Float32Array(values.length);
  for (let index = 0; index < values.length; index++) floats[index] = UNIT[values[index]];
  return tf.tensor3d(floats, [count, grid.tokens, grid.patch]);
}

/**
 * The model's embedding as numbers on the CPU, where tokenizers work.
 *
 * @throws {PolyphaseError} if the model has none
 */
export async function readEmbedding(model: Model, params: Params): Promise<Embedding> {
  if (model.embedding === undefined) {
    throw new PolyphaseError(
      `Model "${model.name}" has no embedding of patches for an adaptive tokenizer to choose by: tokenize without adaptive`,
    );
  }
  const { weight, bias } = model.embedding(params);
  // Both at once: on a GPU each read waits for the device.
  const [weights, biases] = await Promise.all([weight.data(), bias.data()]);
  return { weight: weights as Float32Array, bias: biases as Float32Array };
}

/** The class with the greatest logit for each row of `[count, classes]`; the first where they tie. */
export function argmaxRows(logits: Float32Array, classes: number): Uint8Array<ArrayBuffer> {
  const best = new Uint8Array(logits.length / classes);
  for (let row = 0; row < best.length; row++) {
    for (let label = 1; label < classes; label++) {
      if (logits[row * classes + label] > logits[row * classes + best[row]]) best[row] = label;
    }
  }
  return best;
}

/** In how many rows `left` and `right` agree. */
export function matches(left: Uint8Array, right: Uint8Array): number {
  let same = 0;
  for (let row = 0; row < left.length; row++) if (left[row] === right[row]) same++;
  return same;
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let start = 0;
  for (const part of parts) {
    whole.set(part, start);
    start += part.length;
  }
  return whole;
}
