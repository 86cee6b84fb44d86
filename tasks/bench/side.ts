/**
 * One side of a comparison: takes turns at timing the subject that is open. The sides are ours in this process, and
 * others in processes of their own.
 *
 * @module
 */

import { hasKernel } from "../../models/backend/ops/fused_kernels.ts";
import { tf } from "../../models/backend/tf.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";

/** A subject with its inputs in place. */
export interface Work {
  /** Does it once and frees what it made; the work is over when what this gives back is settled. */
  run(): void | Promise<void>;
  /** Frees the inputs. */
  dispose(): void;
}

/** Something to be timed. */
export interface Subject {
  /** Name, also on the command line. */
  readonly name: string;
  /** The kernel without which a backend cannot do it. */
  readonly kernel?: string;
  /** Makes the inputs, the same ones each time. A subject that cannot be done throws. */
  make(): Work | Promise<Work>;
}

/** What a backend holds beyond what it held before the inputs were made. */
export interface Held {
  /** Tensors. */
  readonly tensors: number;
  /** Pieces of memory behind them, on the backend's own count. */
  readonly buffers: number;
  /** Bytes of the tensors. */
  readonly bytes: number;
}

/** What a backend holds around all runs of a subject; its inputs are there both times. */
export interface Memory {
  /** Before the first run. */
  readonly before: Held;
  /** After the last. */
  readonly after: Held;
}

/** One side. */
export interface Side {
  /** Makes the inputs of a subject; gives back why this side cannot do it, or null. */
  open(name: string): Promise<string | null>;
  /**
   * Runs it up to `repeats` times in a row, but starts no run once the turn has lasted for as long as a turn may; gives
   * back the mean milliseconds of a run.
   */
  turn(repeats: number): Promise<number>;
  /** Frees the inputs; gives back what was held, or null where that is not counted. */
  close(): Promise<Memory | null>;
}

/** How long a turn goes on starting runs, in milliseconds: the slowest subjects need longer than that for one. */
export const TURN_MS = 10;

/** How long turns are, where not as the operations need them. */
export interface TurnOptions {
  /** How long a turn goes on starting runs, in milliseconds. Default {@linkcode TURN_MS}. */
  readonly turnMs?: number;
  /**
   * Runs at the beginning of a turn that do not count. Default none. In training, step follows step: what another side
   * left in the caches, or a core that has to be woken, is no part of it.
   */
  readonly unpaid?: number;
}

/** The side that runs here, on the backend in use. */
export function localSide(subjects: readonly Subject[], options: TurnOptions = {}): Side {
  let work: Work | undefined;
  let base: Held | undefined;
  let before: Held | undefined;
  return {
    async open(name) {
      const { kernel, make } = subjects.find((each) => each.name === name)!;
      if (kernel !== undefined && !hasKernel(kernel)) return `no kernel ${kernel}`;
      base = held();
      try {
        work = await make();
      } catch (cause) {
        return inTheWay(cause);
      }
      before = less(held(), base);
      return null;
    },
    turn: (repeats) => timeRuns(() => work!.run(), repeats, options),
    close() {
      const memory = { before: before!, after: less(held(), base!) };
      work!.dispose();
      work = undefined;
      return Promise.resolve(memory);
    },
  };
}

/** Mean milliseconds of up to `repeats` runs in a row, of which none begins once a turn is over. */
export async function timeRuns(
  run: Work["run"],
  repeats: number,
  { turnMs = TURN_MS, unpaid = 0 }: TurnOptions = {},
): Promise<number> {
  for (let runs = 0; runs < unpaid; runs++) await run();
  const started = performance.now();
  let elapsed = 0;
  let runs = 0;
  while (runs < repeats && elapsed < turnMs) {
    const pending = run();
    // Waiting for nothing would cost short runs time.
    if (pending !== undefined) await pending;
    runs++;
    elapsed = performance.now() - started;
  }
  return elapsed / runs;
}

/** What TensorFlow.js says where a backend lacks a kernel, or the line of an error of ours. Anything else is a bug. */
function inTheWay(cause: unknown): string {
  if (cause instanceof PolyphaseError) return cause.message;
  const kernel = cause instanceof Error
    ? /^Kernel '(\w+)' not registered/.exec(cause.message)?.[1]
    : undefined;
  if (kernel === undefined) throw cause;
  return `no kernel ${kernel}`;
}

function held(): Held {
  const { numTensors, numBytes } = tf.memory();
  return { tensors: numTensors, buffers: tf.backend().numDataIds(), bytes: numBytes };
}

function less(a: Held, b: Held): Held {
  return { tensors: a.tensors - b.tensors, buffers: a.buffers - b.buffers, bytes: a.bytes - b.bytes };
}
