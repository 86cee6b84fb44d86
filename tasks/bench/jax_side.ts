/**
 * `@jax-js/jax` on its WASM backend as a side of the comparison.
 *
 * @module
 */

import { inputsOf, JAX_CASES, type JaxCase, type JaxFunction } from "./jax_cases.ts";
import { blockUntilReady, defaultDevice, init, jit, lax, nn, numpy as np, vjp } from "./jax_library.ts";
import { permute, permuted } from "./permute.ts";
import { type Side, timeRuns } from "./side.ts";

/** A function of arrays; it takes hold of its arguments, as is the library's custom. */
type Compute = (...inputs: np.Array[]) => np.Array;

/** How the library computes each function, and the axes of ours in its order, for each input and last the result. */
const FUNCTIONS: Readonly<
  Record<JaxFunction, { readonly compute: Compute; readonly axes: readonly (readonly number[])[] }>
> = {
  gemm: { compute: (a, b) => np.matmul(a, b), axes: new Array(3).fill([0, 1]) },
  attention: {
    compute: (q, k, v) => nn.dotProductAttention(q, k, v),
    axes: new Array(4).fill([0, 2, 1, 3]),
  },
  conv2d: {
    compute: (x, filter) => lax.conv(x, filter, [1, 1], "SAME"),
    axes: [[0, 3, 1, 2], [3, 2, 0, 1], [0, 3, 1, 2]],
  },
};

/** A case that is open. */
interface Opened {
  run(): Promise<void>;
  values(): Promise<Float32Array[]>;
  dispose(): void;
}

/** A side, and the numbers of the case that is open, as base64 of float32. */
export interface JaxSide {
  /** The side. */
  readonly side: Side;
  /** Those of each result. */
  values(): Promise<string[]>;
}

/** Starts the library. A case is compiled once, and a run is over when its results lie in memory. */
export async function startJax(): Promise<JaxSide> {
  await init("wasm");
  defaultDevice("wasm");
  let opened: Opened | undefined;
  return {
    side: {
      open(name) {
        opened = open(JAX_CASES.find((each) => each.name === name)!);
        return Promise.resolve(null);
      },
      turn: (repeats) => timeRuns(opened!.run, repeats),
      close() {
        opened!.dispose();
        opened = undefined;
        return Promise.resolve(null);
      },
    },
    values: async () => (await opened!.values()).map(encodeNumbers),
  };
}

function open(given: JaxCase): Opened {
  const { compute, axes } = FUNCTIONS[given.compute];
  // In the order of the library's own, so that nothing is left to transpose.
  const inputs = inputsOf(given).map((numbers, index) =>
    np.array(permute(numbers, given.shapes[index], axes[index]), {
      shape: permuted(given.shapes[index], axes[index]),
    })
  );
  const compiled = jit((...inputs: np.Array[]): np.Array[] => {
    if (!given.gradients) return [compute(...inputs)];
    const [value, pull] = vjp(compute, inputs.slice(0, -1));
    const gradients = pull(inputs.at(-1)!);
    pull.dispose();
    return [value, ...gradients];
  });
  const all = () => blockUntilReady(compiled(...inputs.map((input) => input.ref)));
  return {
    async run() {
      for (const result of await all()) result.dispose();
    },
    async values() {
      const results = await all();
      // The result comes first and its axes stand last; then come those of the inputs.
      const order = [axes.at(-1)!, ...axes];
      return await Promise.all(results.map(async (result, index) => {
        const { shape } = result;
        return permute(await result.data() as Float32Array, shape, inverse(order[index]));
      }));
    },
    dispose() {
      for (const input of inputs) input.dispose();
      compiled.dispose();
    },
  };
}

function inverse(axes: readonly number[]): number[] {
  return axes.map((_, axis) => axes.indexOf(axis));
}

function encodeNumbers(numbers: Float32Array): string {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength).toBase64();
}
