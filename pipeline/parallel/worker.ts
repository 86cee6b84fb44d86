/**
 * The module that a training worker runs: it builds its replica of the model and then does as it is told.
 *
 * @module
 */

import { selectBackend } from "../../models/backend/select.ts";
import type { Answer, Order } from "./job.ts";
import { loadRegistry } from "./parts.ts";
import { createReplica, type Replica } from "./replica.ts";

/** The part of a worker's global scope that is used: the types of both pages and workers cannot be had in one project. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<Order>) => void) | null;
  postMessage(message: Answer): void;
  close(): void;
  readonly Deno?: { exit(code?: number): never };
}

const scope = globalThis as unknown as WorkerScope;

const fail = (cause: unknown): void => {
  const text = cause instanceof Error ? cause.message : String(cause);
  scope.postMessage({ kind: "failed", text: text.split("\n")[0] || "an error without a message" });
};

/** A worker that leaves says nothing to the main thread, which would wait for it for ever. */
function forbidLeaving(): void {
  const leave = (): never => {
    throw new Error("the worker was told to close or exit");
  };
  scope.close = leave;
  if (scope.Deno) scope.Deno.exit = leave;
}

let replica: Replica;

async function obey(order: Order): Promise<void> {
  if (order.kind === "begin") {
    forbidLeaving();
    await selectBackend(order.job.backend);
    replica = createReplica(order.job, await loadRegistry(order.job.registryModule));
  } else if (order.kind === "publish") await replica.publish();
  else await replica.step(order.turn);
  scope.postMessage({ kind: "done", optimizerStep: replica.optimizerStep() });
}

// A promise that is rejected where nobody waits for it ends the worker; so does an error thrown by a timer.
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  fail((event as PromiseRejectionEvent).reason);
});
addEventListener("error", (event) => {
  event.preventDefault();
  fail((event as ErrorEvent).error);
});

// Orders come as messages, not through shared memory, so that between them the event loop turns and sees such errors.
scope.onmessage = ({ data: order }) => {
  obey(order).catch(fail);
};
