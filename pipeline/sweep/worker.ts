/**
 * The module that a worker of a sweep runs: it imports the sweep for itself, and runs one cell after the other.
 *
 * What the sweep's module makes at its top, data sets above all, is made once and serves every cell that the worker runs.
 *
 * @module
 */

import type { CellStore, SweepCell } from "../sweep.ts";
import { forbidLeaving, reportUncaught, workerScope } from "../worker_scope.ts";
import { CellFailure } from "./failure.ts";
import type { FileRequest, Order, Word } from "./job.ts";
import { loadSweep } from "./source.ts";

const scope = workerScope<Order, Word>();

/** Files that were asked for and not answered yet, by the number of the request. */
const waiting = new Map<number, PromiseWithResolvers<Uint8Array<ArrayBuffer> | undefined>>();
let asked = 0;

/** The cells; other messages wait until they are there. */
let cells: Promise<readonly SweepCell[]>;
let controller = new AbortController();

const ask = (request: FileRequest): Promise<Uint8Array<ArrayBuffer> | undefined> => {
  const answer = Promise.withResolvers<Uint8Array<ArrayBuffer> | undefined>();
  waiting.set(++asked, answer);
  scope.postMessage({ kind: "ask", id: asked, ...request });
  return answer.promise;
};

const store: CellStore = {
  read: (name) => ask({ action: "read", name }),
  write: async (name, bytes) => void await ask({ action: "write", name, bytes }),
  remove: async (name) => void await ask({ action: "remove", name }),
};

const fail = (thrown: unknown): void => {
  const { message, stopped } = CellFailure.of(thrown, controller.signal.aborted);
  scope.postMessage({ kind: "failed", text: message, stopped });
};

async function runCell(slug: string): Promise<void> {
  const cell = (await cells).find((each) => each.slug === slug);
  if (cell === undefined) {
    throw new Error(`the sweep has no cell ${slug} in this worker: its cells must not change`);
  }
  const { signal } = controller;
  const result = await cell.run({
    store,
    signal,
    progress: (event) => scope.postMessage({ kind: "progress", event }),
  });
  scope.postMessage({ kind: "done", text: JSON.stringify(result) });
}

reportUncaught(fail);

scope.onmessage = ({ data: order }) => {
  if (order.kind === "begin") {
    forbidLeaving();
    // What asks for the number of cores in here, training above all, is to leave the others to the other workers.
    Object.defineProperty(navigator, "hardwareConcurrency", { value: order.cores });
    cells = loadSweep(order.source).then((sweep) => sweep.cells(order.source.adjustments));
    // Whoever runs a cell is told; until then nobody waits for it.
    cells.catch(() => {});
  } else if (order.kind === "run") {
    controller = new AbortController();
    runCell(order.slug).catch(fail);
  } else if (order.kind === "stop") controller.abort();
  else {
    const answer = waiting.get(order.id);
    waiting.delete(order.id);
    if (order.fault === undefined) answer?.resolve(order.bytes);
    else answer?.reject(new CellFailure(order.fault, false));
  }
};
