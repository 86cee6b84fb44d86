/**
 * The memory that the main thread and the workers share: where orders, parameters and gradients lie in it.
 *
 * @module
 */

import { BARRIER_WORDS } from "./barrier.ts";

/** How much memory a team needs. */
export interface MemorySizes {
  /** Workers. */
  readonly workers: number;
  /** Numbers in all parameters together. */
  readonly parameters: number;
  /** Tensors that the optimizer keeps for each parameter. */
  readonly slots: number;
  /** Training images with all their copies. */
  readonly imagesPerEpoch: number;
}

/** Views of the shared memory. They can be posted to a worker, which then sees the same numbers. */
export interface SharedMemory {
  /** The barrier of the workers. */
  readonly barrier: Int32Array<SharedArrayBuffer>;
  /** Order of the images in the present epoch, `[imagesPerEpoch]`. */
  readonly order: Uint32Array<SharedArrayBuffer>;
  /** Mean loss of each worker's share, `[workers]`. */
  readonly losses: Float64Array<SharedArrayBuffer>;
  /** Checksum of each worker's parameters and optimizer memory, `[workers]`. */
  readonly checksums: Uint32Array<SharedArrayBuffer>;
  /** Gradients of each worker's share, flat, `[workers][parameters]`. */
  readonly gradients: readonly Float32Array<SharedArrayBuffer>[];
  /** Gradient of the whole batch, flat, `[parameters]`. */
  readonly mean: Float32Array<SharedArrayBuffer>;
  /** Parameters and then the optimizer's slots, each flat, `[1 + slots][parameters]`. */
  readonly state: readonly Float32Array<SharedArrayBuffer>[];
}

/** Fresh shared memory, all zero. */
export function createMemory({ workers, parameters, slots, imagesPerEpoch }: MemorySizes): SharedMemory {
  const floats = () => new Float32Array(new SharedArrayBuffer(4 * parameters));
  return {
    barrier: new Int32Array(new SharedArrayBuffer(4 * BARRIER_WORDS)),
    order: new Uint32Array(new SharedArrayBuffer(4 * imagesPerEpoch)),
    losses: new Float64Array(new SharedArrayBuffer(8 * workers)),
    checksums: new Uint32Array(new SharedArrayBuffer(4 * workers)),
    gradients: Array.from({ length: workers }, floats),
    mean: floats(),
    state: Array.from({ length: 1 + slots }, floats),
  };
}

/** A copy of bytes in shared memory. */
export function shareBytes(bytes: Uint8Array): Uint8Array<SharedArrayBuffer> {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return shared;
}
