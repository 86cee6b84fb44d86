/**
 * Where support vectors are fitted: in a worker, so that the thread of the caller stays free, or on that thread.
 *
 * @module
 */

import { AbortedError, PolyphaseError } from "../errors.ts";
import { workerFault } from "../parallel/ability.ts";
import type { SvcAnswer, SvcOrder } from "./messages.ts";
import type { PaceOptions } from "./pace.ts";
import { predictSvc } from "./predict_svc.ts";
import { fitSvc, type Svc, type SvcOptions } from "./svc.ts";

/** Fits and predicts somewhere; the results are the same everywhere. */
export interface SvcRunner {
  /** Whether that is a worker. */
  readonly isWorker: boolean;
  /** As {@linkcode fitSvc}. An abort ends a worker for good. */
  fit(features: Float32Array, labels: ArrayLike<number>, options?: SvcOptions): Promise<Svc>;
  /** As {@linkcode predictSvc}. An abort ends a worker for good. */
  predict(svc: Svc, features: Float32Array, options?: PaceOptions): Promise<Int32Array>;
  /** Ends the worker, if there is one. */
  close(): void;
}

/** Fits on the thread of the caller, with turns for others now and then. */
export const localRunner: SvcRunner = { isWorker: false, fit: fitSvc, predict: predictSvc, close: () => {} };

/**
 * A worker that fits support vectors, or {@linkcode localRunner} where no worker can be had: none exists, Deno was not
 * permitted to load its modules, or the page cannot load them.
 *
 * @param start makes the worker
 */
export async function startRunner(
  start: () => Worker = () => new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }),
): Promise<SvcRunner> {
  if (!mayHaveWorker()) return localRunner;
  let thread: Worker;
  try {
    thread = start();
  } catch {
    // A page may not start a worker from another origin.
    return localRunner;
  }
  const isReady = await new Promise<boolean>((resolve) => {
    thread.onmessage = () => resolve(true);
    thread.onerror = (event) => {
      event.preventDefault();
      resolve(false);
    };
  });
  if (!isReady) {
    thread.terminate();
    return localRunner;
  }
  return {
    isWorker: true,
    async fit(features, labels, { signal, progress, ...settings } = {}) {
      const order: SvcOrder = { kind: "fit", features, labels: Int32Array.from(labels), settings };
      const answer = await ask(thread, order, { signal, progress });
      if (answer.kind !== "fitted") throw unexpected(answer);
      return answer.svc;
    },
    async predict(svc, features, { signal, progress } = {}) {
      const answer = await ask(thread, { kind: "predict", svc, features }, { signal, progress });
      if (answer.kind !== "predicted") throw unexpected(answer);
      return answer.labels;
    },
    close: () => thread.terminate(),
  };
}

/** Whether a worker may be started without anybody being asked for a permission. */
function mayHaveWorker(): boolean {
  const scope = globalThis as unknown as { readonly Worker?: unknown; readonly Deno?: unknown };
  // This worker shares no memory, so a page needs nothing more than to have workers.
  return scope.Deno === undefined ? scope.Worker !== undefined : workerFault() === undefined;
}

/** Tells the worker to do something, and waits until it is done. */
function ask(thread: Worker, order: SvcOrder, { signal, progress }: PaceOptions): Promise<SvcAnswer> {
  return new Promise((resolve, reject) => {
    const end = () => signal?.removeEventListener("abort", stop);
    const stop = () => {
      end();
      // A thread in the midst of arithmetic hears nothing.
      thread.terminate();
      reject(new AbortedError("Stopped while fitting support vectors: begin again to have it done"));
    };
    if (signal?.aborted) return stop();
    signal?.addEventListener("abort", stop);
    thread.onmessage = ({ data: answer }: MessageEvent<SvcAnswer>) => {
      if (answer.kind === "progress") return progress?.(answer.done, answer.total);
      end();
      if (answer.kind !== "failed") return resolve(answer);
      reject(answer.forPerson ? new PolyphaseError(answer.text) : broken(answer.text));
    };
    thread.onerror = (event) => {
      event.preventDefault();
      end();
      reject(broken(event.message.split("\n")[0]));
    };
    thread.postMessage(order);
  });
}

function broken(text: string): PolyphaseError {
  return new PolyphaseError(
    `Support vectors: the worker ended with "${text}": give it fewer rows, or work without one (worker: false)`,
  );
}

function unexpected({ kind }: SvcAnswer): Error {
  return new Error(`the worker answered "${kind}" to another question`);
}
