/**
 * From configuration back to pipeline: what `config.json` of a run is for.
 *
 * @module
 */

import { PolyphaseError } from "./errors.ts";
import type { Json, JsonObject } from "./json.ts";
import { type AnyStage, type Pipeline, pipeOf } from "./pipe.ts";

/** Makes a part of a pipeline from its configuration; other parts are made by `make`. */
export type Builder = (config: JsonObject, make: <T>(kind: string, config: Json) => T) => unknown;

/** Builders by kind (`stage`, `dataset`, `tokenizer`, ...) and name. Add your own parts by spreading the standard one. */
export type Registry = { readonly [kind: string]: { readonly [name: string]: Builder } };

/**
 * The pipeline that `config` is the configuration of: its `stages` are built by the registry's builders of kind
 * `stage`. Its type is not known, so its record is to be looked at with care.
 *
 * @throws {PolyphaseError} if a stage or a part of one is not in the registry
 */
export function rebuild(config: JsonObject, registry: Registry): Pipeline<void, Record<string, unknown>> {
  const make = <T>(kind: string, part: Json): T => {
    const { name, config } = named(kind, part);
    const builders = registry[kind] ?? {};
    // Own names only: every object has a "constructor".
    const builder = Object.hasOwn(builders, name) ? builders[name] : undefined;
    if (builder === undefined) {
      const known = Object.keys(builders).join(", ");
      throw new PolyphaseError(
        `No ${kind} is called "${name}" (known: ${known}): add its builder to the registry`,
      );
    }
    return builder(config, make) as T;
  };
  if (!Array.isArray(config.stages) || config.stages.length === 0) {
    throw new PolyphaseError("The configuration lists no stages: give the config.json of a run");
  }
  const stages = config.stages.map((part: Json) => make<AnyStage>("stage", part));
  return pipeOf(stages) as Pipeline<void, Record<string, unknown>>;
}

/** Stages stand as `{ name, config }`; their parts carry their name among their settings. */
function named(kind: string, part: Json): { name: string; config: JsonObject } {
  const object = part as { name?: unknown; config?: JsonObject } | null;
  if (typeof object?.name !== "string") {
    throw new PolyphaseError(
      `A ${kind} of the configuration has no name: ${JSON.stringify(part)}; give the config.json of a run`,
    );
  }
  return { name: object.name, config: kind === "stage" ? object.config ?? {} : part as JsonObject };
}
