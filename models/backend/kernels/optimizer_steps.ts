/**
 * Steps of optimizers over all parameters in one call of the WASM module, as in PyTorch's `SGD`, `Adam` and `AdamW`.
 *
 * Like every function of tensors they make new ones and change none, so a copy of the parameters from before stays what
 * it was. The WASM backend must be the one in use.
 *
 * @module
 */

import { PolyphaseError } from "../../../pipeline/errors.ts";
import { type Tensor, tf } from "../tf.ts";
import { currentKernels } from "./install.ts";
import type { Kernels } from "./instantiate.ts";
import type { TensorInfo, WasmBackend } from "./wasm_backend.ts";

/** What all rules share. */
export interface StepOptions {
  /** Step length. */
  readonly learningRate: number;
  /** Weight decay, one for all parameters or one for each. Default 0. */
  readonly weightDecay?: number | readonly number[];
  /** Factor of the gradients, such as that of a clipped norm. Default 1. */
  readonly gradientScale?: number;
}

/** Options of {@linkcode sgdStep}. */
export interface SgdStepOptions extends StepOptions {
  /** Share of the last step that is kept. Default 0. */
  readonly momentum?: number;
  /** Whether to look ahead along the momentum. Default false. */
  readonly nesterov?: boolean;
}

/** Options of {@linkcode adamStep}. */
export interface AdamStepOptions extends StepOptions {
  /** Number of this step, from 1 on, for the bias corrections. */
  readonly step: number;
  /** Decay of the mean of gradients. Default 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of squared gradients. Default 0.999. */
  readonly beta2?: number;
  /** Is added to the denominator. Default 1e-8. */
  readonly epsilon?: number;
  /** Whether the weight decay shrinks the parameters (AdamW) or is added to the gradients (Adam). Default false. */
  readonly decoupled?: boolean;
}

/**
 * One step of gradient descent: `g ← scale · gradient + decay · w`, `v ← momentum · v + g`, `w ← w − rate · v`, or, with
 * `nesterov`, `w ← w − rate · (g + momentum · v)`.
 *
 * @param params float32 tensors of any shape
 * @param gradients one a parameter, of its shape
 * @param velocity one a parameter, of its shape; not needed, and not made, without momentum
 * @returns new tensors in the same order
 * @throws {PolyphaseError} if lists or shapes do not fit, or another backend is in use
 */
export function sgdStep(
  params: readonly Tensor[],
  gradients: readonly Tensor[],
  velocity: readonly Tensor[],
  { learningRate, weightDecay, gradientScale = 1, momentum = 0, nesterov = false }: SgdStepOptions,
): { params: Tensor[]; velocity: Tensor[] } {
  const slots = momentum === 0 ? [] : [velocity];
  const [newParams, newVelocity = []] = step("sgdStep", params, gradients, slots, weightDecay, (call) => {
    call.kernels.exports.sgdStep(
      call.count,
      call.table,
      call.decays,
      gradientScale,
      learningRate,
      momentum,
      nesterov ? 1 : 0,
    );
  });
  return { params: newParams, velocity: newVelocity };
}

/**
 * One step of Adam or AdamW: `m ← β₁ m + (1 − β₁) g`, `s ← β₂ s + (1 − β₂) g²`, `w ← w − rate · m̂ / (√ŝ + epsilon)` with
 * `m̂ = m / (1 − β₁ᵗ)`, `ŝ = s / (1 − β₂ᵗ)` and t the number of the step.
 *
 * @param params float32 tensors of any shape
 * @param gradients one a parameter, of its shape
 * @param mean means of gradients m, one a parameter, of its shape; zeros before the first step
 * @param square means of squared gradients s, likewise
 * @returns new tensors in the same order
 * @throws {PolyphaseError} if lists or shapes do not fit, or another backend is in use
 */
