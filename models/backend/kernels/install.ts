/**
 * Puts our kernels in the place of TensorFlow.js's, so that ordinary TensorFlow.js code runs on them, and takes them
 * away again.
 *
 * @module
 */

import { PolyphaseError } from "../../../pipeline/errors.ts";
import { tf } from "../tf.ts";
import { type Kernels, kernelsOf, type KernelVariant } from "./instantiate.ts";
import { attention, attentionGrad, packedAttention, packedAttentionGrad } from "./register/attention.ts";
import { batchMatMul } from "./register/batch_mat_mul.ts";
import { batchMatMulGradient } from "./register/batch_mat_mul_gradient.ts";
import { batchNorm, batchNormGrad, moments } from "./register/batch_norm.ts";
import { cast } from "./register/cast.ts";
import { clipByValue } from "./register/clip_by_value.ts";
import {
  add,
  complex,
  complexAbs,
  imaginary,
  multiply,
  real,
  subtract,
  zerosLike,
} from "./register/complex.ts";
import { concat, pack } from "./register/concat.ts";
import { conv2d, conv2dBackpropFilter, conv2dBackpropInput } from "./register/conv2d.ts";
import { conv2dGradient, depthwiseConv2dGradient } from "./register/conv2d_gradient.ts";
import {
  depthwiseConv2d,
  depthwiseConv2dBackpropFilter,
  depthwiseConv2dBackpropInput,
} from "./register/depthwise_conv2d.ts";
import { dropoutMask } from "./register/dropout_mask.ts";
import { einsum } from "./register/einsum.ts";
import { einsumGradient } from "./register/einsum_gradient.ts";
import { fft, ifft } from "./register/fourier.ts";
import { fusedConv2d } from "./register/fused_conv2d.ts";
import { fusedMatMul } from "./register/fused_mat_mul.ts";
import { gather } from "./register/gather.ts";
import { gelu, geluGrad } from "./register/gelu.ts";
import { identity } from "./register/identity.ts";
import type { KernelCall, KernelDefinition } from "./register/kernel.ts";
import { layerNorm, layerNormGrad } from "./register/layer_norm.ts";
import { fusedLinear, fusedLinearGrad } from "./register/linear.ts";
import {
  polyphaseConv2d,
  polyphaseConv2dFilterGrad,
  polyphaseConv2dInputGrad,
  polyphaseMaxPoolGrad,
} from "./register/polyphase_conv2d.ts";
import { avgPool, avgPoolGrad, maxPool, maxPoolGrad } from "./register/pool.ts";
import { max, mean, sum } from "./register/reduce.ts";
import { phaseEnergies, roll } from "./register/roll.ts";
import { reverse, slice, splitV, stridedSlice, unpack } from "./register/slice.ts";
import { logSoftmax, logSoftmaxGrad, plainSoftmax, softmax, softmaxGrad } from "./register/softmax.ts";
import { softmaxCrossEntropy, softmaxCrossEntropyGrad } from "./register/softmax_cross_entropy.ts";
import { tile } from "./register/tile.ts";
import { tileGradient } from "./register/tile_gradient.ts";
import { transpose } from "./register/transpose.ts";
import { erf, exp, tanh } from "./register/unary.ts";
import { unsortedSegmentSum } from "./register/unsorted_segment_sum.ts";
import type { TensorInfo, WasmBackend } from "./wasm_backend.ts";

type KernelConfig = ReturnType<typeof tf.getKernel>;
type GradConfig = ReturnType<typeof tf.getGradient>;

const BACKEND = "wasm";

/** The kernels that we bring. */
const DEFINITIONS: readonly KernelDefinition[] = [
  fusedLinear,
  fusedLinearGrad,
  batchMatMul,
  fusedMatMul,
  transpose,
  conv2d,
  conv2dBackpropInput,
  conv2dBackpropFilter,
  fusedConv2d,
  depthwiseConv2d,
  depthwiseConv2dBackpropInput,
  depthwiseConv2dBackpropFilter,
  maxPool,
  maxPoolGrad,
  avgPool,
  avgPoolGrad,
  polyphaseConv2d,
  polyphaseConv2dInputGrad,
  polyphaseConv2dFilterGrad,
  polyphaseMaxPoolGrad,
  unsortedSegmentSum,
  identity,
  exp,
  erf,
  tanh,
  sum,
  mean,
  max,
  gelu,
  geluGrad,
  layerNorm,
  layerNormGrad,
  plainSoftmax,
  softmax,
  softmaxGrad,
  logSoftmax,
  logSoftmaxGrad,
  softmaxCrossEntropy,
  softmaxCrossEntropyGrad,
  attention,
  attentionGrad,
  packedAttention,
  packedAttentionGrad,
  moments,
  batchNorm,
  batchNormGrad,
  dropoutMask,
  slice,
  stridedSlice,
  splitV,
  unpack,
  reverse,
  concat,
  pack,
  tile,
  gather,
  cast,
  clipByValue,
  einsum,
  complex,
  real,
  imaginary,
  complexAbs,
  add,
  subtract,
  multiply,
  zerosLike,
  fft,
  ifft,
  roll,
  phaseEnergies,
];

