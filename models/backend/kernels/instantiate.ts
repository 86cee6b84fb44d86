/**
 * Brings the compiled kernels to life on the memory of TensorFlow.js's WASM backend.
 *
 * Memory may grow with any allocation, which detaches every view of it; addresses stay. So nothing here, and no
 * kernel, keeps a view: they keep addresses, and ask for those of tensors when they are called.
 *
 * @module
 */

import { PolyphaseError } from "../../../pipeline/errors.ts";
import type { AttentionExports } from "./attention_exports.ts";
import type { ChannelExports } from "./channel_exports.ts";
import { letReadComplex } from "./complex_reads.ts";
import type { CopyExports } from "./copy_exports.ts";
import { PLAIN_SIMD, RELAXED_SIMD } from "./module.generated.ts";
import type { VectorExports } from "./vector_exports.ts";
import type { TensorInfo, WasmBackend } from "./wasm_backend.ts";
import type { WindowExports } from "./window_exports.ts";

/** The instructions that a build uses. */
export type KernelVariant = "relaxed-simd" | "simd";

/**
 * What the WASM module exports; `assembly/` documents each. Addresses are in bytes, steps in elements.
 */
export interface KernelExports
  extends AttentionExports, ChannelExports, CopyExports, VectorExports, WindowExports {
  /** Products of matrices. */
  gemm(
    count: number,
    rows: number,
    columns: number,
    depth: number,
    a: number,
    aBatch: number,
    aRow: number,
    aColumn: number,
    b: number,
    bBatch: number,
    bRow: number,
    bColumn: number,
    c: number,
    cBatch: number,
    cRow: number,
    bias: number,
    activation: number,
    slope: number,
    adds: number,
    scratch: number,
  ): void;
  /** Bytes of scratch that `gemm` needs. */
  gemmScratch(columns: number, depth: number): number;
  /** Axes in another order, elements of four bytes. */
  permute32: Permute;
  /** Axes in another order, elements of one byte. */
  permute8: Permute;
}

/** Copies an array with its axes in another order: four outer axes, rows and columns. */
export type Permute = (
  from: number,
  to: number,
  size0: number,
  size1: number,
  size2: number,
  size3: number,
  rows: number,
  columns: number,
  from0: number,
  from1: number,
  from2: number,
  from3: number,
  fromRow: number,
  fromColumn: number,
  to0: number,
  to1: number,
  to2: number,
  to3: number,
  toRow: number,
) => void;

/** The kernels on one backend. */
export interface Kernels {
  /** The functions. */
  readonly exports: KernelExports;
  /** The instructions that they use. */
  readonly variant: KernelVariant;
  /** Address in bytes of a tensor's numbers. */
  addressOf(tensor: TensorInfo): number;
  /**
   * A new tensor whose numbers are whatever the memory held: the kernel must write every one.
   *
   * @throws {PolyphaseError} if there is no memory left
   */
  output(shape: readonly number[], dtype: TensorInfo["dtype"]): TensorInfo;
  /**
   * Address of at least `bytes` bytes to work in, aligned to eight. The next call hands out the same bytes, or frees
   * them for more: it belongs to one call of a kernel.
   *
   * @throws {PolyphaseError} if there is no memory left
   */
  scratch(bytes: number): number;
}

const modules = new Map<KernelVariant, WebAssembly.Module>();
const instances = new WeakMap<WasmBackend, Kernels>();

/** The best build that this engine can run. */
export function kernelVariant(): KernelVariant {
  return WebAssembly.validate(binaryOf("relaxed-simd")) ? "relaxed-simd" : "simd";
}

/**
 * The kernels on `backend`, made at the first call.
 *
 * @throws {PolyphaseError} if the backend's memory is shared between threads
 */
export function kernelsOf(backend: WasmBackend): Kernels {
  let kernels = instances.get(backend);
  if (kernels === undefined) {
    kernels = instantiateKernels(backend);
    instances.set(backend, kernels);
    letReadComplex(backend);
  }
  return kernels;
}

/**
 * A new instance of the kernels on `backend`. Only comparisons of the two builds need it, others use
 * {@linkcode kernelsOf}.
 *
 * @throws {PolyphaseError} if the backend's memory is shared between threads
 */
export function instantiateKernels(
  backend: WasmBackend,
  variant: KernelVariant = moduleVariant(),
): Kernels {
  const { memory } = backend.wasm.asm;
  if (!(memory.buffer instanceof ArrayBuffer)) {
    throw new PolyphaseError(
      "The kernels run on one thread, but TensorFlow.js started its build for several: " +
        'call tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false) before choosing the backend',
    );
  }
  const instance = new WebAssembly.Instance(moduleOf(variant), { env: { memory } });
  // Where allocation fails TensorFlow.js goes on with address 0, and with too few bytes where their number overflows.
  const isAllocated = (address: number, bytes: number) =>
    address !== 0 && address + bytes <= memory.buffer.byteLength;
  let scratchAddress = 0;
  let scratchBytes = 0;
  return {
    exports: instance.exports as unknown as KernelExports,
    variant,
    addressOf: (tensor) => backend.dataIdMap.get(tensor.dataId).memoryOffset,
    output(shape, dtype) {
      const tensor = backend.makeOutput([...shape], dtype);
      const bytes = shape.reduce((product, size) => product * size, dtype === "bool" ? 1 : 4);
      if (!isAllocated(backend.dataIdMap.get(tensor.dataId).memoryOffset, bytes)) {
        backend.disposeData(tensor.dataId);
        throw outOfMemory(`a tensor of shape [${shape}]`);
      }
      return tensor;
    },
    scratch(bytes) {
      if (bytes <= scratchBytes) return scratchAddress;
      if (scratchBytes > 0) backend.wasm._free(scratchAddress);
      scratchBytes = 0;
      // `_malloc` gives a signed number, and addresses go up to 4 GiB.
      const address = backend.wasm._malloc(bytes) >>> 0;
      if (!isAllocated(address, bytes)) {
        backend.wasm._free(address);
        throw outOfMemory(`${bytes} bytes to work in`);
      }
      scratchAddress = address;
      scratchBytes = bytes;
      return scratchAddress;
    },
  };
}

function outOfMemory(what: string): PolyphaseError {
  return new PolyphaseError(
    `WASM memory is full: no place for ${what} (at most 4 GiB in all): use smaller batches, or dispose of tensors`,
  );
}

let best: KernelVariant | undefined;

function moduleVariant(): KernelVariant {
  return best ??= kernelVariant();
}

function moduleOf(variant: KernelVariant): WebAssembly.Module {
  let module = modules.get(variant);
  if (module === undefined) {
    module = new WebAssembly.Module(binaryOf(variant));
    modules.set(variant, module);
  }
  return module;
}

function binaryOf(variant: KernelVariant): Uint8Array<ArrayBuffer> {
  const text = variant === "relaxed-simd" ? RELAXED_SIMD : PLAIN_SIMD;
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
