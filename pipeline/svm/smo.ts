/**
 * A support-vector machine of two classes by sequential minimal optimization: at each step the two multipliers that
 * promise most are moved to their best values, the others held.
 *
 * The dual problem is to minimise `½ αᵀQα - Σα` with `Q = y yᵀ ∘ K`, `0 ≤ α ≤ C` and `y · α = 0`. The pair is chosen with
 * second-order information, as LIBSVM does.
 *
 * R.-E. Fan, P.-H. Chen, C.-J. Lin, "Working set selection using second order information for training support vector
 * machines", JMLR 6, 2005.
 *
 * @module
 */

import { PolyphaseError } from "../errors.ts";

/** The kernel of one row with all rows of the problem. */
export interface KernelRow {
  /** With the rows of the positive class, `[positives]`. */
  readonly positive: Float32Array;
  /** With those of the negative class, `[negatives]`. */
  readonly negative: Float32Array;
}

/** A problem of two classes. Its rows are those of the positive class, then those of the negative one. */
export interface BinaryProblem {
  /** Rows of the positive class. */
  readonly positives: number;
  /** Rows of the negative class. */
  readonly negatives: number;
  /** Greatest multiplier: the price of a row on the wrong side. */
  readonly C: number;
  /** By how much the best pair may break the optimality condition at the end. */
  readonly tolerance: number;
  /**
   * The kernel of a row. It must be symmetric and 1 on the diagonal, and stay valid until the row after next is asked for.
   */
  readonly kernelRow: (row: number) => KernelRow;
  /** Steps after which to give up. Default ten million, or a hundred a row if that is more. */
  readonly maxIterations?: number;
}

/** The machine of two classes: the decision is `Σ yᵢ αᵢ K(xᵢ, x) - rho`, positive for the positive class. */
export interface BinarySolution {
  /** Multiplier of each row, `[positives + negatives]`, in `[0, C]`. */
  readonly alpha: Float64Array;
  /** What is taken from the sum. */
  readonly rho: number;
  /** Steps taken. */
  readonly iterations: number;
}

/** Least curvature along a pair: keeps the step finite where two rows are the same. */
const LEAST_CURVATURE = 1e-12;

/** Steps between two yields. */
const STEPS_PER_YIELD = 64;

/** How often a step goes over all rows. */
const SWEEPS = 3;

/**
 * Solves the problem. Yields now and then, so that whoever runs it can let others have a turn: the multiply-adds since the
 * last time, those of the kernel aside.
 *
 * @throws {PolyphaseError} if the tolerance is not reached in `maxIterations` steps
 */
export function* solveBinary(problem: BinaryProblem): Generator<number, BinarySolution> {
  const { positives, negatives, C, tolerance, kernelRow } = problem;
  const rows = positives + negatives;
  const maxIterations = problem.maxIterations ?? Math.max(1e7, 100 * rows);
  const alpha = new Float64Array(rows);
  // slope[t] = -y_t ∂/∂α_t of the objective: how fast the objective falls when y_t α_t grows. At α = 0 it is y_t.
  const slope = new Float64Array(rows).fill(1, 0, positives).fill(-1, positives);
  const choice: Choice = { partner: -1, least: Infinity };
  let iterations = 0;
  while (true) {
    const first = steepest(slope, alpha, positives, C);
    const top = slope[first];
    const firstRow = kernelRow(first);
    choosePartner(choice, slope, alpha, firstRow, top, C);
    if (top - choice.least < tolerance) break;
    if (iterations === maxIterations) {
      throw new PolyphaseError(
        `Support vectors: the conditions of the optimum are broken by ${
          (top - choice.least).toPrecision(3)
        } after ${iterations} steps, expected less than ${tolerance}: raise tolerance or lower C`,
      );
    }
    const second = choice.partner;
    const secondRow = kernelRow(second);
    const shared = second < positives ? firstRow.positive[second] : firstRow.negative[second - positives];
    const step = movePair(alpha, first, second, {
      positives,
      C,
      step: (top - slope[second]) / Math.max(2 - 2 * shared, LEAST_CURVATURE),
    });
    lowerSlopes(slope, step, firstRow.positive, secondRow.positive, 0);
    lowerSlopes(slope, step, firstRow.negative, secondRow.negative, positives);
    iterations++;
    if (iterations % STEPS_PER_YIELD === 0) yield STEPS_PER_YIELD * SWEEPS * rows;
  }
  return { alpha, rho: rhoOf(slope, alpha, positives, C), iterations };
}

