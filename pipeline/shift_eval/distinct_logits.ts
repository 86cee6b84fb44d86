/**
 * Logits of many variants of the same images, with no forward pass made twice.
 *
 * A model sees tokens and nothing else. Where two variants of an image, such as two shifts of it, become the same tokens
 * byte for byte, they have the same logits, so each different sequence of tokens goes through the model once. An invariant
 * tokenizer then needs one pass for all shifts of an image, an equivariant one as many as there are rotations of its
 * tokens, and a fixed grid one for each shift. Nothing is approximated: equal means equal in every byte.
 *
 * @module
 */

import { type Images, imageSize } from "../../datasets/dataset.ts";
import { shiftImages } from "../../datasets/shift.ts";
import { tf } from "../../models/backend/tf.ts";
import { type Predictor, readEmbedding, tokenTensor } from "../predict.ts";
import { foldIn, type Key } from "../random.ts";
import { viewMean, type Views } from "../views.ts";

/** One way to change images. */
export interface Variant {
  /** Name, which the random key of a tokenizer that uses chance is made of. */
  readonly name: string;
  /** The images changed; the first of them is that of row `first` in the whole set. */
  change(images: Images, first: number): Images;
}

/** The logits of all variants of a run of images. */
export interface VariantLogits {
  /** Row of the first image. */
  readonly first: number;
  /** How many images. */
  readonly count: number;
  /**
   * Logits `[rows, classes]`: of each different sequence of tokens, or where the predictor averages over views, of each
   * variant of each image.
   */
  readonly logits: Float32Array;
  /** Which row belongs to each variant of each image, `[variants, count]`. */
  readonly places: Int32Array;
  /** How many different sequences of tokens there are: as many as went through the model. */
  readonly distinct: number;
}

/** How variants are predicted. */
export interface DistinctOptions {
  /** Token sequences per forward pass. Default 500. */
  readonly batchSize?: number;
  /** Bytes of tokens that are kept at most to compare with; images are taken in runs that fit. Default 2²⁶. */
  readonly memory?: number;
  /** Is awaited before each variant of each run with the number of those done, to give others a turn or to stop. */
  readonly between?: (done: number, total: number) => Promise<void>;
}

/** Where a sequence of tokens lies. */
interface Sequence {
  readonly values: Uint8Array;
  readonly start: number;
}

/** Tokenizers that use chance draw for this many images at once, as `predict` has them do. */
const DRAWN_TOGETHER = 500;

/**
 * The logits of every variant of every image, run by run: what `predict` says of each, the mean over views if there are
 * any. Views of variants that are the same tokens are not made twice either.
 *
 * A tokenizer that uses chance draws from `key`, the name of the variant and the place of the image, so its draws do not
 * depend on the other variants.
 */
export async function* distinctLogits(
  predictor: Predictor,
  images: Images,
  variants: readonly Variant[],
  key: Key,
  { batchSize = 500, memory = 2 ** 26, between }: DistinctOptions = {},
): AsyncGenerator<VariantLogits> {
  const { tokenizer, grid, normalization, model, params, views } = predictor;
  const embedding = tokenizer.adaptive ? await readEmbedding(predictor) : undefined;
  const size = grid.tokens * grid.patch;
  const viewCount = views?.offsets.length ?? 1;
  const fitting = Math.floor(memory / Math.max(1, size * variants.length * viewCount));
  const runLength = tokenizer.random ? DRAWN_TOGETHER : Math.min(DRAWN_TOGETHER, Math.max(1, fitting));
  const total = Math.ceil(images.count / runLength) * variants.length;
  let done = 0;

  for (let first = 0; first < images.count; first += runLength) {
    const count = Math.min(runLength, images.count - first);
    const known = knownSequences(count, size);
    const places = new Int32Array(variants.length * viewCount * count);
    const parts: Float32Array[] = [];
    let waiting: Sequence[] = [];
    let distinct = 0;
    const forward = async (): Promise<void> => {
      const values = new Uint8Array(waiting.length * size);
      waiting.forEach(({ values: from, start }, row) =>
        values.set(from.subarray(start, start + size), row * size)
      );
      const made = tf.tidy(() =>
        model.apply(params, tokenTensor(values, waiting.length, grid, normalization), {})
      );
      // A copy: on the CPU backends data() hands out memory that the backend may reuse.
      parts.push(Float32Array.from(await made.data()));
      made.dispose();
      waiting = [];
    };
    const run = imagesAt(images, first, count);
    for (const [nth, variant] of variants.entries()) {
      await between?.(done, total);
      const changed = variant.change(run, first);
      for (let view = 0; view < viewCount; view++) {
        const { images: seen, key: at } = viewOf(views, view, changed, foldIn(key, variant.name));
        const { values } = tokenizer.tokenize(seen, { embedding, key: foldIn(at, first) });
        for (let row = 0; row < count; row++) {
          const sequence = { values, start: row * size };
          // Tokens drawn by chance seldom come twice, so keeping them would only take memory.
          const place = tokenizer.random ? distinct : known(row, sequence, distinct);
          places[(nth * viewCount + view) * count + row] = place;
          if (place !== distinct) continue;
          distinct++;
          waiting.push(sequence);
          if (waiting.length === batchSize) await forward();
        }
      }
      done++;
    }
    if (waiting.length > 0) await forward();
    const logits = concatenate(parts);
    yield views === undefined
      ? { first, count, logits, places, distinct }
      : { first, count, ...averaged(views, logits, places, distinct, variants.length, count), distinct };
  }
  await between?.(total, total);
}

