/**
 * Whether training workers can run here, and how many at most.
 *
 * @module
 */

/** Why workers cannot run, and what can be done about it. */
export interface WorkerFault {
  /** What is missing. */
  readonly reason: string;
  /** How to mend it. */
  readonly mend: string;
}

/** The part of `Deno` that is used, which a browser does not have. */
interface Permissions {
  querySync(need: { name: string; path?: string; host?: string }): { readonly state: string };
}

/** What is in the way of workers here, if anything. Never prompts. */
export function workerFault(): WorkerFault | undefined {
  const scope = globalThis as unknown as {
    Worker?: unknown;
    SharedArrayBuffer?: unknown;
    crossOriginIsolated?: boolean;
    Deno?: { permissions: Permissions };
  };
  if (scope.Worker === undefined) {
    return { reason: "no Worker here", mend: "set workers: 1, or run where there are workers" };
  }
  if (scope.SharedArrayBuffer === undefined || scope.crossOriginIsolated === false) {
    return {
      reason: "no shared memory here",
      mend: "serve the page with cross-origin isolation (COOP and COEP headers), or set workers: 1",
    };
  }
  // A worker loads its modules anew, and for that Deno asks for a permission that the main module did without.
  const home = new URL("../../", import.meta.url);
  if (scope.Deno === undefined) return undefined;
  if (home.protocol === "file:") {
    const path = decodeURIComponent(home.pathname).replace(/^\/(?=[A-Za-z]:)/, "");
    if (scope.Deno.permissions.querySync({ name: "read", path }).state === "granted") return undefined;
    return { reason: `no permission to read ${path}`, mend: "allow it with --allow-read, or set workers: 1" };
  }
  if (scope.Deno.permissions.querySync({ name: "import", host: home.host }).state === "granted") {
    return undefined;
  }
  return {
    reason: `no permission to import from ${home.host}`,
    mend: `allow it with --allow-import=${home.host}, or set workers: 1`,
  };
}

/** The most workers there can be here with `rows` rows to share: one a core, and one where none can run. */
export function mostWorkers(rows: number): number {
  return workerFault() === undefined ? Math.max(1, Math.min(navigator.hardwareConcurrency, rows)) : 1;
}
