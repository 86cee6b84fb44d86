/**
 * The cells of a sweep, made of the combinations of its matrix and of what is changed about it from outside.
 *
 * @module
 */

import type { BackendName } from "../../models/backend/select.ts";
import { PolyphaseError } from "../errors.ts";
import type { Json, JsonObject } from "../json.ts";
import { runConfig, type Stage } from "../pipe.ts";
import type { Registry } from "../rebuild.ts";
import type { CellFacts, SweepAdjustments, SweepCell, SweepRow } from "../sweep.ts";
import { adjusted } from "./adjust.ts";
import { prepareCell, runCell } from "./cell.ts";

/** A combination of values with its pipeline. */
export interface Combination<V extends JsonObject, O> {
  /** Place in the matrix before filtering. */
  readonly index: number;
  /** Its name, different for each. Empty where there is nothing to combine. */
  readonly slug: string;
  /** One value of each axis. */
  readonly values: V;
  /** Its pipeline. */
  readonly made: Stage<void, O>;
  /** Seed of its run. Default its value of the axis `seed`, or 0. */
  readonly seed?: number;
}

/** What is the same for all cells of a sweep. */
export interface SweepFacts<V extends JsonObject, O> {
  /** Name of the sweep. */
  readonly name: string;
  /** What the tensors live on. Default `wasm`. */
  readonly backend?: BackendName;
  /** Own columns of the table of results. */
  readonly columns?: (record: O, facts: CellFacts<V>) => SweepRow | Promise<SweepRow>;
  /** Whether the numbers that other stages added to the record have columns. */
  readonly otherNumbers?: boolean;
  /** What to keep beside the row. */
  readonly details?: (record: O, facts: CellFacts<V>) => Json | Promise<Json>;
  /** Builders of own parts. */
  readonly registry?: Registry;
}

/**
 * The cells of combinations, one for each seed.
 *
 * @throws {PolyphaseError} if there are none, if two have one name, or if seeds are given and the combinations have some
 */
export function makeCells<V extends JsonObject, O>(
  sweep: SweepFacts<V, O>,
  combinations: readonly Combination<V, O>[],
  adjustments: SweepAdjustments,
): SweepCell[] {
  const { name } = sweep;
  const { seeds: asked, train } = adjustments;
  const backend = adjustments.backend ?? sweep.backend ?? "wasm";
  const cells = combinations.flatMap(({ index, slug, values, made, seed }): SweepCell[] => {
    if (asked !== undefined && "seed" in values) {
      throw new PolyphaseError(`Sweep ${name} has an axis "seed" already: leave --seed and --seeds out`);
    }
    const pipeline = adjusted(made, train, sweep.registry);
    const seeds = asked ?? [seed ?? seedIn(values, name)];
    return seeds.map((seed): SweepCell => {
      const run = { seed, backend };
      const parts = [slug, ...(seeds.length > 1 ? [`seed=${seed}`] : [])];
      const full = parts.filter((part) => part !== "").join("_");
      const facts = { values, seed, slug: shortened(full === "" ? "only" : full) };
      return {
        index,
        ...facts,
        config: runConfig(pipeline, run),
        prepare: (services) => prepareCell(pipeline, run, services),
        run: (services) =>
          runCell(pipeline, run, facts, services, {
            otherNumbers: sweep.otherNumbers ?? true,
            columns: async (record) => await sweep.columns?.(record, facts) ?? {},
            details: async (record) => await sweep.details?.(record, facts) ?? null,
          }),
      };
    });
  });
  if (cells.length === 0) {
    throw new PolyphaseError(
      `Sweep ${name} has no cells: give every axis a value, and let some past the filter`,
    );
  }
  refuseTwins(name, cells.map(({ slug }) => slug));
  return cells;
}

/** The most bytes of a slug in UTF-8: file systems take names of 255, and paths are longer than names. */
const LONGEST_SLUG = 120;

/** A long slug is cut, and told from others by a hash of all of it. */
function shortened(slug: string): string {
  const bytes = new TextEncoder().encode(slug);
  if (bytes.length <= LONGEST_SLUG) return slug;
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  const end = `-${(hash >>> 0).toString(16).padStart(8, "0")}`;
  // As part of a stream, so that a letter that is cut through is left out.
  const begin = new TextDecoder().decode(bytes.subarray(0, LONGEST_SLUG - end.length), { stream: true });
  return begin + end;
}

function seedIn(values: JsonObject, name: string): number {
  const { seed = 0 } = values;
  if (Number.isInteger(seed) && Number(seed) >= 0 && Number(seed) < 2 ** 32) return Number(seed);
  throw new PolyphaseError(
    `Sweep ${name}: seed ${JSON.stringify(seed)} is not an integer from 0 to ${
      2 ** 32 - 1
    }: give one that is`,
  );
}

function refuseTwins(name: string, slugs: readonly string[]): void {
  const seen = new Map<string, string>();
  for (const slug of slugs) {
    const twin = seen.get(slug.toLowerCase());
    if (twin !== undefined) {
      throw new PolyphaseError(
        `Sweep ${name}: the cells ${twin} and ${slug} could not be told apart as folders: change a value of one`,
      );
    }
    seen.set(slug.toLowerCase(), slug);
  }
}
