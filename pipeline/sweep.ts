/**
 * Sweeps: a matrix of experiments with names, so that many runs can be made side by side, stopped and resumed.
 *
 * A module that exports a sweep can be run by any number of workers: functions cannot be sent to a worker, but the
 * worker can import the module and pick its cell by name.
 *
 * @example Two learning rates, two seeds each
 * ```ts
 * import { synthetic } from "../datasets/synthetic.ts";
 * import { sharedDataset } from "../datasets/dataset.ts";
 * import { sgd } from "../models/optimizers/sgd.ts";
 * import { tokenMeanMlp } from "../models/token_mean_mlp.ts";
 * import { patches2d } from "../models/tokenizers/patches.ts";
 * import { load } from "./load.ts";
 * import { pipe } from "./pipe.ts";
 * import { defineSweep } from "./sweep.ts";
 * import { tokenize } from "./tokenize.ts";
 * import { train } from "./train.ts";
 *
 * // Made once, outside of the cells: they share its images.
 * const images = sharedDataset(synthetic({ size: 8, train: 40, test: 20 }));
 *
 * const rates = defineSweep({
 *   name: "rates",
 *   axes: { learningRate: [0.1, 0.01], seed: [0, 1] },
 *   pipeline: ({ learningRate }) =>
 *     pipe(
 *       load(images),
 *       tokenize(patches2d({ size: 4 })),
 *       train(tokenMeanMlp(), { optimizer: sgd({ learningRate }), epochs: 1 }),
 *     ),
 * });
 * if (rates.cells()[3].slug !== "learningRate=0.01_seed=1") throw new Error("unexpected");
 * ```
 *
 * @module
 */

import type { BackendName } from "../models/backend/select.ts";
import type { Json, JsonObject } from "./json.ts";
import { type Axes, type Includes, matrix, type Values } from "./matrix.ts";
import type { ProgressEvent, Stage } from "./pipe.ts";
import type { Registry } from "./rebuild.ts";
import type { HistoryRow } from "./records.ts";
import type { TrainAdjustment } from "./sweep/adjust.ts";
import { makeCells } from "./sweep/cells.ts";

/** A row of the table of results: values by column. What is no finite number has no value, `null`. */
export type SweepRow = Readonly<Record<string, string | number | boolean | null>>;

/** What is kept of a finished cell. Plain data. */
export interface CellResult<R extends SweepRow = SweepRow> {
  /** Name of the cell. */
  readonly slug: string;
  /** One value of each axis. */
  readonly values: JsonObject;
  /** Seed of its run. */
  readonly seed: number;
  /** Row of the table of results. */
  readonly row: R;
  /** The evaluations of its training. Empty if it did not train. */
  readonly history: readonly HistoryRow[];
  /** Whatever the sweep keeps beside the row: what its own pictures need. `null` if nothing. */
  readonly details: Json;
}

