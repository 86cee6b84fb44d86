/**
 * The parts of TensorFlow.js's WASM backend that kernels need, which its own types keep to themselves.
 *
 * @module
 */

/** What a kernel sees of a tensor. */
export interface TensorInfo {
  /** Key of its numbers; reshaped tensors share it. */
  readonly dataId: object;
  /** Sizes of its axes. */
  shape: number[];
  /** Type of its numbers. */
  readonly dtype: "float32" | "int32" | "bool" | "complex64" | "string";
}

/** The backend that kernels are called with. */
export interface WasmBackend {
  /** Where the numbers of each tensor lie. */
  readonly dataIdMap: {
    get(dataId: object): {
      readonly memoryOffset: number;
      readonly shape: readonly number[];
      readonly dtype: TensorInfo["dtype"];
    };
  };
  /** The Emscripten module. */
  readonly wasm: {
    /** Allocates bytes; a signed address, or 0 where there is no memory left. */
    _malloc(bytes: number): number;
    /** Frees what `_malloc` gave. */
    _free(address: number): void;
    /** The exports of the WASM instance. */
    readonly asm: { readonly memory: WebAssembly.Memory };
  };
  /** Copies numbers out of memory, from the one at `start` to before the one at `end`. */
  readSync: (dataId: object, start?: number, end?: number) => ArrayBufferView;
  /** A new tensor whose numbers are whatever the memory held. */
  makeOutput(shape: number[], dtype: TensorInfo["dtype"]): TensorInfo;
  /** Drops a reference to a tensor that a kernel made on the way. */
  disposeData(dataId: object): boolean;
  /** One more tensor shares the numbers of this one. */
  incRef(dataId: object): void;
}
