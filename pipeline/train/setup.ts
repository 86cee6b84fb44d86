/**
 * What stays the same from the first step of training to the last.
 *
 * @module
 */

import type { Architecture } from "../../models/model.ts";
import type { Schedule } from "../../models/optimizers/schedule.ts";
import type { EvaluationProtocol } from "../evaluate.ts";
import type { Run } from "../pipe.ts";
import { foldIn, type Key } from "../random.ts";
import type { Tokenized } from "../records.ts";
import type { StepPlan } from "../step_plan.ts";
import type { StepRule } from "../train_step.ts";

/** A key for each kind of chance in training, so that none disturbs another. */
export interface TrainKeys {
  /** The parameters to begin with. */
  readonly init: Key;
  /** The order of the images, epoch by epoch. */
  readonly order: Key;
  /** Augmentations and tokens, step by step. */
  readonly batch: Key;
  /** Chance inside the model, step by step. */
  readonly model: Key;
  /** Tokens of the test images, evaluation by evaluation. */
  readonly evaluate: Key;
}

/** What stays the same from the first step to the last. */
export interface Setup extends StepRule {
  /** The model for any shape: what a worker makes its own of. */
  readonly architecture: Architecture;
  /** What to train and to evaluate on. */
  readonly data: Tokenized;
  /** How many steps there are, and what they see. */
  readonly plan: StepPlan;
  /** Where chance comes from. */
  readonly keys: TrainKeys;
  /** How the learning rate changes. Default: not at all. */
  readonly schedule?: Schedule;
  /** How the test images are evaluated. Default: each by itself. */
  readonly protocol?: EvaluationProtocol;
  /** What tells the best evaluation from the others. */
  readonly monitor: "valLoss" | "valAcc";
  /** Evaluations in a row without a new best after which training ends. Default: never. */
  readonly patience?: number;
  /** Which parameters are handed on. */
  readonly keep: "last" | "best";
  /** How many threads were asked for. Default: as many as gain. */
  readonly asked?: number;
  /** What the tensors live on. */
  readonly backend: Run["backend"];
  /** Address of the module with the registry that workers make parts of. */
  readonly registryModule?: string;
}

/** The keys of a run whose stage has `key`. */
export function trainKeys(key: Key): TrainKeys {
  return {
    init: foldIn(key, "init"),
    order: foldIn(key, "order"),
    batch: foldIn(key, "batch"),
    model: foldIn(key, "model"),
    evaluate: foldIn(key, "evaluate"),
  };
}
