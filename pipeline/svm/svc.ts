/**
 * The support-vector classifier of scikit-learn's `SVC()`: a radial kernel, one machine for each pair of classes, and a
 * vote among them.
 *
 * It is plain arithmetic on typed arrays, with no tensor backend, so that a worker can do it.
 *
 * C. Cortes, V. Vapnik, "Support-vector networks", Machine Learning 20, 1995; C.-C. Chang, C.-J. Lin, "LIBSVM: a library
 * for support vector machines", ACM TIST 2, 2011.
 *
 * @module
 */

import { PolyphaseError } from "../errors.ts";
import { createKernelCache } from "./kernel_cache.ts";
import { createPace, type PaceOptions } from "./pace.ts";
import { type KernelRows, kernelRows } from "./rbf_kernel.ts";
import { type BinarySolution, solveBinary } from "./smo.ts";

/** Settings of {@linkcode fitSvc}, with the names and defaults of scikit-learn. */
export interface SvcSettings {
  /** Price of a row on the wrong side, greater than 0. Default 1. */
  readonly C?: number;
  /**
   * Width of the kernel: `scale` is 1 / (dims · variance of all features), 1 where that variance is 0; `auto` is
   * 1 / dims; a number greater than 0 is taken as it is. Default `scale`.
   */
  readonly gamma?: "scale" | "auto" | number;
  /** By how much the conditions of the optimum may be broken at the end, greater than 0. Default 0.001. */
  readonly tolerance?: number;
  /** Bytes of kernel values to keep at most. More is faster and changes nothing else. Default 200 MB. */
  readonly cacheBytes?: number;
}

/** What {@linkcode fitSvc} may be told. Progress counts pairs of classes. */
export interface SvcOptions extends SvcSettings, PaceOptions {}

/** A fitted support-vector classifier: plain data, laid out as LIBSVM and scikit-learn do. */
export interface Svc {
  /** Labels in rising order, `[classes]`. */
  readonly classes: Int32Array;
  /** Features of a row. */
  readonly dims: number;
  /** Width of the kernel. */
  readonly gamma: number;
  /** Rows that are support vectors of some pair, sorted by class, then in the order they came in, `[vectors]`. */
  readonly support: Uint32Array;
  /** Their features, `[vectors, dims]`. */
  readonly supportVectors: Float32Array;
  /** How many support vectors each class has, `[classes]`. */
  readonly supportCounts: Uint32Array;
  /**
   * Multipliers with the sign of the class, `[classes - 1, vectors]`: a vector's coefficients against the other classes in
   * their order.
   */
  readonly dualCoefficients: Float64Array;
  /** What is added to the sum of each pair, in the order (0, 1), (0, 2), ..., (1, 2), ..., `[pairs]`. */
  readonly intercepts: Float64Array;
}

/** Bytes of kernel values to keep where nobody says. */
const CACHE_BYTES = 200 * 2 ** 20;

/**
 * Fits a support-vector classifier to `features [rows, dims]` with a whole-numbered label each. Deterministic: neither the
 * cache nor the turns given to the event loop change a bit.
 *
 * @throws {PolyphaseError} if there are fewer than two classes, features that are not finite or not as many for each row,
 *   or settings out of range
 * @throws {AbortedError} if `signal` says so
 */
export async function fitSvc(
  features: Float32Array,
  labels: ArrayLike<number>,
  options: SvcOptions = {},
): Promise<Svc> {
  checkSettings(options);
  const { C = 1, tolerance = 1e-3, cacheBytes = CACHE_BYTES, signal, progress } = options;
  const dims = dimsOf(features, labels.length);
  checkFinite(features);
  const { classes, order, starts } = sortByClass(labels);
  const gamma = gammaOf(options.gamma ?? "scale", features, dims);
  const rows = takeRows(features, dims, order);
  const cache = createKernelCache({ rows, starts, gamma, maxBytes: cacheBytes });
  const pairs = pairsOf(classes.length);
  const coefficients = new Float64Array((classes.length - 1) * order.length);
  const intercepts = new Float64Array(pairs.length);
  const pace = createPace("fitting support vectors", signal);
  let counted = 0;
  /** Gives others a turn after some sweeps over rows, and whatever kernel values were worked out meanwhile. */
  const rest = async (sweeps: number) => {
    const before = counted;
    counted = cache.work();
    await pace(sweeps + counted - before);
  };
  for (const [place, [a, b]] of pairs.entries()) {
    progress?.(place, pairs.length);
    await rest(0);
    const positives = starts[a + 1] - starts[a];
    const negatives = starts[b + 1] - starts[b];
    const rowOf = (row: number) => row < positives ? starts[a] + row : starts[b] + row - positives;
    const solving = solveBinary({
      positives,
      negatives,
      C,
      tolerance,
      kernelRow: (row) => ({ positive: cache.piece(rowOf(row), a), negative: cache.piece(rowOf(row), b) }),
    });
    let turn = solving.next();
    for (; !turn.done; turn = solving.next()) await rest(turn.value);
    const { alpha, rho }: BinarySolution = turn.value;
    for (let row = 0; row < alpha.length; row++) {
      const isPositive = row < positives;
      // A class is not against itself, so those after it stand one place earlier.
      coefficients[(isPositive ? b - 1 : a) * order.length + rowOf(row)] = isPositive
        ? alpha[row]
        : -alpha[row];
    }
    intercepts[place] = -rho;
    cache.endPair();
  }
  progress?.(pairs.length, pairs.length);
  return { classes, dims, gamma, intercepts, ...support(features, dims, order, starts, coefficients) };
}

