/**
 * What `shift-vit` keeps of a model for the pictures of its page, as plain data.
 *
 * @module
 */

import { type Images, takeImages } from "../../datasets/dataset.ts";
import { type Offset, shiftImages } from "../../datasets/shift.ts";
import { readEmbedding } from "../../pipeline/predict.ts";
import { foldIn, keyOf } from "../../pipeline/random.ts";
import type { Examined } from "./pipeline.ts";

/** The grid that a tokenizer laid on an image and on shifts of it. */
export type GridDetails = {
  /** Tokens along each axis. */
  readonly shape: readonly number[];
  /** Rows, columns and channels of a patch. */
  readonly patchShape: readonly [height: number, width: number, channels: number];
  /** The image, and its bytes as base64. */
  readonly image: {
    readonly height: number;
    readonly width: number;
    readonly channels: number;
    readonly pixels: string;
  };
  /** Name of its class. */
  readonly label: string;
  /** Where the image was shifted to, and where the tokenizer then shifted it to lay its grid. */
  readonly cells: readonly {
    readonly shift: { readonly dy: number; readonly dx: number };
    readonly offset: { readonly dy: number; readonly dx: number };
  }[];
};

/** What is kept of a model. */
export type Details = {
  /** Results at every circular offset, row by row of the image. */
  readonly offsets: {
    readonly height: number;
    readonly width: number;
    readonly images: number;
    readonly accuracy: readonly number[];
    readonly consistency: readonly number[];
  };
  /** Error of each layer before and after training. */
  readonly layers: readonly {
    readonly layer: string;
    readonly moment: "init" | "trained";
    readonly meanError: number;
    readonly maxError: number;
  }[];
  /** How sure the adaptive modules were. */
  readonly phases: readonly {
    readonly module: string;
    readonly images: number;
    readonly medianGap: number;
    readonly lowGap: number;
    readonly leastGap: number;
    readonly ties: number;
    readonly nearTies: number;
  }[];
  /** The grid of patches, where the model has patches. */
  readonly grid: GridDetails | null;
};

/** The shifts of the picture: none, by one pixel along either axis, and by more. */
const SHIFTS: readonly Offset[] = [
  { dy: 0, dx: 0 },
  { dy: 0, dx: 1 },
  { dy: 1, dx: 0 },
  { dy: 2, dx: 3 },
  { dy: 5, dx: -6 },
];

/** What is kept of a model. */
export async function detailsOf(record: Examined): Promise<Details> {
  const { shift, image: { height, width }, equivariance, phases } = record;
  return {
    offsets: {
      height,
      width,
      images: shift.images,
      accuracy: shift.offsets.map(({ accuracy }) => accuracy),
      consistency: shift.offsets.map(({ consistency }) => consistency),
    },
    layers: equivariance.layers.map(({ layer, moment, meanError, maxError }) => (
      { layer, moment, meanError, maxError }
    )),
    phases: phases.map(({ module, images, medianGap, lowGap, leastGap, ties, nearTies }) => (
      { module, images, medianGap, lowGap, leastGap, ties, nearTies }
    )),
    grid: await gridOf(record),
  };
}

async function gridOf(record: Examined): Promise<GridDetails | null> {
  const { tokenizer, grid, test, classes } = record;
  if (grid.patchShape[0] === 1 && grid.patchShape[1] === 1) return null;
  const image = takeImages(test.images, [0]);
  const embedding = tokenizer.adaptive ? await readEmbedding(record) : undefined;
  const cells = SHIFTS.map((shift, nth) => {
    const shifted = shiftImages(image, [shift], "circular-2d");
    const { offsets: [offset] } = tokenizer.tokenize(shifted, { embedding, key: foldIn(keyOf(0), nth) });
    return { shift: { ...shift }, offset: { dy: offset.dy, dx: offset.dx } };
  });
  const { height, width, channels } = image;
  return {
    shape: [...grid.shape],
    patchShape: [...grid.patchShape],
    image: { height, width, channels, pixels: encode(image.pixels) },
    label: classes[test.labels[0]],
    cells,
  };
}

function encode(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** The image of a picture, from its base64 text. */
export function imageOf({ image: { height, width, channels, pixels } }: GridDetails): Images {
  const bytes = Uint8Array.from(atob(pixels), (character) => character.charCodeAt(0));
  return { count: 1, height, width, channels, pixels: bytes };
}
