/**
 * The models whose whole training step is timed, each in the shape in which the project trains it.
 *
 * @module
 */

import type { ImageShape } from "../../datasets/dataset.ts";
import { convEncoder } from "../../models/conv_encoder.ts";
import type { Architecture } from "../../models/model.ts";
import { adamW } from "../../models/optimizers/adamw.ts";
import type { Optimizer } from "../../models/optimizers/optimizer.ts";
import { sgd } from "../../models/optimizers/sgd.ts";
import { performer } from "../../models/performer.ts";
import { resnet18 } from "../../models/resnet.ts";
import { tokenMeanMlp } from "../../models/token_mean_mlp.ts";
import { patches1d, patches2d, pixels } from "../../models/tokenizers/patches.ts";
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts";
import { vit } from "../../models/vit.ts";

/** A model with what it is trained on and by. */
export interface ModelCase {
  /** Name, also on the command line. */
  readonly name: string;
  /** The model. */
  readonly model: Architecture;
  /** How gradients change parameters. */
  readonly optimizer: Optimizer;
  /** Shape of the images. */
  readonly image: ImageShape;
  /** Makes tokens of them. */
  readonly tokenizer: Tokenizer;
  /** Images a step. */
  readonly batchSize: number;
}

const COLOUR: ImageShape = { height: 28, width: 28, channels: 3 };

/** All of them, in the order of the table. */
export const MODEL_CASES: readonly ModelCase[] = [
  {
    name: "notebook-base",
    model: tokenMeanMlp({ embed: 32, hidden: 196 }),
    optimizer: sgd({ learningRate: 0.1 }),
    image: { height: 14, width: 14, channels: 1 },
    tokenizer: patches1d({ size: 4 }),
    batchSize: 32,
  },
  ...[{ layers: 4, heads: 16 }, { layers: 8, heads: 8 }].map(({ layers, heads }) => ({
    name: `vit-${layers}x256-h${heads}`,
    model: vit({ layers, heads, embed: 256, mlp: 512, code: 128 }),
    optimizer: adamW({ learningRate: 3e-4 }),
    image: COLOUR,
    tokenizer: patches2d({ size: 7 }),
    batchSize: 64,
  })),
  {
    name: "resnet18",
    model: resnet18({ code: 128 }),
    optimizer: adamW({ learningRate: 3e-4 }),
    image: COLOUR,
    tokenizer: pixels(),
    batchSize: 64,
  },
  {
    name: "cnn-32x3",
    model: convEncoder({ channels: [32, 32, 32], kernelSize: 3, code: 128 }),
    optimizer: adamW({ learningRate: 3e-4 }),
    image: COLOUR,
    tokenizer: pixels(),
    batchSize: 64,
  },
  {
    name: "performer-4x128",
    model: performer({ layers: 4, heads: 4, embed: 128, mlp: 512 }),
    optimizer: adamW({ learningRate: 3e-4 }),
    image: { height: 28, width: 28, channels: 1 },
    tokenizer: pixels(),
    batchSize: 16,
  },
];
