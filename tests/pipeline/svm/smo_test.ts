/**
 * The machine of two classes: its solution against the conditions of the optimum and against closed forms.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { keyOf } from "../../../pipeline/random.ts";
import { type BinaryProblem, type BinarySolution, solveBinary } from "../../../pipeline/svm/smo.ts";
import { blobs } from "./blobs.ts";

/** Points on a plane, those of the positive class first. */
type Points = readonly (readonly [x: number, y: number])[];

/** The kernel of all points with all, rounded as the solver's cache does, `[rows][rows]`. */
function kernelOf(points: Points): Float32Array[] {
  return points.map(([x, y]) =>
    Float32Array.from(points, ([otherX, otherY]) => Math.exp(-((x - otherX) ** 2) - (y - otherY) ** 2))
  );
}

function solve(
  points: Points,
  positives: number,
  options: { C: number; tolerance: number; maxIterations?: number },
): BinarySolution & { yields: number[] } {
  const kernel = kernelOf(points);
  const problem: BinaryProblem = {
    positives,
    negatives: points.length - positives,
    kernelRow: (row) => ({
      positive: kernel[row].subarray(0, positives),
      negative: kernel[row].subarray(positives),
    }),
    ...options,
  };
  const solving = solveBinary(problem);
  const yields: number[] = [];
  let turn = solving.next();
  for (; !turn.done; turn = solving.next()) yields.push(turn.value);
  return { ...turn.value, yields };
}

const signOf = (row: number, positives: number) => row < positives ? 1 : -1;

/** What the machine says of each of its own points, without rho. */
function sums(points: Points, positives: number, alpha: Float64Array): number[] {
  return kernelOf(points).map((line) =>
    line.reduce((sum, value, row) => sum + signOf(row, positives) * alpha[row] * value, 0)
  );
}

// A coarse grid, so that points often coincide, with one class and across both.
const coordinate = fc.integer({ min: -4, max: 4 }).map((value) => value / 2);
const problem = fc.record({
  positive: fc.array(fc.tuple(coordinate, coordinate), { minLength: 1, maxLength: 10 }),
  negative: fc.array(fc.tuple(coordinate, coordinate), { minLength: 1, maxLength: 10 }),
  C: fc.constantFrom(0.1, 1, 30),
});

Deno.test("smo: multipliers keep their bounds and their balance, and no pair breaks the optimum", () => {
  fc.assert(
    fc.property(problem, ({ positive, negative, C }) => {
      const points = [...positive, ...negative];
      const positives = positive.length;
      const tolerance = 1e-5;
      const { alpha } = solve(points, positives, { C, tolerance });
      assert(alpha.every((each) => each >= 0 && each <= C));
      const balance = alpha.reduce((sum, each, row) => sum + signOf(row, positives) * each, 0);
      assertAlmostEquals(balance, 0, 1e-9 * C);
      const slopes = sums(points, positives, alpha).map((sum, row) => signOf(row, positives) - sum);
      const canGrow = slopes.filter((_, row) => row < positives ? alpha[row] < C : alpha[row] > 0);
      const canShrink = slopes.filter((_, row) => row < positives ? alpha[row] > 0 : alpha[row] < C);
      assert(Math.max(...canGrow) - Math.min(...canShrink) < tolerance + 1e-9 * C);
    }),
    { numRuns: 200, seed: 1 },
  );
});

Deno.test("smo: the primal objective meets the dual one", () => {
  fc.assert(
    fc.property(problem, ({ positive, negative, C }) => {
      const points = [...positive, ...negative];
      const positives = positive.length;
      const tolerance = 1e-5;
      const { alpha, rho } = solve(points, positives, { C, tolerance });
      const decisions = sums(points, positives, alpha);
      const norm = decisions.reduce((sum, each, row) => sum + signOf(row, positives) * alpha[row] * each, 0);
      const hinge = decisions.reduce(
        (sum, each, row) => sum + Math.max(0, 1 - signOf(row, positives) * (each - rho)),
        0,
      );
      const dual = alpha.reduce((sum, each) => sum + each, 0) - norm / 2;
      const primal = norm / 2 + C * hinge;
      const slack = C * points.length * tolerance;
      assert(primal - dual < slack + 1e-9 && primal - dual > -1e-9 * (1 + C), `${primal} and ${dual}`);
    }),
    { numRuns: 200, seed: 2 },
  );
});

Deno.test("smo: two points have a closed form, free and at the bound", () => {
  const points: Points = [[0, 0], [1, 0]];
  const free = 1 / (1 - Math.fround(Math.exp(-1)));
  const solution = solve(points, 1, { C: 10, tolerance: 1e-9 });
  assertAlmostEquals(solution.alpha[0], free, 1e-12);
  assertAlmostEquals(solution.alpha[1], free, 1e-12);
  assertAlmostEquals(solution.rho, 0, 1e-12);
  assertEquals([...solve(points, 1, { C: 1, tolerance: 1e-9 }).alpha], [1, 1]);
});

Deno.test("smo: points that coincide across the classes go to their bounds, and the larger class wins", () => {
  const same: Points = [[1, 2], [1, 2], [1, 2], [1, 2], [1, 2]];
  const { alpha, rho } = solve(same, 3, { C: 2, tolerance: 1e-3 });
  assertEquals(alpha.reduce((sum, each) => sum + each, 0), 8);
  assertEquals(rho, -1);
  assertEquals(solve(same.slice(1), 2, { C: 2, tolerance: 1e-3 }).rho, 0);
});

Deno.test("smo: exchanging the classes turns the machine around", () => {
  const { features } = blobs(keyOf(3), { rows: 40, dims: 2, classes: 2, spread: 1.5 });
  const points = Array.from({ length: 40 }, (_, row) => [features[2 * row], features[2 * row + 1]] as const);
  const turned = [...points.slice(15), ...points.slice(0, 15)];
  const one = solve(points, 15, { C: 1, tolerance: 1e-8 });
  const other = solve(turned, 25, { C: 1, tolerance: 1e-8 });
  assertAlmostEquals(one.rho, -other.rho, 1e-6);
  one.alpha.forEach((each, row) => assertAlmostEquals(each, other.alpha[(row + 25) % 40], 1e-4));
});

Deno.test("smo: others have a turn, and a problem that does not settle ends in one line", () => {
  const { features } = blobs(keyOf(4), { rows: 200, dims: 2, classes: 2, spread: 2 });
  const points = Array.from({ length: 200 }, (_, row) => [features[2 * row], features[2 * row + 1]] as const);
  const { iterations, yields } = solve(points, 100, { C: 1, tolerance: 1e-3 });
  assertEquals(yields.length, Math.floor(iterations / 64));
  assert(yields.length > 0 && yields.every((each) => each === 64 * 3 * 200));
  const refused = assertThrows(
    () => solve(points, 100, { C: 1, tolerance: 1e-3, maxIterations: 10 }),
    PolyphaseError,
  );
  assert(/broken by \d\S* after 10 steps, expected less than 0.001: raise/.test(refused.message));
  assertEquals(
    solve(points, 100, { C: 1, tolerance: 1e-3, maxIterations: iterations }).iterations,
    iterations,
  );
});
