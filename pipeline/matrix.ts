/**
 * Matrices of experiments: every combination of some values, each with a name and a pipeline of its own.
 *
 * @module
 */

import { nearestName } from "../datasets/nearest.ts";
import { PolyphaseError } from "./errors.ts";
import type { Json } from "./json.ts";

/** Named lists of values: the axes of a matrix. */
export type Axes = { readonly [axis: string]: readonly Json[] };

/** Combinations listed one by one: the values of some axes. */
export type Includes = readonly { readonly [axis: string]: Json }[];

/** The values that combinations listed one by one give an axis. */
export type IncludedValue<Included, Axis extends PropertyKey> = Included extends
  { readonly [axis in Axis]: infer V extends Json } ? V : never;

/** One value of each axis. */
export type Values<A extends Axes, I extends Includes = readonly []> = {
  readonly [axis in keyof A]: A[axis][number] | IncludedValue<I[number], axis>;
};

/** A combination of values and what was built for it. */
export interface Cell<A extends Axes, T, I extends Includes = readonly []> {
  /** Place in the matrix before filtering, from 0: the last axis runs fastest, and what is included follows. */
  readonly index: number;
  /** A name that is safe in paths and different for each cell: `model=base_seed=0`. */
  readonly slug: string;
  /** The values. */
  readonly values: Values<A, I>;
  /** What `build` made of them: most often a pipeline. */
  readonly made: T;
}

/**
 * Every combination of the values of `axes`, in order with the first axis outermost, each built by `build`.
 * Combinations that `filter` turns down are left out; the index of the others does not change by that.
 *
 * `include` adds combinations one by one, past the filter: each names some axes, and takes of the others the first value.
 *
 * @example
 * ```ts
 * import { matrix } from "./matrix.ts";
 *
 * const cells = matrix({ size: [2, 4], seed: [0, 1] }, ({ size, seed }) => size * 10 + seed);
 * if (cells[3].slug !== "size=4_seed=1" || cells[3].made !== 41) throw new Error("unexpected");
 * ```
 *
 * @throws {PolyphaseError} if two cells have the same slug, or something is included of an axis that is not there
 */
export function matrix<const A extends Axes, T, const I extends Includes = readonly []>(
  axes: A,
  build: (values: Values<A, I>) => T,
  filter: (values: Values<A, I>) => boolean = () => true,
  include?: I,
): Cell<A, T, I>[] {
  const combinations = Object.entries(axes).reduce<Record<string, Json>[]>(
    (done, [axis, values]) => done.flatMap((each) => values.map((value) => ({ ...each, [axis]: value }))),
    [{}],
  );
  const included = (include ?? []).map((each) => completed(axes, each));
  const all = [...combinations, ...included] as Values<A, I>[];
  const cells = all
    .map((values, index) => ({ index, slug: slugOf(values), values }))
    .filter(({ index, values }) => index >= combinations.length || filter(values))
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

/** A combination with the first value of each axis that it does not name, in the order of the axes. */
function completed(axes: Axes, given: Includes[number]): Record<string, Json> {
  const names = Object.keys(axes);
  const stray = Object.keys(given).find((axis) => !names.includes(axis));
  if (stray !== undefined) {
    throw new PolyphaseError(
      `matrix: something is included of "${stray}", which is no axis: ` +
        (names.length === 0 ? "there are none" : `did you mean ${nearestName(stray, names)}?`),
    );
  }
  return Object.fromEntries(
    names.flatMap((axis) => {
      const value = axis in given ? given[axis] : axes[axis][0];
      return value === undefined ? [] : [[axis, value]];
    }),
  );
}
