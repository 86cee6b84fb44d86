/**
 * `augment`: what is done to a training batch before a model sees it, lazily and by key.
 *
 * @module
 */

import type { Images } from "../datasets/dataset.ts";
import { type Offset, shiftImages, type ShiftMode } from "../datasets/shift.ts";
import { PolyphaseError } from "./errors.ts";
import type { JsonObject } from "./json.ts";
import { type Stage, stage } from "./pipe.ts";
import { type Key, randint, split } from "./random.ts";
import type { Data } from "./records.ts";

/** A pure function from batch to batch. */
export interface Augmentation {
  /** Name, for example `circular-shift`. */
  readonly name: string;
  /** Everything that determines it. Holds `name`. */
  readonly config: JsonObject;
  /** How many versions of each training image an epoch holds: 1 unless the augmentation multiplies the set. */
  readonly copies: number;
  /** The augmented images, `[count, height, width, channels]`; `version[i]` in [0, `copies`) is that of image `i`. */
  apply(images: Images, key: Key, version: Uint32Array): Images;
  /**
   * Taken instead of `apply` in training by what mixes images of several classes: images together with their targets.
   */
  mix?(batch: TargetedImages, key: Key): TargetedImages;
}

/** Images with what a model is to make of each. */
export interface TargetedImages {
  /** The images. */
  readonly images: Images;
  /** Share of each class in each image, `[count, classes]`: one-hot where nothing is mixed. */
  readonly targets: Float32Array<ArrayBuffer>;
}

/** How far and along what images are shifted. */
export interface ShiftOptions {
  /** Greatest offset in pixels. */
  readonly max: number;
  /** Least offset in pixels. Default 0 along the flattened image, `-max` along rows and columns. */
  readonly min?: number;
  /** `flat` shifts the image flattened row by row, `2d` its rows and columns independently. Default `2d`. */
  readonly axes?: "flat" | "2d";
}

/** Adds augmentations to those that are there already, to be applied after them. */
export function augment(
  ...augmentations: readonly Augmentation[]
): Stage<Data, Data & { kind: "data" }, "augment"> {
  const config = { augmentations: augmentations.map((each) => each.config) };
  return stage("augment", config, (data) => ({
    ...data,
    kind: "data",
    augmentations: [...data.augmentations, ...augmentations],
  }));
}

/** Shifts each image by a random offset of its own, around the border. */
export function circularShift(options: ShiftOptions): Augmentation {
  return randomShift("circular-shift", "circular", options);
}

/** Shifts each image by a random offset of its own; zeros come in at the border. */
export function zeroShift(options: ShiftOptions): Augmentation {
  return randomShift("zero-shift", "zero", options);
}

/**
 * Multiplies the training set: every image counts once for each offset in [`min`, `max`], rolled by it around the
 * border of the flattened image. Nothing is copied ahead of time.
 */
export function rolledCopies({ max, min = 0 }: Omit<ShiftOptions, "axes">): Augmentation {
  checkRange("rolled-copies", min, max);
  return {
    name: "rolled-copies",
    config: { name: "rolled-copies", min, max },
    copies: max - min + 1,
    apply: (images, _key, version) =>
      shiftImages(images, Array.from(version, (each) => ({ dy: 0, dx: min + each })), "circular-flat"),
  };
}

/** Applies augmentations in order, each with a key of its own. `versions` counts the copies of all of them together. */
export function applyAugmentations(
  augmentations: readonly Augmentation[],
  batch: TargetedImages,
  key: Key,
  versions: Uint32Array,
): TargetedImages {
  const keys = split(key, augmentations.length);
  let rest = versions;
  return augmentations.reduce((batch, augmentation, index) => {
    const version = rest.map((each) => each % augmentation.copies);
    rest = rest.map((each) => Math.floor(each / augmentation.copies));
    if (augmentation.mix) return augmentation.mix(batch, keys[index]);
    return { ...batch, images: augmentation.apply(batch.images, keys[index], version) };
  }, batch);
}

/** How many versions of each image all augmentations make together. */
export function copiesOf(augmentations: readonly Augmentation[]): number {
  return augmentations.reduce((product, each) => product * each.copies, 1);
}

function randomShift(name: string, border: "circular" | "zero", options: ShiftOptions): Augmentation {
  const { max, axes = "2d" } = options;
  const min = options.min ?? (axes === "flat" ? 0 : -max);
  checkRange(name, min, max);
  const mode: ShiftMode = `${border}-${axes}`;
  return {
    name,
    config: { name, min, max, axes },
    copies: 1,
    apply(images, key) {
      const [forRows, forColumns] = split(key);
      const columns = randint(forColumns, images.count, min, max + 1);
      const rows = axes === "flat"
        ? new Int32Array(images.count)
        : randint(forRows, images.count, min, max + 1);
      const offsets = Array.from(columns, (dx, index): Offset => ({ dy: rows[index], dx }));
      return shiftImages(images, offsets, mode);
    },
  };
}

function checkRange(name: string, min: number, max: number): void {
  if (!Number.isInteger(min) || !Number.isInteger(max) || min > max) {
    throw new PolyphaseError(
      `${name}: offsets from ${min} to ${max} are no range of whole pixels: give min <= max`,
    );
  }
}
