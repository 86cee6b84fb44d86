/**
 * The module that a training worker runs: it builds its replica of the model and then does as it is told.
 *
 * @module
 */

import { selectBackend } from "../../models/backend/select.ts";
import { firstLine, forbidLeaving, reportUncaught, workerScope } from "../worker_scope.ts";
import type { Answer, Order } from "./job.ts";
import { loadRegistry } from "./parts.ts";
import { createReplica, type Replica } from "./replica.ts";

const scope = workerScope<Order, Answer>();

const fail = (cause: unknown): void => scope.postMessage({ kind: "failed", text: firstLine(cause) });

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

reportUncaught(fail);

// Orders come as messages, not through shared memory, so that between them the event loop turns and sees such errors.
scope.onmessage = ({ data: order }) => {
  obey(order).catch(fail);
};
