/**
 * The module that a worker runs to fit support vectors and predict with them. It loads no tensor backend.
 *
 * @module
 */

import { PolyphaseError } from "../errors.ts";
import { firstLine, workerScope } from "../worker_scope.ts";
import type { SvcAnswer, SvcOrder } from "./messages.ts";
import { predictSvc } from "./predict_svc.ts";
import { fitSvc } from "./svc.ts";

const scope = workerScope<SvcOrder, SvcAnswer>();

const progress = (done: number, total: number): void => scope.postMessage({ kind: "progress", done, total });

async function obey(order: SvcOrder): Promise<SvcAnswer> {
  if (order.kind === "fit") {
    const svc = await fitSvc(order.features, order.labels, { ...order.settings, progress });
    return { kind: "fitted", svc };
  }
  return { kind: "predicted", labels: await predictSvc(order.svc, order.features, { progress }) };
}

scope.onmessage = async ({ data: order }) => {
  try {
    scope.postMessage(await obey(order));
  } catch (cause) {
    scope.postMessage({ kind: "failed", text: firstLine(cause), forPerson: cause instanceof PolyphaseError });
  }
};

scope.postMessage({ kind: "ready" });