/** What TensorFlow.js had under each name, while ours are in their place; nothing where it had no such kernel. */
const replaced = new Map<string, KernelConfig | undefined>();

/** Gradients that we mend. TensorFlow.js has one registry for all backends, so they count for every backend. */
const GRADIENTS: readonly GradConfig[] = [
  batchMatMulGradient,
  conv2dGradient,
  depthwiseConv2dGradient,
  tileGradient,
];

// Replaces nothing, so it is there for every backend, with our kernels or without.
tf.registerGradient(einsumGradient);

/** What TensorFlow.js had in place of our gradients. */
const replacedGradients = new Map<string, GradConfig>();

/**
 * Makes TensorFlow.js use our kernels on its WASM backend, which must be the one in use, and our gradients. Calling it
 * again changes nothing.
 *
 * @returns the instructions that the kernels use
 * @throws {PolyphaseError} if another backend is in use
 */
export function installKernels(): KernelVariant {
  const { variant } = currentKernels();
  if (replaced.size > 0) return variant;
  const own = new Set(DEFINITIONS.map(({ name }) => name));
  const rest = tf.getKernelsForBackend(BACKEND).map(({ kernelName }) => kernelName);
  for (const definition of DEFINITIONS) install(definition);
  // As they are, but that they refuse complex numbers.
  for (const name of rest) if (!own.has(name)) install({ name, run: (call) => call.vanilla() });
  for (const gradient of GRADIENTS) {
    replacedGradients.set(gradient.kernelName, tf.getGradient(gradient.kernelName));
    tf.registerGradient(gradient);
  }
  return variant;
}

/** Gives TensorFlow.js its own kernels and gradients back. Without {@linkcode installKernels} before it does nothing. */
export function uninstallKernels(): void {
  for (const [name, vanilla] of replaced) {
    tf.unregisterKernel(name, BACKEND);
    if (vanilla !== undefined) tf.registerKernel(vanilla);
  }
  for (const vanilla of replacedGradients.values()) tf.registerGradient(vanilla);
  replaced.clear();
  replacedGradients.clear();
}

/** Whether our kernels are in place. */
export function areKernelsInstalled(): boolean {
  return replaced.size > 0;
}

/** Whether what runs now runs on our kernels: they are in place, and the backend in use is the one they belong to. */
export function areKernelsInUse(): boolean {
  return areKernelsInstalled() && tf.getBackend() === BACKEND;
}

/**
 * The kernels on the WASM backend in use, for operations of our own.
 *
 * @throws {PolyphaseError} if another backend is in use
 */
export function currentKernels(): Kernels {
  const name = tf.getBackend();
  if (name !== BACKEND) {
    throw new PolyphaseError(
      `The kernels belong to the backend "wasm", but "${name}" is in use: call selectBackend("wasm") first`,
    );
  }
  return kernelsOf(tf.backend() as unknown as WasmBackend);
}

function install(definition: KernelDefinition): void {
  const { name } = definition;
  const vanilla = tf.getKernel(name, BACKEND) as KernelConfig | undefined;
  replaced.set(name, vanilla);
  if (vanilla !== undefined) tf.unregisterKernel(name, BACKEND);
  tf.registerKernel({
    kernelName: name,
    backendName: BACKEND,
    // A backend that starts later sets up the kernel that ours falls back to.
    setupFunc: vanilla?.setupFunc,
    disposeFunc: vanilla?.disposeFunc,
    kernelFunc: (call) => definition.run(callOf(call as unknown as VanillaCall, name, vanilla)),
  });
}

/**
 * What TensorFlow.js's kernels do with complex numbers: these look at shapes alone. All others would read them as if they
 * were something else, since its WASM backend has none.
 */
const TAKE_COMPLEX: ReadonlySet<string> = new Set(["Reshape", "ExpandDims"]);

/** What TensorFlow.js calls a kernel with. */
type VanillaCall = Pick<KernelCall, "inputs" | "attrs" | "backend">;

function callOf(call: VanillaCall, name: string, vanilla: KernelConfig | undefined): KernelCall {
  const { inputs, backend } = call;
  return {
    inputs,
    attrs: call.attrs ?? {},
    backend,
    kernels: kernelsOf(backend),
    vanilla: () => {
      if (vanilla === undefined) {
        throw new PolyphaseError(`TensorFlow.js has no kernel ${name} for its WASM backend: cast to float32`);
      }
      if (!TAKE_COMPLEX.has(name) && Object.values(inputs).some((each) => each?.dtype === "complex64")) {
        throw new PolyphaseError(
          `TensorFlow.js's kernel ${name} for its WASM backend takes no complex numbers: take tf.real(x) and tf.imag(x) apart`,
        );
      }
      return runConfig(vanilla, call);
    },
    run: (kernel, kernelInputs, attrs = {}) =>
      runConfig(tf.getKernel(kernel, BACKEND), { inputs: kernelInputs, attrs, backend }),
  };
}

function runConfig(config: KernelConfig, call: VanillaCall): TensorInfo {
  return config.kernelFunc(call as unknown as Parameters<KernelConfig["kernelFunc"]>[0]) as TensorInfo;
}