/** Where the files of a cell are kept: a folder on a command line, a map in a test. */
export interface CellStore {
  /** The bytes kept under `name`, if any. */
  read(name: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Keeps `bytes` under `name`, whole or not at all. */
  write(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Forgets what is kept under `name`, if anything. */
  remove(name: string): Promise<void>;
}

/** What a cell needs to run. */
export interface CellServices {
  /** Keeps its checkpoints, `last.safetensors` and `best.safetensors`, and its trained `model.safetensors`. */
  readonly store: CellStore;
  /** Tells it to stop. */
  readonly signal: AbortSignal;
  /** Is told how it goes. */
  readonly progress: (event: ProgressEvent) => void;
}

/** One experiment of a sweep. */
export interface SweepCell<R extends SweepRow = SweepRow> {
  /** Place in the matrix before filtering, from 0. */
  readonly index: number;
  /** A name that is safe in paths and different for each cell, also where upper and lower case are not told apart. */
  readonly slug: string;
  /** One value of each axis. */
  readonly values: JsonObject;
  /** Seed of its run. */
  readonly seed: number;
  /** What makes its run what it is: stages, seed, backend and engines. */
  readonly config: JsonObject;
  /** Brings its data within reach, without training on it. */
  prepare(services: Omit<CellServices, "store">): Promise<void>;
  /** Runs it, and frees the tensors of its record. */
  run(services: CellServices): Promise<CellResult<R>>;
}

/** What can be changed about a sweep from outside, as plain data. */
export interface SweepAdjustments {
  /** Seeds to run every cell with, in the place of its own. More than one make a cell for each. */
  readonly seeds?: readonly number[];
  /** What the tensors live on. */
  readonly backend?: BackendName;
  /** Settings of training. */
  readonly train?: TrainAdjustment;
}

/** A matrix of experiments. */
export interface Sweep<R extends SweepRow = SweepRow> {
  /** Name of the sweep. */
  readonly name: string;
  /** Its cells, in order. Building them runs nothing. */
  cells(adjustments?: SweepAdjustments): SweepCell<R>[];
}

/** The values of a cell, and what is the same for whatever is asked of it. */
export interface CellFacts<V> {
  /** One value of each axis. */
  readonly values: V;
  /** Seed of its run. */
  readonly seed: number;
  /** Name of the cell. */
  readonly slug: string;
}

/** What makes a sweep. */
export interface SweepDefinition<
  A extends Axes,
  I extends Includes,
  O,
  R extends SweepRow,
> {
  /** Name of the sweep. */
  readonly name: string;
  /** The values to combine; the first axis is outermost. An axis called `seed` gives the cells their seeds. */
  readonly axes: A;
  /** Combinations to add one by one, past the filter: the axes that one does not name take their first value. */
  readonly include?: I;
  /** Tells which combinations to keep. Default all. */
  readonly filter?: (values: Values<A, I>) => boolean;
  /** The pipeline of a combination. */
  readonly pipeline: (values: Values<A, I>) => Stage<void, O>;
  /** What the tensors live on. Default `wasm`. */
  readonly backend?: BackendName;
  /** Columns of the table of results beside the standard ones; those of the same name replace them. */
  readonly columns?: (record: O, facts: CellFacts<Values<A, I>>) => R | Promise<R>;
  /** Whether the numbers that other stages added to the record have columns too. Default true. */
  readonly otherNumbers?: boolean;
  /** What to keep beside the row, as plain data. */
  readonly details?: (record: O, facts: CellFacts<Values<A, I>>) => Json | Promise<Json>;
  /** Builders of own parts, by which settings of training can be adjusted. Default those of Polyphase. */
  readonly registry?: Registry;
}

/**
 * A sweep of every combination of some values.
 *
 * The row of a cell holds the standard columns (`model`, `params`, `seed`, `epochs`, `train_loss`, `val_loss`, `val_acc`,
 * `seconds`, `ms_per_step`) where the record has them, `cell` (its slug), the values of the axes, the numbers that other
 * stages added to the record (`shift.worstAccuracy` as `shift_worst_accuracy`; none with `otherNumbers: false`), and what
 * `columns` gives.
 *
 * Make data sets outside of `pipeline`, with `sharedDataset`: then the cells that a worker runs load them once.
 *
 * Its `cells` throws a {@linkcode PolyphaseError} if there are none, if two have one name, or if `seeds` are given and
 * there is an axis of that name.
 */
export function defineSweep<
  const A extends Axes,
  O,
  R extends SweepRow = SweepRow,
  const I extends Includes = readonly [],
>(definition: SweepDefinition<A, I, O, R>): Sweep {
  const { name, axes, include, filter, pipeline } = definition;
  return {
    name,
    cells: (adjustments = {}) => {
      const combinations = matrix<A, Stage<void, O>, I>(axes, pipeline, filter, include);
      return makeCells(definition, combinations, adjustments);
    },
  };
}
