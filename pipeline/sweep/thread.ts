/**
 * A worker of a sweep, as the main thread sees it.
 *
 * @module
 */

import type { CellResult, CellServices } from "../sweep.ts";
import { CellFailure } from "./failure.ts";
import type { Order, Word } from "./job.ts";
import type { SweepSource } from "./source.ts";

/** A worker of a sweep. */
export interface SweepThread {
  /**
   * Runs a cell; one at a time.
   *
   * @throws {CellFailure} if it fails or is stopped, or the worker ends
   */
  run(slug: string, services: CellServices): Promise<CellResult>;
  /** Ends the worker, whatever it is doing. */
  close(): void;
}

/**
 * Starts a worker for the cells of a source.
 *
 * @param cores its share of the machine
 * @param start makes the worker
 */
export function startThread(
  source: SweepSource,
  cores: number,
  start: () => Worker = () => new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }),
): SweepThread {
  const worker = start();
  /** Why it ended by itself. It may do so before it is given a cell, as when its modules cannot be loaded. */
  let ended: string | undefined;
  let current:
    | { readonly services: CellServices; readonly outcome: PromiseWithResolvers<CellResult> }
    | undefined;
  const tell = (order: Order) => worker.postMessage(order);
  const fail = (text: string, stopped: boolean) => current?.outcome.reject(new CellFailure(text, stopped));

  const answer = async (word: Word & { kind: "ask" }): Promise<void> => {
    const { store } = current!.services;
    try {
      const bytes = word.action === "write"
        ? await store.write(word.name, word.bytes)
        : await store[word.action](word.name);
      tell({ kind: "reply", id: word.id, bytes: bytes ?? undefined });
    } catch (cause) {
      tell({ kind: "reply", id: word.id, fault: CellFailure.of(cause, false).message });
    }
  };

  worker.onmessage = ({ data: word }: MessageEvent<Word>) => {
    if (current === undefined) return;
    if (word.kind === "progress") current.services.progress(word.event);
    else if (word.kind === "ask") void answer(word);
    else if (word.kind === "done") current.outcome.resolve(JSON.parse(word.text));
    else fail(word.text, word.stopped);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    ended = `the worker ended: ${event.message.split("\n")[0]}`;
    fail(ended, false);
  };
  tell({ kind: "begin", source, cores });

  return {
    async run(slug, services) {
      if (ended !== undefined) throw new CellFailure(ended, false);
      const outcome = Promise.withResolvers<CellResult>();
      current = { services, outcome };
      const stop = () => tell({ kind: "stop" });
      services.signal.addEventListener("abort", stop);
      try {
        tell({ kind: "run", slug });
        if (services.signal.aborted) stop();
        return await outcome.promise;
      } finally {
        services.signal.removeEventListener("abort", stop);
        current = undefined;
      }
    },
    close() {
      worker.terminate();
      fail("the worker was ended", true);
    },
  };
}