/** Who moves with the first row, and the least slope of those that could. */
interface Choice {
  partner: number;
  least: number;
}

/** Of the rows whose `y α` can grow, the one with the greatest slope; the last where they tie. */
function steepest(slope: Float64Array, alpha: Float64Array, positives: number, C: number): number {
  let best = -1;
  let greatest = -Infinity;
  for (let row = 0; row < positives; row++) {
    if (alpha[row] < C && slope[row] >= greatest) {
      greatest = slope[row];
      best = row;
    }
  }
  for (let row = positives; row < alpha.length; row++) {
    if (alpha[row] > 0 && slope[row] >= greatest) {
      greatest = slope[row];
      best = row;
    }
  }
  return best;
}

/** Of the rows whose `y α` can shrink, the one that lowers the objective most together with a first row of slope `top`. */
function choosePartner(
  choice: Choice,
  slope: Float64Array,
  alpha: Float64Array,
  { positive, negative }: KernelRow,
  top: number,
  C: number,
): void {
  const positives = positive.length;
  let partner = -1;
  let least = Infinity;
  let greatestGain = -Infinity;
  for (let row = 0; row < positives; row++) {
    if (!(alpha[row] > 0)) continue;
    if (slope[row] < least) least = slope[row];
    const difference = top - slope[row];
    if (!(difference > 0)) continue;
    const curvature = 2 - 2 * positive[row];
    const gain = difference * difference / (curvature > LEAST_CURVATURE ? curvature : LEAST_CURVATURE);
    if (gain >= greatestGain) {
      greatestGain = gain;
      partner = row;
    }
  }
  for (let row = positives; row < alpha.length; row++) {
    if (!(alpha[row] < C)) continue;
    if (slope[row] < least) least = slope[row];
    const difference = top - slope[row];
    if (!(difference > 0)) continue;
    const curvature = 2 - 2 * negative[row - positives];
    const gain = difference * difference / (curvature > LEAST_CURVATURE ? curvature : LEAST_CURVATURE);
    if (gain >= greatestGain) {
      greatestGain = gain;
      partner = row;
    }
  }
  choice.partner = partner;
  choice.least = least;
}

/**
 * Lets `y α` of the first row grow and that of the second shrink by `step`, or by less where a multiplier meets its bound,
 * which it then has exactly. Gives back the step taken.
 */
function movePair(
  alpha: Float64Array,
  first: number,
  second: number,
  { positives, C, step }: { readonly positives: number; readonly C: number; readonly step: number },
): number {
  const firstBound = first < positives ? C : 0;
  const secondBound = second < positives ? 0 : C;
  const firstRoom = Math.abs(firstBound - alpha[first]);
  const secondRoom = Math.abs(secondBound - alpha[second]);
  const taken = Math.min(step, firstRoom, secondRoom);
  alpha[first] = taken === firstRoom ? firstBound : alpha[first] + (first < positives ? taken : -taken);
  alpha[second] = taken === secondRoom ? secondBound : alpha[second] + (second < positives ? -taken : taken);
  return taken;
}

/** What a step of two rows does to the slopes of one class, whose first place is `start`. */
function lowerSlopes(
  slope: Float64Array,
  step: number,
  first: Float32Array,
  second: Float32Array,
  start: number,
): void {
  for (let row = 0; row < first.length; row++) slope[start + row] -= step * (first[row] - second[row]);
}

/** The mean of what the free rows ask for; without one, the middle of what the others allow. */
function rhoOf(slope: Float64Array, alpha: Float64Array, positives: number, C: number): number {
  let free = 0;
  let sum = 0;
  let upper = Infinity;
  let lower = -Infinity;
  for (let row = 0; row < alpha.length; row++) {
    const wanted = -slope[row];
    if (alpha[row] > 0 && alpha[row] < C) {
      free++;
      sum += wanted;
    } else if ((row < positives) === (alpha[row] > 0)) {
      lower = Math.max(lower, wanted);
    } else {
      upper = Math.min(upper, wanted);
    }
  }
  return free > 0 ? sum / free : (upper + lower) / 2;
}
