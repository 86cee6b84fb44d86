/**
 * The same pipeline with other settings of training: a short trial of a long sweep, for one.
 *
 * @module
 */

import { PolyphaseError } from "../errors.ts";
import { canonicalJson, type JsonObject } from "../json.ts";
import { type AnyStage, describe, pipeOf, type Stage } from "../pipe.ts";
import { rebuild, type Registry } from "../rebuild.ts";
import { registry as standard } from "../registry.ts";

/** Settings of training that can be changed from outside. What is not given stays as it is. */
export interface TrainAdjustment {
  /** Passes over the training images. */
  readonly epochs?: number;
  /** Images to train on in all. */
  readonly maxInputs?: number;
  /** Images a step. */
  readonly batchSize?: number;
}

/**
 * The pipeline with its stage `train` made anew of its configuration and `adjustment`. All else is the same.
 *
 * @throws {PolyphaseError} if there is no such stage, or the registry cannot make it
 */
export function adjusted<O>(
  pipeline: Stage<void, O>,
  adjustment: TrainAdjustment = {},
  registry: Registry = standard,
): Stage<void, O> {
  const changes = Object.fromEntries(Object.entries(adjustment).filter(([, value]) => value !== undefined));
  if (Object.keys(changes).length === 0) return pipeline;
  const { stages } = pipeOf([pipeline]);
  const given = Object.keys(changes).join(", ");
  if (!stages.some(({ name }) => name === "train")) {
    throw new PolyphaseError(
      `No stage "train" in ${describe({ name: "", stages })} to set ${given} of: leave that out`,
    );
  }
  const changed = stages.map((stage) =>
    stage.name === "train" ? remade(stage.config, changes, registry) : stage
  );
  return pipeOf(changed) as Stage<void, O>;
}

function remade(config: JsonObject, changes: JsonObject, registry: Registry): AnyStage {
  const wanted = { ...config, ...changes };
  const [stage] = rebuild({ stages: [{ name: "train", config: wanted }] }, registry).stages;
  if (canonicalJson(stage.config) !== canonicalJson(wanted)) {
    throw new PolyphaseError(
      `The registry makes another stage "train" of its configuration, so it cannot take ${
        Object.keys(changes).join(", ")
      }: leave that out, or give the sweep a registry of its parts`,
    );
  }
  return stage;
}
