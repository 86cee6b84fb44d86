/**
 * What every module that a worker runs has to do with: its global scope, and that nothing goes wrong in silence.
 *
 * @module
 */

/** The part of a worker's global scope that is used: the types of both pages and workers cannot be had in one project. */
export interface WorkerScope<Received, Sent> {
  onmessage: ((event: MessageEvent<Received>) => void) | null;
  postMessage(message: Sent): void;
  close(): void;
  readonly Deno?: { exit(code?: number): never };
}

/** The global scope of this worker, by the messages that it takes and sends. */
export function workerScope<Received, Sent>(): WorkerScope<Received, Sent> {
  return globalThis as unknown as WorkerScope<Received, Sent>;
}

/** Forbids code of a user's to leave: a worker that does says nothing to the main thread, which would wait for ever. */
export function forbidLeaving(): void {
  const scope = workerScope<never, never>();
  const leave = (): never => {
    throw new Error("the worker was told to close or exit");
  };
  scope.close = leave;
  if (scope.Deno) scope.Deno.exit = leave;
}

/** Tells `fail` what nobody waits for: a rejected promise ends the worker else, and so does an error thrown by a timer. */
export function reportUncaught(fail: (thrown: unknown) => void): void {
  addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    fail((event as PromiseRejectionEvent).reason);
  });
  addEventListener("error", (event) => {
    event.preventDefault();
    fail((event as ErrorEvent).error);
  });
}

/** What was thrown as one line of text. */
export function firstLine(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.split("\n")[0] || "an error without a message";
}
