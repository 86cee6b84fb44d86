/**
 * The binary version of CIFAR: records of one or two label bytes and 3,072 bytes of a 32 × 32 RGB image, plane by plane.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import type { Split } from "./dataset.ts";

/** Height and width of a CIFAR image in pixels. */
export const CIFAR_SIZE = 32;

const PLANE = CIFAR_SIZE * CIFAR_SIZE;
const PIXELS = 3 * PLANE;

/** How the labels of a record lie. */
export interface CifarLayout {
  /** Label bytes in front of the pixels: 1 in CIFAR-10, 2 in CIFAR-100. */
  readonly labelBytes: number;
  /** Which of them is the label. */
  readonly labelIndex: number;
  /** How many classes there are. */
  readonly classes: number;
}

/** A file of records and what it is called in an error. */
export interface CifarFile {
  /** Name of the file. */
  readonly name: string;
  /** Its bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * The records of one or more files as images `[count, 32, 32, 3]` with their labels `[count]`.
 *
 * @throws {PolyphaseError} if a file is not a whole number of records, or a label is out of range
 */
export function readCifar(files: readonly CifarFile[], layout: CifarLayout): Split {
  const { labelBytes, labelIndex, classes } = layout;
  const record = labelBytes + PIXELS;
  for (const { name, bytes } of files) {
    if (bytes.length === 0 || bytes.length % record !== 0) {
      throw new PolyphaseError(
        `${name} has ${bytes.length} bytes, expected records of ${record}: take the binary version from the publisher`,
      );
    }
  }
  const count = files.reduce((sum, { bytes }) => sum + bytes.length / record, 0);
  const pixels = new Uint8Array(count * PIXELS);
  const labels = new Uint8Array(count);
  let index = 0;
  for (const { name, bytes } of files) {
    for (let at = 0; at < bytes.length; at += record, index++) {
      const label = bytes[at + labelIndex];
      if (label >= classes) {
        throw new PolyphaseError(
          `label ${label} at index ${
            at / record
          } of ${name}: there are ${classes} classes, so labels go from 0 to ${
            classes - 1
          }: take the file from the publisher`,
        );
      }
      labels[index] = label;
      const start = at + labelBytes;
      for (let pixel = 0, to = index * PIXELS; pixel < PLANE; pixel++) {
        pixels[to++] = bytes[start + pixel];
        pixels[to++] = bytes[start + PLANE + pixel];
        pixels[to++] = bytes[start + 2 * PLANE + pixel];
      }
    }
  }
  return { images: { count, height: CIFAR_SIZE, width: CIFAR_SIZE, channels: 3, pixels }, labels };
}
