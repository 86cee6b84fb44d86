/**
 * What the tests of the kernels share: plain reference computations in double precision, and starting the backend.
 *
 * @module
 */

import { assert } from "@std/assert";
import { installKernels, uninstallKernels } from "../../../../models/backend/kernels/install.ts";
import { selectBackend } from "../../../../models/backend/select.ts";
import { tf } from "../../../../models/backend/tf.ts";

/** Resources and operations must end with the test. */
export const STRICT = { sanitizeOps: true, sanitizeResources: true } as const;

/** Runs `body` with our kernels on the WASM backend, checks that no tensor is left over, and takes them away again. */
export async function withKernels(body: () => void | Promise<void>): Promise<void> {
  await selectBackend("wasm");
  installKernels();
  try {
    const before = tf.memory().numTensors;
    const buffers = tf.memory().numDataBuffers;
    await body();
    assert(tf.memory().numTensors === before, `${tf.memory().numTensors - before} tensors are left over`);
    assert(tf.memory().numDataBuffers === buffers, "memory of tensors is left over");
  } finally {
    uninstallKernels();
  }
}

/** Numbers in (-1, 1) that look random and are the same every time. */
export function numbers(count: number, seed: number): Float32Array {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32) * 2 - 1;
  });
}

/** Product of the sizes. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** `op(a) op(b)` for single matrices of these shapes, summed in double precision. */
export function product(
  a: Float32Array,
  b: Float32Array,
  rows: number,
  columns: number,
  depth: number,
  transposeA: boolean,
  transposeB: boolean,
): Float64Array {
  const c = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      for (let k = 0; k < depth; k++) {
        c[i * columns + j] += a[transposeA ? k * rows + i : i * depth + k] *
          b[transposeB ? j * depth + k : k * columns + j];
      }
    }
  }
  return c;
}

/**
 * Checks sums of `depth` products of numbers below 1: 32-bit rounding lets them be off by some last digits.
 *
 * @param what says which case failed
 */
export function assertSums(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  depth: number,
  what: string,
): void {
  assert(
    actual.length === expected.length,
    `${what}: ${actual.length} numbers, expected ${expected.length}`,
  );
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i] - expected[i]);
    const tolerance = 4e-7 * (depth + 2) * Math.max(1, Math.abs(expected[i]));
    assert(error <= tolerance, `${what}: number ${i} is ${actual[i]}, expected ${expected[i]}`);
  }
}
