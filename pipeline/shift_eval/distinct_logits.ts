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
import { concatenate } from "../concatenate.ts";
import type { Between } from "../pause.ts";
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
  /** Bytes of tokens that are kept at most to compare with; images are taken in runs that fit. Default 2²⁷. */
  readonly memory?: number;
  /** Is awaited before each forward pass and each variant of each run, with the number of those variants done. */
  readonly between?: Between;
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
  { batchSize = 500, memory = 2 ** 27, between }: DistinctOptions = {},
): AsyncGenerator<VariantLogits> {
  const { tokenizer, grid, normalization, model, params, views } = predictor;
  const embedding = tokenizer.adaptive ? await readEmbedding(predictor) : undefined;
  const size = grid.tokens * grid.patch;
  const viewCount = views?.offsets.length ?? 1;
  const fitting = Math.floor(memory / Math.max(1, size * variants.length * viewCount));
  const runLength = tokenizer.random ? DRAWN_TOGETHER : Math.max(1, fitting);
  const total = Math.ceil(images.count / runLength) * variants.length;
  let done = 0;

  for (let first = 0; first < images.count; first += runLength) {
    const count = Math.min(runLength, images.count - first);
    const sequences = sequenceStore(size, tokenizer.random ? 0 : variants.length * viewCount * count);
    const places = new Int32Array(variants.length * viewCount * count);
    const parts: Float32Array[] = [];
    let predicted = 0;
    const forward = async (): Promise<void> => {
      await between?.(done, total);
      const values = sequences.bytes(predicted);
      const batch = sequences.count() - predicted;
      const made = tf.tidy(() => model.apply(params, tokenTensor(values, batch, grid, normalization), {}));
      // A copy: on the CPU backends data() hands out memory that the backend may reuse.
      parts.push(Float32Array.from(await made.data()));
      made.dispose();
      predicted += batch;
    };
    const run = imagesAt(images, first, count);
    for (const [nth, variant] of variants.entries()) {
      await between?.(done, total);
      const changed = variant.change(run, first);
      for (let view = 0; view < viewCount; view++) {
        const { images: seen, key: at } = viewOf(views, view, changed, foldIn(key, variant.name));
        const { values } = tokenizer.tokenize(seen, { embedding, key: foldIn(at, first) });
        for (let row = 0; row < count; row++) {
          places[(nth * viewCount + view) * count + row] = sequences.place(values, row);
          if (sequences.count() - predicted === batchSize) await forward();
        }
      }
      done++;
    }
    if (sequences.count() > predicted) await forward();
    const logits = concatenate(parts);
    const distinct = sequences.count();
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

/** Token sequences of a run of images, each different one once. */
interface SequenceStore {
  /** The place of the tokens of image `row` among `values`, `[count, size]`: that of equal ones, or a new place. */
  place(values: Uint8Array<ArrayBuffer>, row: number): number;
  /** How many places there are. */
  count(): number;
  /** The sequences from a place on, `[sequences, size]`. */
  bytes(from: number): Uint8Array;
}

/**
 * A store of sequences of `size` bytes, in which sequences of one image alone can be equal. It finds up to `capacity` of
 * them again; with 0 none, since tokens drawn by chance seldom come twice, and looking would only take memory.
 */
function sequenceStore(size: number, capacity: number): SequenceStore {
  // An open hash table, at most half full: the place + 1, or 0 where there is none.
  const slots = new Int32Array(capacity === 0 ? 0 : 2 ** Math.ceil(Math.log2(2 * capacity)));
  const hashes: number[] = [];
  const rows: number[] = [];
  // The arrays that the sequences came in. What is not among them is free to go.
  const owners: (Uint8Array<ArrayBuffer> | undefined)[] = [];
  let freed = 0;
  const step = size % 4 === 0 ? 4 : 1;
  let words: { readonly of: Uint8Array; readonly values: Uint8Array | Uint32Array } | undefined;
  const wordsOf = (values: Uint8Array<ArrayBuffer>): Uint8Array | Uint32Array =>
    step === 4 && values.byteOffset % 4 === 0
      ? new Uint32Array(values.buffer, values.byteOffset, values.length / 4)
      : values;
  const isEqual = (place: number, values: Uint8Array<ArrayBuffer>, row: number): boolean => {
    const owner = owners[place]!;
    for (let at = row * size; at < (row + 1) * size; at++) if (owner[at] !== values[at]) return false;
    return true;
  };
  const add = (values: Uint8Array<ArrayBuffer>, row: number, hash: number): number => {
    hashes.push(hash);
    rows.push(row);
    return owners.push(values) - 1;
  };
  return {
    place(values, row) {
      if (slots.length === 0) return add(values, row, 0);
      if (words?.of !== values) words = { of: values, values: wordsOf(values) };
      const length = (size * words.values.length) / values.length;
      const hash = hashWords(words.values, row * length, length, row);
      let slot = hash & (slots.length - 1);
      for (; slots[slot] !== 0; slot = (slot + 1) & (slots.length - 1)) {
        const place = slots[slot] - 1;
        if (hashes[place] === hash && rows[place] === row && isEqual(place, values, row)) return place;
      }
      const place = add(values, row, hash);
      slots[slot] = place + 1;
      return place;
    },
    count: () => rows.length,
    bytes(from) {
      const bytes = new Uint8Array((rows.length - from) * size);
      for (let place = from; place < rows.length; place++) {
        const start = rows[place] * size;
        bytes.set(owners[place]!.subarray(start, start + size), (place - from) * size);
      }
      // What nobody looks for again need not be kept once it has been handed out.
      if (slots.length === 0) { for (; freed < rows.length; freed++) owners[freed] = undefined; }
      return bytes;
    },
  };
}

/** FNV-1a by words, with the high bits folded down. Different sequences may share it, so it only says where to look. */
function hashWords(words: Uint8Array | Uint32Array, start: number, length: number, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let at = start; at < start + length; at++) hash = Math.imul(hash ^ words[at], 0x01000193);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}
