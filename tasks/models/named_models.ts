/**
 * The models that `deno task models` lists: those of the published table, the classifier of the notebook, and others of
 * the same families.
 *
 * @module
 */

import type { ImageShape } from "../../datasets/dataset.ts";
import type { Architecture } from "../../models/model.ts";
import { performer } from "../../models/performer.ts";
import { resnet34, resnet50 } from "../../models/resnet.ts";
import { tokenMeanMlp } from "../../models/token_mean_mlp.ts";
import { patches1d, pixels } from "../../models/tokenizers/patches.ts";
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts";
import { architectureOf, imageOf, ROWS, tokenizerOf } from "../fmnist_vit/rows.ts";

/** A model with what it is built for. */
export interface NamedModel {
  /** Name in the list. */
  readonly name: string;
  /** The model. */
  readonly architecture: Architecture;
  /** How images are cut for it. */
  readonly tokenizer: Tokenizer;
  /** Shape of the images. */
  readonly image: ImageShape;
  /** Trained parameters that were published for it. */
  readonly published?: number;
}

/** The models in the order of the list. */
export const NAMED_MODELS: readonly NamedModel[] = [
  ...ROWS.map((row) => ({
    name: row.row,
    architecture: architectureOf(row),
    tokenizer: tokenizerOf(row),
    image: imageOf(row),
    published: row.published.params,
  })),
  {
    name: "token-mean-mlp",
    architecture: tokenMeanMlp(),
    tokenizer: patches1d({ size: 4 }),
    image: { height: 14, width: 14, channels: 1 },
  },
  {
    name: "resnet34",
    architecture: resnet34({ code: 128 }),
    tokenizer: pixels(),
    image: { height: 28, width: 28, channels: 3 },
  },
  {
    name: "resnet50",
    architecture: resnet50({ code: 128 }),
    tokenizer: pixels(),
    image: { height: 28, width: 28, channels: 3 },
  },
  {
    name: "performer",
    architecture: performer(),
    tokenizer: pixels(),
    image: { height: 28, width: 28, channels: 1 },
  },
];
