/**
 * Matrices of experiments: every combination of some values, each with a name and a pipeline of its own.
 *
 * @module
 */

import { PolyphaseError } from "./errors.ts";
import type { Json } from "./json.ts";

/** Named lists of values: the axes of a matrix. */
export type Axes = { readonly [axis: string]: readonly Json[] };

/** One value of each axis. */
export type Values<A extends Axes> = { readonly [axis in keyof A]: A[axis][number] };

/** A combination of values and what was built for it. */
export interface Cell<A extends Axes, T> {
  /** Place in the matrix before filtering, from 0: the last axis runs fastest. */
  readonly index: number;
  /** A name that is safe in paths and different for each cell: `model=base_seed=0`. */
  readonly slug: string;
  /** The values. */
  readonly values: Values<A>;
  /** What `build` made of them: most often a pipeline. */
  readonly made: T;
}

/**
 * Every combination of the values of `axes`, in order with the first axis outermost, each built by `build`.
 * Combinations that `filter` turns down are left out; the index of the others does not change by that.
 *
 * @example
 * ```ts
 * import { matrix } from "./matrix.ts";
 *
 * const cells = matrix({ size: [2, 4], seed: [0, 1] }, ({ size, seed }) => size * 10 + seed);
 * if (cells[3].slug !== "size=4_seed=1" || cells[3].made !== 41) throw new Error("unexpected");
 * ```
 *
 * @throws {PolyphaseError} if two cells have the same slug
 */
export function matrix<const A extends Axes, T>(
  axes: A,
  build: (values: Values<A>) => T,
  filter: (values: Values<A>) => boolean = () => true,
): Cell<A, T>[] {
  const combinations = Object.entries(axes).reduce<Record<string, Json>[]>(
    (done, [axis, values]) => done.flatMap((each) => values.map((value) => ({ ...each, [axis]: value }))),
    [{}],
  ) as Values<A>[];
  const cells = combinations
    .map((values, index) => ({ index, slug: slugOf(values), values }))
    .filter(({ values }) => filter(values))
    .map((cell) => ({ ...cell, made: build(cell.values) }));
  const seen = new Set<string>();
  for (const { slug } of cells) {
    if (seen.has(slug)) {
      throw new PolyphaseError(`matrix: two cells are called ${slug}: give each axis different values`);
    }
    seen.add(slug);
  }
  return cells;
}

/** Values as a name: letters, digits and `_.,+-` of `axis=value`, joined by `_`. */
export function slugOf(values: { readonly [axis: string]: Json }): string {
  return Object.entries(values)
    .map(([axis, value]) => `${axis}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .map((text) => text.replace(/[^\p{L}\p{N}_=.,+-]/gu, ""))
    .join("_");
}
