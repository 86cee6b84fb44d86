/**
 * The parts of a training run that a worker needs of its own. Functions cannot be sent to a worker; configurations can,
 * and a registry makes parts of them again.
 *
 * @module
 */

import type { Loss } from "../../models/losses.ts";
import type { Architecture } from "../../models/model.ts";
import type { Optimizer } from "../../models/optimizers/optimizer.ts";
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts";
import type { Augmentation } from "../augment.ts";
import { PolyphaseError } from "../errors.ts";
import { canonicalJson, type Json, type JsonObject } from "../json.ts";
import { stage } from "../pipe.ts";
import { rebuild, type Registry } from "../rebuild.ts";

/** Everything with functions that a training step calls. */
export interface Parts {
  /** The model for any shape. */
  readonly model: Architecture;
  /** How gradients change parameters. */
  readonly optimizer: Optimizer;
  /** What is minimised. */
  readonly loss: Loss;
  /** Makes tokens of images. */
  readonly tokenizer: Tokenizer;
  /** What is done to a batch first. */
  readonly augmentations: readonly Augmentation[];
}

/** The configurations of all parts. */
export function configOf({ model, optimizer, loss, tokenizer, augmentations }: Parts): JsonObject {
  return {
    model: model.config,
    optimizer: optimizer.config,
    loss: loss.config,
    tokenizer: tokenizer.config,
    augmentations: augmentations.map((each) => each.config),
  };
}

/**
 * Parts made of their configurations.
 *
 * @throws {PolyphaseError} if one is not in the registry
 */
export function partsOf(config: JsonObject, registry: Registry): Parts {
  let parts: Parts | undefined;
  const collector = (
    { model, optimizer, loss, tokenizer, augmentations }: JsonObject,
    make: <T>(kind: string, config: Json) => T,
  ) => {
    parts = {
      model: make<Architecture>("model", model),
      optimizer: make<Optimizer>("optimizer", optimizer),
      loss: make<Loss>("loss", loss),
      tokenizer: make<Tokenizer>("tokenizer", tokenizer),
      augmentations: (augmentations as Json[]).map((each) => make<Augmentation>("augmentation", each)),
    };
    return stage("parts", {}, (record: unknown) => record);
  };
  // `rebuild` makes whole stages, so a stage of these very parts is what it is asked for.
  rebuild({ stages: [{ name: "parts", config }] }, { ...registry, stage: { parts: collector } });
  return parts!;
}

/**
 * The registry of a module that exports one as `registry`; without `address` that of Polyphase.
 *
 * @throws {PolyphaseError} if the address is relative, or the module cannot be loaded or has no registry
 */
export async function loadRegistry(address?: string): Promise<Registry> {
  if (address === undefined) return (await import("../registry.ts")).registry;
  if (!URL.canParse(address)) {
    throw new PolyphaseError(
      `registryModule "${address}" is not a whole address: give import.meta.resolve("${address}")`,
    );
  }
  let module: { readonly registry?: Registry };
  try {
    module = await import(address);
  } catch (cause) {
    const [line] = (cause instanceof Error ? cause.message : String(cause)).split("\n");
    throw new PolyphaseError(
      `registryModule ${address} does not load (${line}): give the address of a module that does`,
    );
  }
  if (typeof module.registry !== "object" || module.registry === null) {
    throw new PolyphaseError(`registryModule ${address} has no registry: export one as \`registry\``);
  }
  return module.registry;
}

/**
 * Makes sure that a worker would rebuild these very parts.
 *
 * Configurations must agree, and so must the source text of each part's functions: a part that borrows the
 * configuration of another would otherwise train as that other without a word.
 *
 * @throws {PolyphaseError} if it would not
 */
export function checkTravel(parts: Parts, registry: Registry): void {
  const rebuilt = partsOf(configOf(parts), registry);
  const pairs: readonly (readonly [string, Part, Part])[] = [
    ["model", parts.model, rebuilt.model],
    ["optimizer", parts.optimizer, rebuilt.optimizer],
    ["loss", parts.loss, rebuilt.loss],
    ["tokenizer", parts.tokenizer, rebuilt.tokenizer],
    ...parts.augmentations.map((each, index): [string, Part, Part] => [
      "augmentation",
      each,
      rebuilt.augmentations[index],
    ]),
  ];
  for (const [kind, mine, theirs] of pairs) {
    if (canonicalJson(mine.config) === canonicalJson(theirs.config) && textOf(mine) === textOf(theirs)) {
      continue;
    }
    throw new PolyphaseError(
      `The registry makes another ${kind} of the configuration of "${mine.name}": give yours a name of its own ` +
        "and add its builder to the registry",
    );
  }
}

type Part = { readonly name: string; readonly config: JsonObject };

/** The source text of a part's functions. */
function textOf(part: Part): string {
  const functions = Object.entries(part).filter(([, member]) => typeof member === "function");
  return functions.map(([name, member]) => `${name}: ${member}`).sort().join("\n");
}
