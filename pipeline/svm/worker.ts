/**
 * The module that a worker runs to fit support vectors and predict with them. It loads no tensor backend.
 *
 * @module
 */

import { PolyphaseError } from "../errors.ts";
import type { SvcAnswer, SvcOrder } from "./messages.ts";
import { predictSvc } from "./predict_svc.ts";
import { fitSvc } from "./svc.ts";

/** The part of a worker's global scope that is used: the types of both pages and workers cannot be had in one project. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<SvcOrder>) => void) | null;
  postMessage(message: SvcAnswer): void;
}

const scope = globalThis as unknown as WorkerScope;

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
    const text = cause instanceof Error ? cause.message : String(cause);
    scope.postMessage({
      kind: "failed",
      text: text.split("\n")[0] || "an error without a message",
      forPerson: cause instanceof PolyphaseError,
    });
  }
};

scope.postMessage({ kind: "ready" });
