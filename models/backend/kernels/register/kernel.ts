/**
 * What a kernel of ours is: a replacement for the one that TensorFlow.js has under the same name.
 *
 * @module
 */

import type { Kernels } from "../instantiate.ts";
import type { TensorInfo, WasmBackend } from "../wasm_backend.ts";

/** A call of a kernel by TensorFlow.js. */
export interface KernelCall {
  /** Tensors by the names that the kernel gives them; an optional one may be missing. */
  readonly inputs: Readonly<Record<string, TensorInfo | null | undefined>>;
  /** Options of the operation. */
  readonly attrs: Readonly<Record<string, unknown>>;
  /** The backend. */
  readonly backend: WasmBackend;
  /** Our kernels on that backend. */
  readonly kernels: Kernels;
  /** The same call to the kernel of TensorFlow.js that this one replaces. */
  vanilla(): TensorInfo;
  /** Runs another kernel of the backend, ours or not. */
  run(
    kernel: string,
    inputs: Readonly<Record<string, TensorInfo>>,
    attrs?: Record<string, unknown>,
  ): TensorInfo;
}

/** A kernel of ours. */
export interface KernelDefinition {
  /** Name of the kernel in TensorFlow.js. */
  readonly name: string;
  /** Computes it; a tensor, or each of several, is new, or shares the numbers of an input after `incRef`. */
  run(call: KernelCall): TensorInfo | TensorInfo[];
}