/** One view of changed images, with the key that `predict` draws by for it. */
function viewOf(
  views: Views | undefined,
  view: number,
  changed: Images,
  key: Key,
): { readonly images: Images; readonly key: Key } {
  if (views === undefined) return { images: changed, key };
  const images = shiftImages(changed, [views.offsets[view]], views.mode);
  return { images, key: foldIn(foldIn(key, "view"), view) };
}

/** The mean over views for each variant of each image: a row each. */
function averaged(
  { offsets, over }: Views,
  logits: Float32Array,
  places: Int32Array,
  distinct: number,
  variants: number,
  count: number,
): Pick<VariantLogits, "logits" | "places"> {
  const classes = logits.length / distinct;
  const means = new Float32Array(variants * count * classes);
  for (let nth = 0; nth < variants; nth++) {
    const mean = viewMean(over, count, classes);
    for (let view = 0; view < offsets.length; view++) {
      const rows = new Float32Array(count * classes);
      for (let row = 0; row < count; row++) {
        const place = places[(nth * offsets.length + view) * count + row];
        rows.set(logits.subarray(place * classes, (place + 1) * classes), row * classes);
      }
      mean.add(rows);
    }
    means.set(mean.mean(), nth * count * classes);
  }
  return { logits: means, places: Int32Array.from({ length: variants * count }, (_, place) => place) };
}

/** The images from row `first` on, on the same bytes. */
function imagesAt(images: Images, first: number, count: number): Images {
  const size = imageSize(images);
  return { ...images, count, pixels: images.pixels.subarray(first * size, (first + count) * size) };
}

/**
 * Remembers token sequences of `size` bytes, image by image: gives the place of the sequence that is equal in every byte,
 * or takes in the new one at place `next`.
 */
function knownSequences(count: number, size: number): (row: number, one: Sequence, next: number) => number {
  const seen = Array.from({ length: count }, () => new Map<number, (Sequence & { place: number })[]>());
  return (row, one, next) => {
    const hash = hashBytes(one.values, one.start, size);
    const alike = seen[row].get(hash);
    const found = alike?.find((each) => equalBytes(each, one, size));
    if (found !== undefined) return found.place;
    const kept = { ...one, place: next };
    if (alike === undefined) seen[row].set(hash, [kept]);
    else alike.push(kept);
    return next;
  };
}

/** 32-bit FNV-1a. Different sequences may share it, so it only says where to look. */
function hashBytes(values: Uint8Array, start: number, size: number): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < start + size; at++) hash = Math.imul(hash ^ values[at], 0x01000193);
  return hash;
}

function equalBytes(left: Sequence, right: Sequence, size: number): boolean {
  for (let at = 0; at < size; at++) {
    if (left.values[left.start + at] !== right.values[right.start + at]) return false;
  }
  return true;
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0];
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let start = 0;
  for (const part of parts) {
    whole.set(part, start);
    start += part.length;
  }
  return whole;
}
