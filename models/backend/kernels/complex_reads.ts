/**
 * Reading complex tensors from the WASM backend, which TensorFlow.js refuses.
 *
 * @module
 */

import type { WasmBackend } from "./wasm_backend.ts";

/**
 * Makes `tensor.data()` of complex tensors give real and imaginary parts by turns, as on the other backends. It stays so
 * when the kernels are taken away, since such tensors may stay, too.
 */
export function letReadComplex(backend: WasmBackend): void {
  const read = backend.readSync.bind(backend);
  backend.readSync = (dataId, start, end) => {
    const { memoryOffset, shape, dtype } = backend.dataIdMap.get(dataId);
    if (dtype !== "complex64") return read(dataId, start, end);
    const size = shape.reduce((product, length) => product * length, 1);
    const { buffer } = backend.wasm.asm.memory;
    return new Float32Array(buffer, memoryOffset, 2 * size).slice(2 * (start ?? 0), 2 * (end ?? size));
  };
}
