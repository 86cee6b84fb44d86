/**
 * Layers of vision transformers on plain arrays, one image at a time, in double precision and with a loop an axis: what the
 * models of stages are compared with, on fixed and on adaptive grids.
 *
 * @module
 */

import type { Params } from "../../models/model.ts";
import { flatten } from "../../models/params.ts";

/** Rows of values, one a token. */
export type Rows = readonly (readonly number[])[];

/** A map of tokens, row by row. */
export interface Grid {
  readonly height: number;
  readonly width: number;
  readonly pixels: Rows;
}

/** Where windows are: on a map that goes on around its border or has nothing beyond it. */
export interface Placing {
  readonly kernel: number;
  readonly stride: number;
  readonly before: number;
  readonly circular?: boolean;
  /** The row and column that windows start at. Default the origin. */
  readonly start?: readonly [row: number, column: number];
}

/** A parameter. */
export interface Weight {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

/** Parameters by dotted name. */
export type Weights = ReadonlyMap<string, Weight>;

/** The numbers of a tree of parameters. */
export async function weightsOf(params: Params): Promise<Weights> {
  const entries = flatten(params).map(async ([name, tensor]): Promise<[string, Weight]> => [
    name,
    { shape: tensor.shape, data: await tensor.data() },
  ]);
  return new Map(await Promise.all(entries));
}

/** Those whose names begin with `part` and a dot, without it. */
export function part(weights: Weights, part: string): Weights {
  return new Map(
    [...weights].filter(([name]) => name.startsWith(`${part}.`)).map((
      [name, weight],
    ) => [name.slice(part.length + 1), weight]),
  );
}

/** The map of the pixel tokens `[height · width, channels]` of an image. */
export function gridOf(
  tokens: ArrayLike<number>,
  { height, width, channels }: { readonly height: number; readonly width: number; readonly channels: number },
): Grid {
  const pixels = Array.from(
    { length: height * width },
    (_, at) => Array.from({ length: channels }, (_, channel) => tokens[at * channels + channel]),
  );
  return { height, width, pixels };
}

/** What `combine` makes of the pixels in each window, those beyond a border that is not circular undefined. */
export function slide(
  { height, width, pixels }: Grid,
  { kernel, stride, before, circular = false, start = [0, 0] }: Placing,
  combine: (taps: readonly (readonly number[] | undefined)[]) => number[],
): Grid {
  const steps = [height, width].map((length) => length === 1 ? 1 : stride);
  const [rows, columns] = [Math.ceil(height / steps[0]), Math.ceil(width / steps[1])];
  const made: number[][] = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const top = (start[0] + row * steps[0]) % height - before;
      const left = (start[1] + column * steps[1]) % width - before;
      const taps = Array.from({ length: kernel ** 2 }, (_, tap) => {
        const [y, x] = [top + Math.floor(tap / kernel), left + tap % kernel];
        if (circular) return pixels[modulo(y, height) * width + modulo(x, width)];
        return y < 0 || x < 0 || y >= height || x >= width ? undefined : pixels[y * width + x];
      });
      made.push(combine(taps));
    }
  }
  return { height: rows, width: columns, pixels: made };
}

/** Cross-correlation with a filter `[kernel, kernel, in / groups, out]`. */
export function convolve(grid: Grid, filter: Weight, bias: Weight | undefined, placing: Placing): Grid {
  const [, , inputs, outputs] = filter.shape;
  const groups = grid.pixels[0].length / inputs;
  return slide(grid, placing, (taps) =>
    Array.from({ length: outputs }, (_, out) => {
      let sum = bias?.data[out] ?? 0;
      const first = Math.floor(out / (outputs / groups)) * inputs;
      taps.forEach((pixel, tap) => {
        for (let channel = 0; pixel !== undefined && channel < inputs; channel++) {
          sum += pixel[first + channel] * filter.data[(tap * inputs + channel) * outputs + out];
        }
      });
      return sum;
    }));
}

