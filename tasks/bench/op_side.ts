/**
 * One side of the comparison of operations: takes turns at timing the operation that is open. The sides are our kernels
 * in this process and vanilla TensorFlow.js in another.
 *
 * @module
 */

import { hasKernel } from "../../models/backend/ops/fused_kernels.ts";
import { tf } from "../../models/backend/tf.ts";
import { type Op, OPS, type Work } from "./ops.ts";

/** What a backend holds beyond what it held before the inputs were made. */
export interface Held {
  /** Tensors. */
  readonly tensors: number;
  /** Pieces of memory behind them, on the backend's own count. */
  readonly buffers: number;
  /** Bytes of the tensors. */
  readonly bytes: number;
}

/** What a backend holds around all runs of an operation; its inputs are there both times. */
export interface Memory {
  /** Before the first run. */
  readonly before: Held;
  /** After the last. */
  readonly after: Held;
}

/** One side. */
export interface OpSide {
  /** Makes the inputs of an operation; gives back whether this side can do it. */
  open(name: string): Promise<boolean>;
  /**
   * Runs it up to `repeats` times in a row, but starts no run after {@linkcode TURN_MS}; gives back the mean milliseconds
   * of a run.
   */
  turn(repeats: number): Promise<number>;
  /** Frees the inputs. */
  close(): Promise<Memory>;
}

/** How long a turn goes on starting runs, in milliseconds: the slowest operations need longer than that for one. */
export const TURN_MS = 10;

/** The side that runs here, on the backend in use. */
export function localSide(ops: readonly Op[] = OPS): OpSide {
  let work: Work | undefined;
  let base: Held | undefined;
  let before: Held | undefined;
  return {
    open(name) {
      const op = ops.find((each) => each.name === name)!;
      if (op.kernel !== undefined && !hasKernel(op.kernel)) return Promise.resolve(false);
      base = held();
      work = op.make();
      before = less(held(), base);
      return Promise.resolve(true);
    },
    turn(repeats) {
      const started = performance.now();
      let elapsed = 0;
      let runs = 0;
      while (runs < repeats && elapsed < TURN_MS) {
        work!.run();
        runs++;
        elapsed = performance.now() - started;
      }
      return Promise.resolve(elapsed / runs);
    },
    close() {
      const memory = { before: before!, after: less(held(), base!) };
      work!.dispose();
      work = undefined;
      return Promise.resolve(memory);
    },
  };
}

function held(): Held {
  const { numTensors, numBytes } = tf.memory();
  return { tensors: numTensors, buffers: tf.backend().numDataIds(), bytes: numBytes };
}

function less(a: Held, b: Held): Held {
  return { tensors: a.tensors - b.tensors, buffers: a.buffers - b.buffers, bytes: a.bytes - b.bytes };
}
