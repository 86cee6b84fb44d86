/**
 * From images to logits: the way every evaluation takes, batch by batch, outside any gradient.
 *
 * @module
 */

import { type Images, imageSize } from "../datasets/dataset.ts";
import { shiftImages } from "../datasets/shift.ts";
import { type Tensor, tf } from "../models/backend/tf.ts";
import type { Model, Params } from "../models/model.ts";
import type { Embedding, TokenGrid, Tokenizer } from "../models/tokenizers/tokenizer.ts";
import { concatenate } from "./concatenate.ts";
import { PolyphaseError } from "./errors.ts";
import { byteValues, foldNormalization, type Normalization } from "./normalize.ts";
import type { Between } from "./pause.ts";
import { foldIn, type Key } from "./random.ts";
import { type ViewMean, viewMean, type Views } from "./views.ts";

/** What turns images into logits. A {@linkcode Trained} record is one. */
export interface Predictor {
  /** Makes tokens of images. */
  readonly tokenizer: Tokenizer;
  /** The grid of those tokens. */
  readonly grid: TokenGrid;
  /** What makes numbers of bytes. Absent: divide by 255. */
  readonly normalization?: Normalization;
  /** Makes logits of tokens. */
  readonly model: Model;
  /** The model's parameters. */
  readonly params: Params;
  /** What {@linkcode predict} averages over. Absent: the image as it is. */
  readonly views?: Views;
}

/** How images are taken through a model. */
export interface BatchOptions {
  /** Images per forward pass. Default 500: large enough to hide the cost of a call, small enough to stay in cache. */
  readonly batchSize?: number;
  /** Is awaited before each forward pass and after the last, with the number of images done. */
  readonly between?: Between;
}

/** How images are predicted. */
export interface PredictOptions extends BatchOptions {
  /**
   * Whether the model is applied as in training: it takes the statistics of the batch, and drops out. Default false.
   * Only a comparison with experiments that did so has a use for it.
   */
  readonly training?: boolean;
}

/**
 * Logits of all images, `[count, classes]`, the mean over views if there are any. Tokenizers that use chance draw from
 * `key`.
 */
export function predict(
  predictor: Predictor,
  images: Images,
  key: Key,
  options: PredictOptions = {},
): Promise<Float32Array> {
  const { views } = predictor;
  return views === undefined
    ? predictOnce(predictor, images, key, options)
    : predictViews(predictor, views, images, key, options);
}

function predictOnce(
  predictor: Predictor,
  images: Images,
  key: Key,
  { training = false, ...options }: PredictOptions,
): Promise<Float32Array> {
  const { model, params } = predictor;
  return mapBatches(
    predictor,
    images,
    key,
    (tokens, at) => model.apply(params, tokens, training ? { training, key: foldIn(at, "model") } : {}),
    options,
  );
}

async function predictViews(
  predictor: Predictor,
  { offsets, mode, over }: Views,
  images: Images,
  key: Key,
  { between, ...options }: PredictOptions,
): Promise<Float32Array> {
  let sum: ViewMean | undefined;
  for (const [index, offset] of offsets.entries()) {
    const shifted = shiftImages(images, [offset], mode);
    const before = index * images.count;
    const logits = await predictOnce(predictor, shifted, foldIn(foldIn(key, "view"), index), {
      ...options,
      between: between && ((done) => between(before + done, offsets.length * images.count)),
    });
    sum ??= viewMean(over, images.count, logits.length / Math.max(1, images.count));
    sum.add(logits);
  }
  return sum?.mean() ?? new Float32Array(0);
}

/**
 * What `map` makes of the tokens `[batch, tokens, patch]` of all images, batch by batch and one behind the other. It is
 * called inside a `tf.tidy`, with the key of the batch. Views are none of its business.
 */
export async function mapBatches(
  predictor: Predictor,
  images: Images,
  key: Key,
  map: (tokens: Tensor, key: Key) => Tensor,
  { batchSize = 500, between }: BatchOptions = {},
): Promise<Float32Array> {
  const { tokenizer, grid, normalization } = predictor;
  const embedding = tokenizer.adaptive ? await readEmbedding(predictor) : undefined;
  const size = imageSize(images);
  const parts: Float32Array[] = [];
  for (let start = 0; start < images.count; start += batchSize) {
    await between?.(start, images.count);
    const count = Math.min(batchSize, images.count - start);
    const batch = { ...images, count, pixels: images.pixels.subarray(start * size, (start + count) * size) };
    const at = foldIn(key, start);
    const { values } = tokenizer.tokenize(batch, { embedding, key: at });
    const made = tf.tidy(() => map(tokenTensor(values, count, grid, normalization), at));
    // A copy: on the CPU backends data() hands out memory that the backend may reuse.
    parts.push(Float32Array.from(await made.data()));
    made.dispose();
  }
  await between?.(images.count, images.count);
  return concatenate(parts);
}

/** Tokens as a tensor, `[count, tokens, patch]`, with values in [0, 1] or normalized. */
export function tokenTensor(
  values: Uint8Array,
  count: number,
  grid: TokenGrid,
  normalization?: Normalization,
): Tensor {
  const floats = new Float32Array(values.length);
  if (normalization === undefined) {
    for (let index = 0; index < values.length; index++) floats[index] = UNIT[values[index]];
  } else {
    const channels = grid.patchShape[2];
    const tables = byteValues(channels, normalization);
    for (let index = 0; index < values.length; index++) {
      floats[index] = tables[index % channels][values[index]];
    }
  }
  return tf.tensor3d(floats, [count, grid.tokens, grid.patch]);
}

const [UNIT] = byteValues(1);

/**
 * The model's embedding as numbers on the CPU, where tokenizers work: of values in [0, 1], whatever the model is shown.
 *
 * @throws {PolyphaseError} if the model has none
 */
export async function readEmbedding(
  { model, params, grid, normalization }: Omit<Predictor, "tokenizer">,
): Promise<Embedding> {
  if (model.embedding === undefined) {
    throw new PolyphaseError(
      `Model "${model.name}" has no embedding of patches for an adaptive tokenizer to choose by: tokenize without adaptive`,
    );
  }
  const { weight, bias } = model.embedding(params);
  // Both at once: on a GPU each read waits for the device.
  const [weights, biases] = await Promise.all([weight.data(), bias.data()]);
  const embedding = { weight: weights as Float32Array, bias: biases as Float32Array };
  return normalization ? foldNormalization(embedding, grid.patchShape[2], normalization) : embedding;
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
