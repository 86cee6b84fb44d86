/**
 * Where a sweep comes from: a module that a worker can import for itself, since functions cannot be sent to it.
 *
 * @module
 */

import { PolyphaseError } from "../errors.ts";
import type { Json } from "../json.ts";
import type { Sweep, SweepAdjustments } from "../sweep.ts";
import { isMeant } from "./failure.ts";

/** Where a sweep comes from. Plain data. */
export interface SweepSource {
  /**
   * Address of a module whose `default` or `sweep` is a sweep, or a function that makes one of `input`:
   * `import.meta.resolve("./my_sweep.ts")`.
   */
  readonly module: string;
  /** What that function is given. */
  readonly input?: Json;
  /** What is changed about its cells. */
  readonly adjustments?: SweepAdjustments;
}

/** What a module may export in the place of a sweep. */
export type SweepMaker = (input: Json) => Sweep | Promise<Sweep>;

/**
 * The sweep of a source.
 *
 * @throws {PolyphaseError} if the address is relative, the module does not load, or it exports no sweep
 */
export async function loadSweep({ module: address, input = null }: SweepSource): Promise<Sweep> {
  if (!URL.canParse(address)) {
    throw new PolyphaseError(
      `"${address}" is not the whole address of a module: give import.meta.resolve("${address}")`,
    );
  }
  let module: { readonly default?: unknown; readonly sweep?: unknown };
  try {
    module = await import(address);
  } catch (cause) {
    if (cause instanceof Error && isMeant(cause)) throw cause;
    const [line] = (cause instanceof Error ? cause.message : String(cause)).split("\n");
    throw new PolyphaseError(`${address} does not load (${line}): give the address of a module that does`, {
      cause,
    });
  }
  const exported = module.default ?? module.sweep;
  const made = typeof exported === "function" ? await (exported as SweepMaker)(input) : exported;
  if (isSweep(made)) return made;
  throw new PolyphaseError(
    `${address} exports no sweep: write \`export default defineSweep({ ... })\`, or export it as \`sweep\``,
  );
}

function isSweep(value: unknown): value is Sweep {
  return typeof value === "object" && value !== null && "name" in value && "cells" in value &&
    typeof value.name === "string" && typeof value.cells === "function";
}
