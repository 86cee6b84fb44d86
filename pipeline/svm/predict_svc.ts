/**
 * What a fitted support-vector classifier says of new rows.
 *
 * @module
 */

import { PolyphaseError } from "../errors.ts";
import { createPace, type PaceOptions } from "./pace.ts";
import { kernelRows, rbfKernel } from "./rbf_kernel.ts";
import { checkFinite, pairsOf, type Svc } from "./svc.ts";

/** Rows that are predicted together, and support vectors that they meet at a time: both stay in a core's cache. */
const QUERIES = 64;
const VECTORS = 128;

/**
 * Labels of `features [rows, dims]`, `[rows]`: that with the most votes of the pairs, the lowest where they tie. Progress
 * counts rows.
 *
 * @throws {PolyphaseError} if the rows do not have the features that `svc` was fitted to, or not finite ones
 * @throws {AbortedError} if `signal` says so
 */
export async function predictSvc(
  svc: Svc,
  features: Float32Array,
  { signal, progress }: PaceOptions = {},
): Promise<Int32Array> {
  const { classes } = svc;
  const pairs = pairsOf(classes.length);
  const votes = new Uint32Array(classes.length);
  const predictions: number[] = [];
  await eachDecision(svc, features, { signal, progress }, (decisions) => {
    votes.fill(0);
    pairs.forEach(([a, b], place) => votes[decisions[place] > 0 ? a : b]++);
    predictions.push(classes[votes.indexOf(Math.max(...votes))]);
  });
  return Int32Array.from(predictions);
}

/**
 * The decision of every pair of classes for `features [rows, dims]`, `[rows, pairs]`: positive where the first of the two
 * is more likely. The pairs stand in the order (0, 1), (0, 2), ..., (1, 2), ...
 *
 * @throws {PolyphaseError} if the rows do not have the features that `svc` was fitted to, or not finite ones
 * @throws {AbortedError} if `signal` says so
 */
export async function decideSvc(
  svc: Svc,
  features: Float32Array,
  options: PaceOptions = {},
): Promise<Float64Array> {
  const width = svc.intercepts.length;
  const whole = new Float64Array(features.length / svc.dims * width);
  await eachDecision(svc, features, options, (decisions, row) => whole.set(decisions, row * width));
  return whole;
}

/** Hands the decisions `[pairs]` of each row to `take`, in one array that is used again for the next. */
async function eachDecision(
  svc: Svc,
  features: Float32Array,
  { signal, progress }: PaceOptions,
  take: (decisions: Float64Array, row: number) => void,
): Promise<void> {
  const { dims } = svc;
  if (features.length % dims !== 0) {
    throw new PolyphaseError(
      `Support vectors: ${features.length} features are no rows of ${dims}, which the machine was fitted to: give [rows, ${dims}]`,
    );
  }
  checkFinite(features);
  const rows = features.length / dims;
  const vectors = kernelRows(Float64Array.from(svc.supportVectors), dims);
  const kernel = rbfKernel(svc.gamma, vectors);
  const count = vectors.norms.length;
  const values = new Float64Array(QUERIES * count);
  const decisions = new Float64Array(svc.intercepts.length);
  const pace = createPace("predicting with support vectors", signal);
  for (let start = 0; start < rows; start += QUERIES) {
    const end = Math.min(rows, start + QUERIES);
    progress?.(start, rows);
    await pace((end - start) * count * (dims + svc.classes.length));
    const queries = kernelRows(Float64Array.from(features.subarray(start * dims, end * dims)), dims);
    for (let first = 0; first < count; first += VECTORS) {
      const last = Math.min(count, first + VECTORS);
      for (let row = 0; row < end - start; row++) {
        kernel.wide(queries, row, first, last, values.subarray(row * count + first, row * count + last));
      }
    }
    for (let row = start; row < end; row++) {
      decide(svc, values.subarray((row - start) * count, (row - start + 1) * count), decisions);
      take(decisions, row);
    }
  }
  progress?.(rows, rows);
}

/** Writes the decision of each pair for a row whose kernel with the support vectors is `kernel [vectors]`. */
function decide(
  { classes, supportCounts, dualCoefficients, intercepts }: Svc,
  kernel: Float64Array,
  decisions: Float64Array,
): void {
  const count = classes.length;
  decisions.set(intercepts);
  let start = 0;
  for (let own = 0; own < count; own++) {
    const end = start + supportCounts[own];
    for (let other = 0; other < count; other++) {
      if (other === own) continue;
      const line = (other < own ? other : other - 1) * kernel.length;
      let sum = 0;
      for (let vector = start; vector < end; vector++) {
        sum += dualCoefficients[line + vector] * kernel[vector];
      }
      decisions[pairIndex(Math.min(own, other), Math.max(own, other), count)] += sum;
    }
    start = end;
  }
}

/** Place of the pair `a < b` in the order of {@linkcode pairsOf}. */
function pairIndex(a: number, b: number, classes: number): number {
  return a * (2 * classes - a - 1) / 2 + b - a - 1;
}
