/**
 * The records that flow through a pipeline. Each later record holds all of the earlier one; `kind` says how far it is.
 *
 * @module
 */

import type { ImageShape, Split } from "../datasets/dataset.ts";
import type { Model, Params } from "../models/model.ts";
import type { TokenGrid, Tokenizer } from "../models/tokenizers/tokenizer.ts";
import type { Augmentation } from "./augment.ts";
import type { Normalization } from "./normalize.ts";

/** Labelled images, and what is done to a training batch before a model sees it. Made by `load`. */
export interface Data {
  /** How far the record is. */
  readonly kind: "data" | "tokenized" | "trained";
  /** Name of the data set. */
  readonly dataset: string;
  /** Class names by label. */
  readonly classes: readonly string[];
  /** Shape of every image. */
  readonly image: ImageShape;
  /** Images to learn from. */
  readonly train: Split;
  /** Images to test on. */
  readonly test: Split;
  /** Applied in order to each training batch, lazily. */
  readonly augmentations: readonly Augmentation[];
  /** What makes numbers of bytes. Absent: divide by 255. */
  readonly normalization?: Normalization;
}

/** Data with a way to make tokens of it. Made by `tokenize`. */
export interface Tokenized extends Data {
  /** How far the record is. */
  readonly kind: "tokenized" | "trained";
  /** Makes tokens of images. */
  readonly tokenizer: Tokenizer;
  /** The grid of those tokens. */
  readonly grid: TokenGrid;
}

/** One row of a training history: an epoch, or an evaluation. */
export interface HistoryRow {
  /** Epochs done: whole at the end of one, a fraction where `maxInputs` ended training in the middle. */
  readonly epoch: number;
  /** Optimizer steps done. */
  readonly step: number;
  /** Training images seen. */
  readonly inputs: number;
  /** Mean loss over the images seen since the row before. */
  readonly trainLoss: number;
  /** Mean loss over the test images. */
  readonly valLoss: number;
  /** Share of the test images whose class is predicted right, in [0, 1]. */
  readonly valAcc: number;
}

/** What training took. Measured with the run's clock; not part of what a seed determines. */
export interface Timing {
  /** Seconds of training and evaluation, over all parts of a resumed run. */
  readonly seconds: number;
  /** Mean milliseconds of one optimizer step, the making of its batch included. */
  readonly msPerStep: number;
}

/** A trained model. Made by `train`. */
export interface Trained extends Tokenized {
  /** How far the record is. */
  readonly kind: "trained";
  /** The model. */
  readonly model: Model;
  /** Its parameters. Whoever runs the pipeline disposes of them. */
  readonly params: Params;
  /** How many numbers the parameters are. */
  readonly parameterCount: number;
  /** A row an evaluation. */
  readonly history: readonly HistoryRow[];
  /** What it took. */
  readonly timing: Timing;
}