/** Every pair of classes, `a < b`, in order: the first has the vote of a positive decision, the second of any other. */
export function pairsOf(classes: number): (readonly [a: number, b: number])[] {
  return Array.from({ length: classes }, (_, a) => a).flatMap((a) =>
    Array.from({ length: classes - a - 1 }, (_, index) => [a, a + 1 + index] as const)
  );
}

/** The labels in rising order, the rows sorted by them, and the place where each class starts. */
function sortByClass(
  labels: ArrayLike<number>,
): { classes: Int32Array; order: Uint32Array; starts: Uint32Array } {
  const all = Array.from(labels);
  const wrong = all.find((label) => label !== (label | 0));
  if (wrong !== undefined) {
    throw new PolyphaseError(`Support vectors: label ${wrong} is no whole number: give class numbers`);
  }
  const classes = Int32Array.from(new Set(all)).sort();
  if (classes.length < 2) {
    throw new PolyphaseError(
      `Support vectors: the ${all.length} rows are of ${
        classes.length === 0 ? "no class" : `one class, ${classes[0]}`
      }, expected at least two: give more rows`,
    );
  }
  const placeOf = new Map(Array.from(classes, (label, place) => [label, place]));
  const starts = new Uint32Array(classes.length + 1);
  for (const label of all) starts[placeOf.get(label)! + 1]++;
  for (let place = 1; place < starts.length; place++) starts[place] += starts[place - 1];
  const next = starts.slice();
  const order = new Uint32Array(all.length);
  all.forEach((label, row) => order[next[placeOf.get(label)!]++] = row);
  return { classes, order, starts };
}

function takeRows(features: Float32Array, dims: number, order: Uint32Array): KernelRows {
  const values = new Float64Array(order.length * dims);
  order.forEach((row, place) => values.set(features.subarray(row * dims, (row + 1) * dims), place * dims));
  return kernelRows(values, dims);
}

/** The rows with a coefficient that is not 0, and all of their coefficients. */
function support(
  features: Float32Array,
  dims: number,
  order: Uint32Array,
  starts: Uint32Array,
  coefficients: Float64Array,
): Pick<Svc, "support" | "supportVectors" | "supportCounts" | "dualCoefficients"> {
  const rows = order.length;
  const lines = coefficients.length / rows;
  const places: number[] = [];
  const supportCounts = new Uint32Array(starts.length - 1);
  for (let own = 0; own < supportCounts.length; own++) {
    for (let place = starts[own]; place < starts[own + 1]; place++) {
      let line = 0;
      while (line < lines && coefficients[line * rows + place] === 0) line++;
      if (line === lines) continue;
      places.push(place);
      supportCounts[own]++;
    }
  }
  const support = Uint32Array.from(places, (place) => order[place]);
  const supportVectors = new Float32Array(places.length * dims);
  support.forEach((row, vector) =>
    supportVectors.set(features.subarray(row * dims, (row + 1) * dims), vector * dims)
  );
  const dualCoefficients = new Float64Array(lines * places.length);
  for (let line = 0; line < lines; line++) {
    places.forEach((place, vector) => {
      dualCoefficients[line * places.length + vector] = coefficients[line * rows + place];
    });
  }
  return { support, supportVectors, supportCounts, dualCoefficients };
}

function gammaOf(gamma: "scale" | "auto" | number, features: Float32Array, dims: number): number {
  if (gamma === "auto") return 1 / dims;
  if (gamma === "scale") {
    const variance = varianceOf(features);
    return variance === 0 ? 1 : 1 / (dims * variance);
  }
  return gamma;
}

/** Variance of all numbers together, in two passes. */
function varianceOf(values: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index];
  const mean = sum / values.length;
  let squares = 0;
  for (let index = 0; index < values.length; index++) squares += (values[index] - mean) ** 2;
  return squares / values.length;
}

function dimsOf(features: Float32Array, rows: number): number {
  const dims = features.length / rows;
  if (rows > 0 && Number.isInteger(dims) && dims > 0) return dims;
  throw new PolyphaseError(
    `Support vectors: ${features.length} features for ${rows} labels, expected as many for each: give [rows, dims] and [rows]`,
  );
}

/**
 * Refuses features that a machine can make nothing of.
 *
 * @throws {PolyphaseError} if one is not finite
 */
export function checkFinite(features: Float32Array): void {
  const place = features.findIndex((value) => !Number.isFinite(value));
  if (place < 0) return;
  throw new PolyphaseError(
    `Support vectors: feature ${place} is ${
      features[place]
    }, expected finite numbers: see whether the training diverged`,
  );
}

/**
 * Refuses settings that are out of range.
 *
 * @throws {PolyphaseError} if one is given that is neither a finite number above 0 nor, for `gamma`, a name that it may be
 */
export function checkSettings({ C, gamma, tolerance, cacheBytes }: SvcSettings): void {
  const number = gamma === "scale" || gamma === "auto" ? undefined : gamma;
  for (const [name, value] of Object.entries({ C, gamma: number, tolerance, cacheBytes })) {
    if (value === undefined || (Number.isFinite(value) && value > 0)) continue;
    throw new PolyphaseError(
      `Support vectors: ${name} ${value} is no number greater than 0: give one that is`,
    );
  }
}
