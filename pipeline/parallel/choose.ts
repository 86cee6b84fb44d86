/**
 * How many workers to train with when nobody said.
 *
 * The choice must not hang on the clock: rounding differs with the number of workers, and a run is to repeat bit for
 * bit. So the first step is measured in work instead of time: the kernels that it runs and the sizes of what they take
 * and give, which are the same every time, are priced at fixed rates.
 *
 * @module
 */

import { tf } from "../../models/backend/tf.ts";

/** Milliseconds a million multiply-adds take: 30 GFLOPS, what one core does with the WASM backend. */
const MS_PER_MEGA_MAC = 2 / 30;

/** Milliseconds a million numbers take to be read or written by a kernel that does little else. */
const MS_PER_MEGA_NUMBER = 0.4;

/** Kernels that multiply matrices in one form or another; the rest are priced by the numbers they touch. */
const PRODUCTS = /MatMul|Conv|Linear|Attention|Einsum/;

/** Kernels that only give a tensor another name or shape. */
const FREE = /^(Reshape|Identity)$/;

/** What a step costs a team beyond its share of the work, in milliseconds: signals, and calls that do not get shorter. */
const MS_PER_STEP = 1;

/** What a million parameters cost a team at each step, in milliseconds: gradients shared, and an update in each worker. */
const MS_PER_MEGA_PARAMETER = 17;

/** What starting workers costs, in milliseconds. */
const MS_TO_START = 1000;

/** What is known when the number of workers is chosen. */
export interface Prospect {
  /** Nominal milliseconds of a step on one core, from {@linkcode measureWork}. */
  readonly stepMs: number;
  /** Numbers in all parameters together. */
  readonly parameters: number;
  /** Steps still to be taken. */
  readonly steps: number;
  /** The most workers there can be: cores, and images in a batch. */
  readonly most: number;
}

/** A kernel that ran. */
interface Kernel {
  readonly name: string;
  readonly inputShapes: readonly (readonly number[] | null | undefined)[];
  readonly outputShapes: readonly (readonly number[] | null | undefined)[];
}

/**
 * Does some work and prices it: gives back its result and the nominal milliseconds of one core that its kernels take.
 * They depend on what is computed alone, not on the machine or its load.
 */
export async function measureWork<T>(work: () => Promise<T>): Promise<{ result: T; milliseconds: number }> {
  let outcome: { readonly result: T } | { readonly cause: unknown } | undefined;
  const { kernels } = await tf.profile(async () => {
    // An error is carried around TensorFlow.js, which would never stop profiling if it saw one.
    try {
      outcome = { result: await work() };
    } catch (cause) {
      outcome = { cause };
    }
  });
  if ("cause" in outcome!) throw outcome.cause;
  const milliseconds = (kernels as readonly Kernel[]).reduce((sum, kernel) => sum + priceOf(kernel), 0);
  return { result: outcome!.result, milliseconds };
}

/**
 * The number of workers that is worth having: as many as there can be if they save at least a fifth of a step after what
 * they cost, and repay their start over the run; else one.
 */
export function worthwhileWorkers({ stepMs, parameters, steps, most }: Prospect): number {
  if (most < 2) return 1;
  const shared = stepMs / most + MS_PER_STEP + MS_PER_MEGA_PARAMETER * parameters / 1e6;
  const isFaster = shared <= 0.8 * stepMs;
  return isFaster && steps * (stepMs - shared) > MS_TO_START ? most : 1;
}

/** Nominal milliseconds of a kernel. */
function priceOf({ name, inputShapes, outputShapes }: Kernel): number {
  if (FREE.test(name)) return 0;
  const inputs = inputShapes.map((shape) => shape ?? []);
  const outputs = outputShapes.map((shape) => shape ?? []);
  const numbers = [...inputs, ...outputs].reduce((sum, shape) => sum + sizeOf(shape), 0);
  const touched = MS_PER_MEGA_NUMBER * numbers / 1e6;
  if (!PRODUCTS.test(name) || inputs.length < 2 || outputs.length === 0) return touched;
  // Of a product [m, k] · [k, n] → [m, n], m·k·n is the root of the product of the three sizes, whatever is transposed;
  // for convolutions and attention it is within a factor of three, which decides little.
  const [left, right] = inputs;
  const product = sizeOf(left) * sizeOf(right) * sizeOf(outputs[0]) / batchesOf(left, right);
  return touched + MS_PER_MEGA_MAC * Math.sqrt(product) / 1e6;
}

/** How many products of matrices are taken side by side: the leading axes that both operands have. */
function batchesOf(left: readonly number[], right: readonly number[]): number {
  let batches = 1;
  for (let axis = 0; axis < Math.min(left.length, right.length) - 2 && left[axis] === right[axis]; axis++) {
    batches *= left[axis];
  }
  return Math.max(1, batches);
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}