export function adamStep(
  params: readonly Tensor[],
  gradients: readonly Tensor[],
  mean: readonly Tensor[],
  square: readonly Tensor[],
  options: AdamStepOptions,
): { params: Tensor[]; mean: Tensor[]; square: Tensor[] } {
  const { learningRate, gradientScale = 1, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  const { weightDecay = 0, decoupled = false } = options;
  const decays = decoupled ? timesRate(weightDecay, learningRate) : weightDecay;
  const [newParams, newMean, newSquare] = step(
    "adamStep",
    params,
    gradients,
    [mean, square],
    decays,
    (call) => {
      call.kernels.exports.adamStep(
        call.count,
        call.table,
        call.decays,
        gradientScale,
        learningRate / (1 - beta1 ** options.step),
        beta1,
        1 - beta1,
        beta2,
        1 - beta2,
        1 / Math.sqrt(1 - beta2 ** options.step),
        epsilon,
        decoupled ? 1 : 0,
      );
    },
  );
  return { params: newParams, mean: newMean, square: newSquare };
}

/**
 * The Euclidean norm of all gradients together, summed in double precision. To clip it at `max`, take a step with
 * `gradientScale: Math.min(1, max / (norm + 1e-6))`.
 *
 * @throws {PolyphaseError} if a gradient is not float32, or another backend is in use
 */
export function gradientNorm(gradients: readonly Tensor[]): number {
  const kernels = currentKernels();
  gradients.forEach((gradient) => expectLike("gradientNorm", "gradient", gradient, gradient));
  const { table } = writeTables(kernels, gradients.map((each) => [each.size, 0, address(kernels, each)]), 0);
  return Math.sqrt(kernels.exports.sumOfSquares(gradients.length, table));
}

/** Words of an entry of the table in `assembly/optimizer.ts`. */
const WORDS = 8;

/** What a rule is called with. */
interface Tables {
  readonly kernels: Kernels;
  readonly count: number;
  readonly table: number;
  readonly decays: number;
}

/** Runs a rule and gives back the new parameters, followed by the new slots. */
function step(
  name: string,
  params: readonly Tensor[],
  gradients: readonly Tensor[],
  slots: readonly (readonly Tensor[])[],
  weightDecay: number | readonly number[] = 0,
  run: (tables: Tables) => void,
): Tensor[][] {
  const kernels = currentKernels();
  const lists = [gradients, ...slots, ...typeof weightDecay === "number" ? [] : [weightDecay]];
  const odd = lists.find((list) => list.length !== params.length);
  if (odd !== undefined) {
    throw new PolyphaseError(
      `${name} got ${params.length} parameters and ${odd.length} gradients, slots or weight decays: give one each`,
    );
  }
  params.forEach((param, index) => {
    expectLike(name, "parameter", param, param);
    expectLike(name, "gradient", gradients[index], param);
    for (const slot of slots) expectLike(name, "slot", slot[index], param);
  });
  // New tensors come first: making one may move nothing, but it may use the memory that was scratch.
  const made = [params, ...slots].map(() => params.map(({ shape }) => kernels.output(shape, "float32")));
  const entries = params.map((param, index) => {
    const [slot0, slot1] = [0, 1].map((each) => slots[each] ? address(kernels, slots[each][index]) : 0);
    const targets = made.map((list) => kernels.addressOf(list[index]));
    return [
      param.size,
      address(kernels, param),
      address(kernels, gradients[index]),
      slot0,
      slot1,
      ...targets,
    ];
  });
  run({ kernels, count: params.length, ...writeTables(kernels, entries, weightDecay) });
  const engine = tf.engine() as unknown as { makeTensorFromTensorInfo(info: TensorInfo): Tensor };
  return made.map((list) => list.map((info) => engine.makeTensorFromTensorInfo(info)));
}

/** Writes what the module reads into scratch, after which nothing else may ask for any. */
function writeTables(
  kernels: Kernels,
  entries: readonly (readonly number[])[],
  weightDecay: number | readonly number[],
): { table: number; decays: number } {
  const count = entries.length;
  const table = kernels.scratch(4 * (WORDS + 1) * count);
  const decays = table + 4 * WORDS * count;
  const { buffer } = (tf.backend() as unknown as WasmBackend).wasm.asm.memory;
  const words = new Uint32Array(buffer, table, WORDS * count);
  entries.forEach((entry, index) => words.set(entry, WORDS * index));
  const factors = new Float32Array(buffer, decays, count);
  for (let index = 0; index < count; index++) {
    factors[index] = typeof weightDecay === "number" ? weightDecay : weightDecay[index];
  }
  return { table, decays };
}

function address(kernels: Kernels, tensor: Tensor): number {
  return kernels.addressOf(tensor as unknown as TensorInfo);
}

function timesRate(weightDecay: number | readonly number[], rate: number): number | readonly number[] {
  return typeof weightDecay === "number" ? weightDecay * rate : weightDecay.map((each) => each * rate);
}

function expectLike(name: string, what: string, tensor: Tensor, param: Tensor): void {
  if (tensor.dtype !== "float32" || String(tensor.shape) !== String(param.shape)) {
    throw new PolyphaseError(
      `${name} got a ${what} ${tensor.dtype} [${tensor.shape}], expected float32 [${param.shape}]: cast or reshape it`,
    );
  }
}
