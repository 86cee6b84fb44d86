/**
 * A registry for configurations that people write: short forms are understood, options that do not exist are refused, and
 * a data set that occurs several times is loaded once.
 *
 * @module
 */

import { type Dataset, sharedDataset } from "../../datasets/dataset.ts";
import { PolyphaseError } from "../errors.ts";
import { canonicalJson, type Json, type JsonObject } from "../json.ts";
import type { AnyStage } from "../pipe.ts";
import { type Builder, rebuild, type Registry } from "../rebuild.ts";
import { suggestion } from "./expression.ts";

/** What stands for a part that is left out. */
const DEFAULTS: Readonly<Record<string, Json>> = { loss: { name: "cross-entropy" } };

/** Options of a part that are not in its configuration, since they do not change what it is. */
const UNTOLD: Readonly<Record<string, readonly string[]>> = { dataset: ["dir"] };

/** The one option of a stage that its whole value may stand for: `tokenize: pixels`. */
const MAIN: Readonly<Record<string, string>> = {
  load: "dataset",
  augment: "augmentations",
  tokenize: "tokenizer",
};

/**
 * Builders that understand what people write: a part as its name alone (`pixels` for `{ name: pixels }`), a loss left
 * out for cross-entropy. As with {@linkcode sharingRegistry}, equal data sets are loaded once.
 *
 * They throw a {@linkcode PolyphaseError} if a part is given an option that it does not have.
 */
export function writtenRegistry(registry: Registry): Registry {
  return sharingRegistry(mapBuilders(registry, (kind, name, builder) => (config, make) => {
    const made = builder(
      config,
      (partKind, part) => make(partKind, wholePart(name, partKind, part, registry)),
    );
    refuseStrangers(kind, name, config, made);
    return made;
  }));
}

/** Builders that make one data set of equal configurations, loaded once however many cells ask for it. */
export function sharingRegistry(registry: Registry): Registry {
  const datasets = new Map<string, Dataset>();
  return mapBuilders(registry, (kind, _name, builder) => {
    if (kind !== "dataset") return builder;
    return (config, make) => {
      const key = canonicalJson(config);
      const shared = datasets.get(key) ?? sharedDataset(builder(config, make) as Dataset);
      datasets.set(key, shared);
      return shared;
    };
  });
}

function mapBuilders(
  registry: Registry,
  change: (kind: string, name: string, builder: Builder) => Builder,
): Registry {
  return Object.fromEntries(
    Object.entries(registry).map(([kind, builders]) => [
      kind,
      Object.fromEntries(
        Object.entries(builders).map(([name, builder]) => [name, change(kind, name, builder)]),
      ),
    ]),
  );
}

/**
 * The stage of a name and what was written of it. `registry` is one of {@linkcode writtenRegistry}.
 *
 * @throws {PolyphaseError} if there is no such stage, or it cannot be made of that
 */
export function writtenStage(name: string, value: Json, registry: Registry): AnyStage {
  const names = Object.keys(registry.stage);
  if (!names.includes(name)) {
    throw new PolyphaseError(
      `No stage is called "${name}": ${suggestion(name, names)} Known are ${names.join(", ")}`,
    );
  }
  const isPart = typeof value === "string" || Array.isArray(value) || (isMap(value) && "name" in value);
  const config = name in MAIN && isPart ? { [MAIN[name]]: value } : value ?? {};
  if (!isMap(config)) {
    throw new PolyphaseError(
      `${name}: ${JSON.stringify(value)}, expected a map of its options: give those by name`,
    );
  }
  return rebuild({ stages: [{ name, config }] }, registry).stages[0];
}

function wholePart(owner: string, kind: string, part: Json | undefined, registry: Registry): Json {
  const given = part ?? DEFAULTS[kind];
  if (typeof given === "string") return { name: given };
  if (given !== undefined && isMap(given) && typeof given.name === "string") return given;
  const names = Object.keys(registry[kind] ?? {}).join(", ");
  const seen = given === undefined
    ? `has no ${kind}`
    : `has the ${kind} ${JSON.stringify(given)}, which has no name`;
  throw new PolyphaseError(`${owner} ${seen}: give one by name (known: ${names})`);
}

/** A part that was made tells in its configuration what it heeds; an option that is not there was not heeded. */
function refuseStrangers(kind: string, name: string, given: JsonObject, made: unknown): void {
  const { config } = made as { readonly config: JsonObject };
  const known = [...Object.keys(config), ...UNTOLD[kind] ?? []].filter((key) => key !== "name");
  for (const [option, value] of Object.entries(given)) {
    // An option that is off may be left out of a configuration, so that those from before there was one stay equal.
    if (known.includes(option) || option === "name" || !value) continue;
    throw new PolyphaseError(`${name} has no option "${option}": ${suggestion(option, known)}`);
  }
}

function isMap(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
