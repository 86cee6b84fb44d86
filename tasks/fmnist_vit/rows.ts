/**
 * The twelve models of the published Fashion-MNIST table, from the least validation loss to the greatest, with the
 * figures that it gives for each.
 *
 * All but one saw 2,000,000 images in training; the table states neither seeds nor repeats. Its `svc` column is the score
 * of a support-vector classifier on the very test codes that it was fitted to.
 *
 * @module
 */

import type { ImageShape } from "../../datasets/dataset.ts";
import { convEncoder } from "../../models/conv_encoder.ts";
import type { Architecture } from "../../models/model.ts";
import { resnet18 } from "../../models/resnet.ts";
import { patches2d, pixels } from "../../models/tokenizers/patches.ts";
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts";
import { vit } from "../../models/vit.ts";

/** What the table says of a model. Accuracies are shares of the 10,000 test images. */
export interface Published {
  /** Mean squared error over classes, on the test images. */
  readonly valLoss: number;
  /** Accuracy of the greatest output. */
  readonly accArgmax: number;
  /** Accuracy of the support-vector classifier, on what it was fitted to. */
  readonly accSvc: number;
  /** Training images seen. */
  readonly inputs: number;
  /** Trained parameters. */
  readonly params: number;
}

/** What every row has. */
export interface CommonRow {
  /** Name of the row. */
  readonly row: string;
  /** Features that the encoder hands to the last linear layer. */
  readonly cs: number;
  /** Channels of the image, which is grey: three are copies of the one. */
  readonly channels: 1 | 3;
  /** What the table says. */
  readonly published: Published;
}

/** A vision transformer of the table. */
export interface VitRow extends CommonRow {
  /** What kind of model. */
  readonly model: "vit";
  /** Pixels along each side of a patch. */
  readonly patch: number;
  /** Encoder blocks. */
  readonly layer: number;
  /** Heads of attention. */
  readonly head: number;
  /** Embed dim of a token. */
  readonly hidden: number;
  /** Hidden units of the perceptron of a block. */
  readonly mlp: number;
  /** Dropout rate. */
  readonly drop: number;
}

/** A convolutional network of the table. */
export interface ConvRow extends CommonRow {
  /** What kind of model. */
  readonly model: "resnet18" | "cnn";
}

/** A row of the table. */
export type Row = VitRow | ConvRow;

/** Images of the table are 28 by 28 pixels. */
const SIZE = 28;

/** What the transformers have where a row does not say otherwise. */
const VIT = {
  model: "vit",
  patch: 7,
  layer: 4,
  head: 8,
  hidden: 256,
  mlp: 512,
  drop: 0,
  cs: 128,
  channels: 3,
} as const;

const INPUTS = 2_000_000;

/** The rows, from the least published validation loss to the greatest. */
export const ROWS: readonly Row[] = [
  {
    row: "rn18",
    model: "resnet18",
    cs: 128,
    channels: 3,
    published: { valLoss: 0.01189, accArgmax: 0.9206, accSvc: 0.9237, inputs: INPUTS, params: 11_243_466 },
  },
  {
    ...VIT,
    row: "vit-l4-h16",
    head: 16,
    published: { valLoss: 0.01429, accArgmax: 0.9063, accSvc: 0.9076, inputs: INPUTS, params: 2_185_610 },
  },
  {
    ...VIT,
    row: "vit-l4-h8",
    published: { valLoss: 0.0146, accArgmax: 0.9034, accSvc: 0.9042, inputs: INPUTS, params: 2_185_610 },
  },
  {
    ...VIT,
    row: "vit-l4-h32",
    head: 32,
    published: { valLoss: 0.01482, accArgmax: 0.9025, accSvc: 0.9013, inputs: INPUTS, params: 2_185_610 },
  },
  {
    ...VIT,
    row: "vit-l8-h8",
    layer: 8,
    published: { valLoss: 0.01499, accArgmax: 0.8992, accSvc: 0.9014, inputs: INPUTS, params: 4_294_026 },
  },
  {
    ...VIT,
    row: "vit-l8-h16",
    layer: 8,
    head: 16,
    published: { valLoss: 0.01514, accArgmax: 0.8997, accSvc: 0.9003, inputs: INPUTS, params: 4_294_026 },
  },
  {
    ...VIT,
    row: "vit-l8-h16-cs784",
    layer: 8,
    head: 16,
    cs: 784,
    published: { valLoss: 0.01518, accArgmax: 0.8993, accSvc: 0.9009, inputs: INPUTS, params: 4_469_178 },
  },
  {
    ...VIT,
    row: "vit-l8-h8-mlp1024",
    layer: 8,
    mlp: 1024,
    published: { valLoss: 0.01526, accArgmax: 0.9002, accSvc: 0.9019, inputs: INPUTS, params: 6_395_274 },
  },
  {
    ...VIT,
    row: "vit-l4-h4",
    head: 4,
    published: { valLoss: 0.01529, accArgmax: 0.8958, accSvc: 0.898, inputs: INPUTS, params: 2_185_610 },
  },
  {
    ...VIT,
    row: "vit-l16-h8",
    layer: 16,
    published: { valLoss: 0.01897, accArgmax: 0.8665, accSvc: 0.8728, inputs: 780_000, params: 8_510_858 },
  },
  {
    row: "cnn",
    model: "cnn",
    cs: 128,
    // Its published number of parameters is that of one channel; with three there are 576 more.
    channels: 1,
    published: { valLoss: 0.01962, accArgmax: 0.9086, accSvc: 0.9181, inputs: INPUTS, params: 2_002_698 },
  },
  {
    ...VIT,
    row: "vit-l8-h12-d768",
    layer: 8,
    head: 12,
    hidden: 768,
    published: { valLoss: 0.02125, accArgmax: 0.8477, accSvc: 0.8502, inputs: INPUTS, params: 25_453_962 },
  },
];

/** Shape of the images that a row's model takes. */
export function imageOf({ channels }: Row): ImageShape {
  return { height: SIZE, width: SIZE, channels };
}

/** The model of a row. */
export function architectureOf(row: Row): Architecture {
  switch (row.model) {
    case "vit":
      return vit({
        layers: row.layer,
        heads: row.head,
        embed: row.hidden,
        mlp: row.mlp,
        dropout: row.drop,
        code: row.cs,
      });
    case "resnet18":
      return resnet18({ code: row.cs });
    case "cnn":
      return convEncoder({ channels: [32, 32, 32], kernelSize: 3, code: row.cs });
  }
}

/** How a row's model sees an image: in patches, or pixel by pixel. */
export function tokenizerOf(row: Row): Tokenizer {
  return row.model === "vit" ? patches2d({ size: row.patch }) : pixels();
}
