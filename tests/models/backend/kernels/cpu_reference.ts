/**
 * Runs the same computations on our kernels and on TensorFlow.js's `cpu` backend, and compares.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { selectBackend } from "../../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { numbers, sizeOf, withKernels } from "./reference.ts";

/** A computation on tensors that it makes itself. */
export interface Case {
  /** Says which case failed. */
  readonly name: string;
  /** The results; called once on each backend. */
  compute(): Tensor[];
}

/** What a case gives: shape, type and numbers of each result. */
type Outcome = { shape: number[]; dtype: string; values: number[] }[];

/**
 * Checks that every case gives on our kernels what it gives on the `cpu` backend, to `tolerance` of the larger of 1 and
 * the greatest magnitude, and that it leaves no tensor over.
 */
export async function assertLikeCpu(cases: readonly Case[], tolerance: number): Promise<void> {
  const outcomes: Outcome[] = [];
  await withKernels(() => cases.forEach((each) => outcomes.push(outcomeOf(each))));
  await selectBackend("cpu");
  cases.forEach((each, index) => {
    const expected = outcomeOf(each);
    const actual = outcomes[index];
    assertEquals(
      actual.map(({ shape, dtype }) => [shape, dtype]),
      expected.map(({ shape, dtype }) => [shape, dtype]),
      each.name,
    );
    expected.forEach(({ values }, result) =>
      assertNear(actual[result].values, values, tolerance, `${each.name}, result ${result}`)
    );
  });
}

/** Checks numbers: NaN and infinities must be the same, others near by `tolerance` of the larger of 1 and the greatest. */
export function assertNear(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  assertEquals(actual.length, expected.length, `${what}: count of numbers`);
  const scale = Array.from(expected).reduce(
    (greatest, x) => Number.isFinite(x) ? Math.max(greatest, Math.abs(x)) : greatest,
    1,
  );
  for (let i = 0; i < expected.length; i++) {
    const isNear = Object.is(actual[i] + 0, expected[i] + 0) ||
      Math.abs(actual[i] - expected[i]) <= tolerance * scale;
    assert(isNear, `${what}: number ${i} is ${actual[i]}, expected ${expected[i]}`);
  }
}

/** A tensor of numbers in (-scale, scale) that are the same every time. */
export function drawn(shape: readonly number[], seed: number, scale = 1): Tensor {
  return tf.tensor(numbers(sizeOf(shape), seed).map((x) => scale * x), [...shape]);
}

/** The gradients of a weighted sum of what `f` gives, with respect to each of its inputs. */
export function gradientsOf(f: (...inputs: Tensor[]) => Tensor, inputs: Tensor[]): Tensor[] {
  return tf.grads((...each: Tensor[]) => {
    const y = f(...each);
    return tf.sum(tf.mul(y, drawn(y.shape, 99)));
  })(inputs);
}

function outcomeOf({ compute }: Case): Outcome {
  return tf.tidy(() =>
    compute().map((each) => ({ shape: each.shape, dtype: each.dtype, values: [...each.dataSync()] }))
  );
}
