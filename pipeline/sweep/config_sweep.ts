/**
 * Sweeps of pipelines that are known by their configurations alone, such as those in the `config.json` of finished runs.
 *
 * @module
 */

import { type BackendName, BACKENDS } from "../../models/backend/select.ts";
import { PolyphaseError } from "../errors.ts";
import { canonicalJson, type JsonObject } from "../json.ts";
import { rebuild, type Registry } from "../rebuild.ts";
import { registry as standard } from "../registry.ts";
import type { Sweep } from "../sweep.ts";
import { makeCells } from "./cells.ts";
import { sharingRegistry } from "./parts.ts";
import type { SweepSource } from "./source.ts";

/** A cell, by its configuration. */
export type ConfigCell = {
  /** Name of the cell, safe in paths. */
  readonly slug: string;
  /** What `config.json` of a run holds: `stages`, and `seed` and `backend` where they are not the default. */
  readonly config: JsonObject;
  /** What tells it from the others: columns of the table of results. */
  readonly values?: JsonObject;
};

/** A sweep, by the configurations of its cells. */
export type ConfigSweepInput = {
  /** Name of the sweep. */
  readonly name: string;
  /** Its cells, in order. They have one backend. */
  readonly cells: readonly ConfigCell[];
};

/** The source by which workers make the same sweep, of the parts of Polyphase. */
export function configSource(input: ConfigSweepInput): SweepSource {
  return { module: import.meta.url, input: JSON.parse(JSON.stringify(input)) };
}

/**
 * The sweep of some configurations, each rebuilt by the registry. Its `cells` throws a {@linkcode PolyphaseError} if a part
 * is not in the registry, or the registry makes something else of its configuration.
 */
export function configSweep({ name, cells }: ConfigSweepInput, registry: Registry = standard): Sweep {
  const parts = sharingRegistry(registry);
  return {
    name,
    cells: (adjustments = {}) => {
      const combinations = cells.map(({ slug, config, values = {} }, index) => {
        const made = rebuild(config, parts);
        if (canonicalJson(made.config.stages) !== canonicalJson(config.stages)) {
          throw new PolyphaseError(
            `Sweep ${name}: the registry makes another pipeline of the configuration of ${slug}: complete it, or use the ` +
              "version of Polyphase that wrote it",
          );
        }
        const seed = typeof config.seed === "number" ? config.seed : undefined;
        return { index, slug, values, made, seed };
      });
      return makeCells({ name, backend: backendOf(name, cells), registry }, combinations, adjustments);
    },
  };
}

/** The sweep of some configurations, for workers. */
export default function (input: ConfigSweepInput): Sweep {
  return configSweep(input);
}

function backendOf(name: string, cells: readonly ConfigCell[]): BackendName {
  const names = [...new Set(cells.map(({ config }) => config.backend ?? "wasm"))];
  const backend = BACKENDS.find((each) => each === names[0]);
  if (names.length <= 1 && (backend !== undefined || names.length === 0)) return backend ?? "wasm";
  throw new PolyphaseError(
    `Sweep ${name} has cells for the backends ${names.join(", ")}, expected one of ${
      BACKENDS.join(", ")
    } for all: make a sweep for each`,
  );
}
