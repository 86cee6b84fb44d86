/**
 * Reading a tensor where it lies: on the WASM backend its numbers can be seen without a copy.
 *
 * @module
 */

import type { WasmBackend } from "./kernels/wasm_backend.ts";
import { type Tensor, tf } from "./tf.ts";

/**
 * The numbers of a float32 tensor, in the memory of the WASM backend where that is in use, else a copy. What is seen in
 * memory is valid only until the next operation on tensors, which may move or overwrite it.
 */
export async function viewOf(tensor: Tensor): Promise<Float32Array> {
  if (tf.getBackend() !== "wasm") return await tensor.data<"float32">();
  const { dataIdMap, wasm } = tf.backend() as unknown as WasmBackend;
  const { memoryOffset } = dataIdMap.get(tensor.dataId);
  return new Float32Array(wasm.asm.memory.buffer, memoryOffset, tensor.size);
}
