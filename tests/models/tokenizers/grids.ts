/**
 * Grids of patches on small images, every circular shift of them, and images on which to choose a grid is hard.
 *
 * @module
 */

import type { Images } from "../../../datasets/dataset.ts";
import type { Offset } from "../../../datasets/shift.ts";
import { patches1d, patches2d, type PatchTokenizer } from "../../../models/tokenizers/patches.ts";
import type { Embedding } from "../../../models/tokenizers/tokenizer.ts";
import { keyOf } from "../../../pipeline/random.ts";
import { randomImages } from "../../pipeline/fixtures.ts";
import { type Axes, randomEmbedding } from "./naive.ts";

/** A way to lay a grid on images of a shape, and every circular shift of them. */
export interface Grid {
  readonly name: string;
  readonly axes: Axes;
  readonly patches: PatchTokenizer;
  readonly shape: { readonly height: number; readonly width: number; readonly channels: number };
  readonly rows: number;
  readonly columns: number;
  readonly patch: number;
}

/** Along the flattened image and along its axes, of one channel and of three. */
export const GRIDS: readonly Grid[] = [
  {
    name: "1-D, 14×14, patch 4",
    axes: "flat",
    patches: patches1d({ size: 4 }),
    shape: { height: 14, width: 14, channels: 1 },
    rows: 1,
    columns: 49,
    patch: 4,
  },
  {
    name: "2-D, 8×8, patch 2",
    axes: "2d",
    patches: patches2d({ size: 2 }),
    shape: { height: 8, width: 8, channels: 1 },
    rows: 4,
    columns: 4,
    patch: 4,
  },
  {
    name: "2-D, 6×9, patch 3, three channels",
    axes: "2d",
    patches: patches2d({ size: 3 }),
    shape: { height: 6, width: 9, channels: 3 },
    rows: 2,
    columns: 3,
    patch: 27,
  },
];

/** Every circular shift of the images of a grid. */
export function shiftsOf({ axes, shape: { height, width } }: Grid): Offset[] {
  if (axes === "flat") return Array.from({ length: height * width }, (_, dx) => ({ dy: 0, dx }));
  return Array.from({ length: height * width }, (_, at) => ({ dy: Math.floor(at / width), dx: at % width }));
}

/** An embedding of its patches. */
export function embeddingOf(grid: Grid, seed = 9): Embedding {
  return randomEmbedding(keyOf(seed), grid.patch, 6);
}

/** All rotations of tokens on their torus, as text. */
export function rotations({ rows, columns }: Grid, tokens: readonly number[][]): Set<string> {
  return new Set(tokens.map((_, start) =>
    tokens.map((_, place) => {
      const row = (Math.floor(start / columns) + Math.floor(place / columns)) % rows;
      return tokens[row * columns + (start + place) % columns];
    }).join(";")
  ));
}

/** Images on which choosing is hard: few grey levels, repeats, nothing at all. */
export function hardImages({ shape, patch }: Grid): [name: string, image: Images][] {
  const { height, width, channels } = shape;
  const size = height * width * channels;
  const made = (at: (index: number) => number): Images => ({
    ...shape,
    count: 1,
    pixels: Uint8Array.from({ length: size }, (_, index) => at(index)),
  });
  return [
    ["two grey levels", randomImages(keyOf(21), { count: 1, ...shape }, [0, 255])],
    ["two grey levels, sparse", randomImages(keyOf(22), { count: 1, ...shape }, [0, 0, 0, 0, 0, 0, 0, 255])],
    ["three grey levels", randomImages(keyOf(23), { count: 1, ...shape }, [7, 8, 9])],
    ["black", made(() => 0)],
    ["white", made(() => 255)],
    ["one bright value", made((index) => index === size - 1 ? 255 : 0)],
    ["two equal bright values", made((index) => index === 0 || index === Math.floor(size / 2) ? 255 : 0)],
    ["columns", made((index) => (Math.floor(index / channels) % width) % 2 === 0 ? 200 : 10)],
    ["rows", made((index) => Math.floor(index / channels / width) % 2 === 0 ? 200 : 10)],
    ["period of a patch", made((index) => 40 * (index % patch % 5))],
    ["two halves", made((index) => (index * 37) % Math.floor(size / 2) % 251)],
    ["half bright", made((index) => index < size / 2 ? 255 : 0)],
  ];
}
