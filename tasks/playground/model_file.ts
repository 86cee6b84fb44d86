/**
 * What the playground shows, as files: a model with all that it takes to apply it, and pictures with their classes.
 *
 * Written by the command and read by the page, so neither Deno nor a document is known here.
 *
 * @module
 */

import {
  decodeModel,
  decodeSafetensors,
  encodeModel,
  encodeSafetensors,
  type ImageShape,
  type JsonObject,
  type Normalization,
  type Params,
  PolyphaseError,
  type Split,
  takeSplit,
} from "../../mod.ts";

/** What a file of a model says of it. Plain data. */
export interface ModelCard {
  /** Name for people. */
  readonly title: string;
  /** Shape of the images that it was trained on. */
  readonly image: ImageShape;
  /** Class names by label. */
  readonly classes: readonly string[];
  /** Configuration of the tokenizer. */
  readonly tokenizer: JsonObject;
  /** Configuration of the architecture. */
  readonly model: JsonObject;
  /** What makes numbers of bytes. Absent: divide by 255. */
  readonly normalization?: Normalization;
  /** Share of the test images whose class is predicted right, if it was measured. */
  readonly accuracy?: number;
  /** The same with each batch of test images rolled at random, rows and columns, if it was measured. */
  readonly shiftedAccuracy?: number;
}

/** Names of the files that a page shows, all in its own folder. */
export interface Contents {
  /** Files of models, in the order in which they are offered. */
  readonly models: readonly string[];
  /** File of pictures. */
  readonly samples: string;
}

/** Name of the file that holds the {@linkcode Contents}. */
export const CONTENTS = "contents.json";

const CARD = "playground";

/** The bytes of a safetensors file that holds a model and its card. */
export function encodeModelFile(card: ModelCard, params: Params): Promise<Uint8Array<ArrayBuffer>> {
  return encodeModel(params, { [CARD]: JSON.stringify(card) });
}

/**
 * The card in the bytes of a file.
 *
 * @param file name of the file, for messages
 * @throws {PolyphaseError} if the file cannot be read or has no card
 */
export function readCard(bytes: Uint8Array<ArrayBuffer>, file: string): ModelCard {
  const text = decodeSafetensors(bytes, file).metadata[CARD];
  if (text === undefined) {
    throw new PolyphaseError(
      `${file} does not say what model it holds: give one that deno task playground wrote`,
    );
  }
  return JSON.parse(text);
}

/**
 * The bytes of a model's file that another task wrote, with a card in the place of its metadata. The accuracy that the
 * metadata holds as `val_acc` goes into the card.
 *
 * @param file name of the file, for messages
 * @throws {PolyphaseError} if the file cannot be read
 */
export function withCard(
  bytes: Uint8Array<ArrayBuffer>,
  file: string,
  card: Omit<ModelCard, "accuracy">,
): Uint8Array<ArrayBuffer> {
  const { arrays, metadata } = decodeSafetensors(bytes, file);
  const accuracy = Number(metadata.val_acc ?? NaN);
  const whole: ModelCard = { ...card, ...Number.isFinite(accuracy) ? { accuracy } : {} };
  return encodeSafetensors({ arrays, metadata: { [CARD]: JSON.stringify(whole) } });
}

/** The parameters in the bytes of a file; names and shapes are held to those of `like`. The caller disposes of them. */
export function readParams(bytes: Uint8Array<ArrayBuffer>, file: string, like: Params): Params {
  return decodeModel(bytes, file, like);
}

/** The first `each` pictures of every class, class by class. */
export function pickSamples(split: Split, classes: number, each: number): Split {
  const picked = Array.from({ length: classes }, (_, label) => {
    const members: number[] = [];
    for (let index = 0; index < split.labels.length && members.length < each; index++) {
      if (split.labels[index] === label) members.push(index);
    }
    return members;
  });
  return takeSplit(split, picked.flat());
}

/** The bytes of a safetensors file of pictures, `pixels [count, height, width, channels]` and `labels [count]`. */
export function encodeSamples({ images, labels }: Split): Uint8Array<ArrayBuffer> {
  const { count, height, width, channels, pixels } = images;
  return encodeSafetensors({
    arrays: [
      { name: "pixels", shape: [count, height, width, channels], data: pixels },
      { name: "labels", shape: [count], data: labels },
    ],
    metadata: {},
  });
}

/**
 * The pictures in the bytes of a file.
 *
 * @param file name of the file, for messages
 * @throws {PolyphaseError} if the file cannot be read or holds something else
 */
export function decodeSamples(bytes: Uint8Array<ArrayBuffer>, file: string): Split {
  const { arrays } = decodeSafetensors(bytes, file);
  const [pixels, labels] = ["pixels", "labels"].map((name) => arrays.find((array) => array.name === name));
  if (
    !(pixels?.data instanceof Uint8Array && labels?.data instanceof Uint8Array && pixels.shape.length === 4)
  ) {
    throw new PolyphaseError(`${file} holds no pictures: give one that deno task playground wrote`);
  }
  const [count, height, width, channels] = pixels.shape;
  return { images: { count, height, width, channels, pixels: pixels.data }, labels: labels.data };
}
