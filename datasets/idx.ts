/**
 * The IDX format of MNIST and Fashion-MNIST: a magic number, the dimensions in big-endian order, then the values.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import type { Split } from "./dataset.ts";

/** An array read from an IDX file of unsigned bytes. */
export interface IdxArray {
  /** Length of each dimension, outermost first. */
  readonly shape: readonly number[];
  /** The values in row-major order. */
  readonly values: Uint8Array<ArrayBuffer>;
}

/** What the files of a split are called in an error. */
export interface IdxNames {
  /** File of the images. */
  readonly images: string;
  /** File of the labels. */
  readonly labels: string;
}

const UNSIGNED_BYTE = 0x08;
const OTHER_TYPES: Readonly<Record<number, string>> = {
  0x09: "signed bytes",
  0x0b: "16-bit integers",
  0x0c: "32-bit integers",
  0x0d: "32-bit floats",
  0x0e: "64-bit floats",
};

/**
 * Reads an IDX file of unsigned bytes with one to four dimensions. The values are a view of `bytes`, not a copy.
 *
 * @param bytes The whole file, decompressed.
 * @param name What the file is called in an error.
 * @throws {PolyphaseError} if the magic number, the type, the number of dimensions or the length is wrong
 */
export function readIdx(bytes: Uint8Array<ArrayBuffer>, name: string): IdxArray {
  const again = "delete it and run `deno task data` again";
  if (bytes.length < 4) {
    throw new PolyphaseError(`${name} is cut short: ${bytes.length} bytes, expected 4 or more: ${again}`);
  }
  if (bytes[0] !== 0 || bytes[1] !== 0) {
    const seen = hex(bytes.subarray(0, 4));
    throw new PolyphaseError(
      `${name} is no IDX file: it begins with ${seen}, expected 0000 and a type: decompress it, or ${again}`,
    );
  }
  if (bytes[2] !== UNSIGNED_BYTE) {
    const seen = OTHER_TYPES[bytes[2]] ?? `values of unknown type 0x${hex(bytes.subarray(2, 3))}`;
    throw new PolyphaseError(
      `${name} holds ${seen}, expected unsigned bytes (type 0x08): convert its values to bytes from 0 to 255`,
    );
  }
  const dimensions = bytes[3];
  if (dimensions < 1 || dimensions > 4) {
    throw new PolyphaseError(`${name} has ${dimensions} dimensions, expected 1 to 4: ${again}`);
  }
  const header = 4 + 4 * dimensions;
  if (bytes.length < header) {
    throw new PolyphaseError(
      `${name} is cut short: ${bytes.length} bytes, expected a header of ${header}: ${again}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: dimensions }, (_, axis) => view.getUint32(4 + 4 * axis));
  const expected = header + shape.reduce((product, length) => product * length, 1);
  if (bytes.length !== expected) {
    const fault = bytes.length < expected ? "is cut short" : "is too long";
    throw new PolyphaseError(
      `${name} ${fault}: ${bytes.length} bytes, expected ${expected} for ${shape.join(" × ")}: ${again}`,
    );
  }
  return { shape, values: bytes.subarray(header) };
}

/**
 * A split of images `[count, height, width]` or `[count, height, width, channels]` and labels `[count]`.
 *
 * @param classes How many classes there are.
 * @throws {PolyphaseError} if the dimensions or counts do not fit each other, or a label is out of range
 */
export function splitOfIdx(images: IdxArray, labels: IdxArray, classes: number, names: IdxNames): Split {
  if (images.shape.length < 3) {
    throw new PolyphaseError(
      `${names.images} has ${images.shape.length} dimensions, expected 3 (count, height, width): give the file of the images`,
    );
  }
  if (labels.shape.length !== 1) {
    throw new PolyphaseError(
      `${names.labels} has ${labels.shape.length} dimensions, expected 1: give the file of the labels`,
    );
  }
  const [count, height, width, channels = 1] = images.shape;
  if (labels.shape[0] !== count) {
    throw new PolyphaseError(
      `${names.images} has ${count} images and ${names.labels} has ${
        labels.shape[0]
      } labels: take both files from one data set`,
    );
  }
  const wrong = labels.values.findIndex((label) => label >= classes);
  if (wrong >= 0) {
    throw new PolyphaseError(
      `label ${
        labels.values[wrong]
      } at index ${wrong} of ${names.labels}: there are ${classes} classes, so labels go from 0 to ${
        classes - 1
      }: take the file from the publisher`,
    );
  }
  return { images: { count, height, width, channels, pixels: images.values }, labels: labels.values };
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