/** The greatest values of each window. */
export function greatest(grid: Grid, placing: Placing): Grid {
  return slide(
    grid,
    placing,
    (taps) =>
      grid.pixels[0].map((_, channel) => Math.max(...taps.map((pixel) => pixel?.[channel] ?? -Infinity))),
  );
}

/** Row and column of the polyphase of greatest sum of squares. */
export function best({ height, width, pixels }: Grid, stride: number): readonly [number, number] {
  const [down, right] = [height, width].map((length) => length === 1 ? 1 : stride);
  let found: readonly [number, number] = [0, 0];
  let most = -1;
  for (let row = 0; row < down; row++) {
    for (let column = 0; column < right; column++) {
      let energy = 0;
      pixels.forEach((pixel, place) => {
        if (Math.floor(place / width) % down !== row || place % width % right !== column) return;
        energy += pixel.reduce((sum, value) => sum + value ** 2, 0);
      });
      if (energy > most) [most, found] = [energy, [row, column]];
    }
  }
  return found;
}

/** `x · weight + bias` for every row. */
export function affine(rows: Rows, weights: Weights): Rows {
  const { shape: [, outputs], data } = weights.get("weight")!;
  const bias = weights.get("bias")!.data;
  return rows.map((row) =>
    Array.from(
      { length: outputs },
      (_, out) => row.reduce((sum, value, input) => sum + value * data[input * outputs + out], bias[out]),
    )
  );
}

/** Every row less its mean, over its deviation. */
export function normalize(rows: Rows, weights: Weights, epsilon: number): Rows {
  const [scale, shift] = [weights.get("weight")!.data, weights.get("bias")!.data];
  return rows.map((row) => {
    const mean = row.reduce((sum, value) => sum + value, 0) / row.length;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length;
    return row.map((value, at) => (value - mean) / Math.sqrt(variance + epsilon) * scale[at] + shift[at]);
  });
}

/** Batch norm by the running statistics. */
export function batchNormalize(rows: Rows, weights: Weights): Rows {
  const [scale, shift, mean, variance] = ["weight", "bias", "runningMean", "runningVar"]
    .map((name) => weights.get(name)!.data);
  return rows.map((row) =>
    row.map((value, at) => (value - mean[at]) / Math.sqrt(variance[at] + 1e-5) * scale[at] + shift[at])
  );
}

/** Two linear maps with GELU between. */
export function perceive(rows: Rows, weights: Weights): Rows {
  const hidden = affine(rows, part(weights, "fc1")).map((row) =>
    row.map((x) => x * (1 + erf(x / Math.SQRT2)) / 2)
  );
  return affine(hidden, part(weights, "fc2"));
}

/** `softmax(scores) · values` for each query, the scores being those that `score` gives. */
export function attend(queries: number, values: Rows, score: (query: number, key: number) => number): Rows {
  return Array.from({ length: queries }, (_, query) => {
    const weights = values.map((_, key) => Math.exp(score(query, key)));
    const total = weights.reduce((sum, each) => sum + each, 0);
    return values[0].map((_, at) =>
      values.reduce((sum, value, key) => sum + value[at] * weights[key], 0) / total
    );
  });
}

/** Sum of two lists of rows. */
export function plus(left: Rows, right: Rows): Rows {
  return left.map((row, index) => row.map((value, at) => value + right[index][at]));
}

/** Sum of products. */
export function dot(left: readonly number[], right: readonly number[]): number {
  return left.reduce((sum, value, at) => sum + value * right[at], 0);
}

/** The mean of rows. */
export function meanOf(rows: Rows): number[] {
  return rows[0].map((_, at) => rows.reduce((sum, row) => sum + row[at], 0) / rows.length);
}

/** The remainder in [0, `length`). */
export function modulo(value: number, length: number): number {
  return ((value % length) + length) % length;
}

/** The error function by its Taylor series, for arguments of a few units. */
function erf(x: number): number {
  let [term, sum] = [x, x];
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum) && n < 200; n++) {
    term *= -(x ** 2) / n;
    sum += term / (2 * n + 1);
  }
  return Math.abs(x) > 5 ? Math.sign(x) : 2 / Math.sqrt(Math.PI) * sum;
}
