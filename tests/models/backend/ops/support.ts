/**
 * What the tests of ops share: values and gradients of a case as numbers, and comparing them.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { selectBackend } from "../../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { foldIn, type Key, normal } from "../../../../pipeline/random.ts";
import type { Drawn } from "./cases.ts";

/** What the ops are tested on; both kinds of WASM, with our kernels and without. */
export const PLATFORMS = ["cpu", "wasm", "plain wasm"] as const;

/** Makes TensorFlow.js use one of {@linkcode PLATFORMS}. */
export async function selectPlatform(platform: typeof PLATFORMS[number]): Promise<void> {
  await selectBackend(platform === "cpu" ? "cpu" : "wasm", { kernels: platform !== "plain wasm" });
}

/** Numbers of a tensor. */
export type Numbers = Float32Array;

/** How many numbers a tensor of this shape has. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** Normally distributed numbers for each of the shapes. */
export function drawInputs(shapes: readonly (readonly number[])[], key: Key): Numbers[] {
  return shapes.map((shape, index) => normal(foldIn(key, index), sizeOf(shape)));
}

/** The tensors of a case. */
export function tensorsOf({ shapes }: Drawn, inputs: readonly Numbers[]): Tensor[] {
  return inputs.map((values, index) => tf.tensor(values, [...shapes[index]]));
}

/** What {@linkcode valueAndGrads} gives. */
export interface Result {
  /** The value. */
  readonly value: Numbers;
  /** Shape of the value. */
  readonly shape: readonly number[];
  /** A gradient for every input. */
  readonly grads: readonly Numbers[];
}

/** The value of an op and the gradients of a fixed weighted sum of it. */
export async function valueAndGrads(
  drawn: Drawn,
  inputs: readonly Numbers[],
  exact: boolean | undefined,
): Promise<Result> {
  const [value, ...grads] = tf.tidy(() => {
    const tensors = tensorsOf(drawn, inputs);
    const value = drawn.apply(tensors, exact);
    const weights = tf.tensor(normal([7, 7], value.size), value.shape);
    const loss = (...each: Tensor[]) => tf.sum(tf.mul(weights, drawn.apply(each, exact)));
    return [value, ...tf.grads(loss)(tensors)];
  });
  const [first, ...rest] = await Promise.all([value, ...grads].map((each) => each.data()));
  tf.dispose([value, ...grads]);
  return { value: first as Numbers, shape: value.shape, grads: rest as Numbers[] };
}

/** Asserts that two results agree, as {@linkcode assertClose}. */
export function assertSame(actual: Result, expected: Result, tolerance: number, what: string): void {
  assertEquals(actual.shape, expected.shape, what);
  assertClose(actual.value, expected.value, tolerance, `${what}: value`);
  actual.grads.forEach((grad, input) =>
    assertClose(grad, expected.grads[input], tolerance, `${what}: gradient ${input}`)
  );
}

/**
 * Asserts that numbers agree: where one is NaN or infinite the other is, too, and else the difference is at most
 * `tolerance` of the larger of 1 and the greatest magnitude.
 */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  assert(actual.length === expected.length, `${what}: ${actual.length} numbers, expected ${expected.length}`);
  const finite = Array.from(expected).filter(Number.isFinite);
  const scale = finite.reduce((greatest, each) => Math.max(greatest, Math.abs(each)), 1);
  for (let index = 0; index < expected.length; index++) {
    const isSame = Object.is(actual[index], expected[index]) ||
      Math.abs(actual[index] - expected[index]) <= tolerance * scale;
    assert(isSame, `${what}: ${actual[index]} at ${index}, expected ${expected[index]}`);
  }
}
