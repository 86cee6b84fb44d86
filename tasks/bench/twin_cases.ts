/**
 * Models that differ by how they answer to shifts and by nothing else, in the sizes that `shift-vit` trains on
 * Fashion-MNIST.
 *
 * @module
 */

import { adamW } from "../../models/optimizers/adamw.ts";
import { parseModelName } from "../shift_vit/model_names.ts";
import { namedModel } from "../shift_vit/models.ts";
import { PRESETS } from "../shift_vit/presets.ts";
import type { ModelCase } from "./model_cases.ts";

/** A model and its plain twin. */
export interface TwinCase {
  /** Name of the model. */
  readonly name: string;
  /** The model. */
  readonly twin: ModelCase;
  /** The plain one. */
  readonly plain: ModelCase;
}

/** Names of the pairs, the plain model first. */
const PAIRS = [
  ["vit", "a-vit"],
  ["swin", "a-swin"],
  ["swin", "a-swin-box"],
  ["swin-v2", "a-swin-v2"],
  ["cvt", "a-cvt"],
  ["mvit-v2", "a-mvit-v2"],
  ["resnet18", "resnet18-blurpool"],
  ["resnet18", "resnet18-aps"],
  ["resnet18", "resnet18-lps"],
] as const;

/** All pairs, in the order of the table. */
export const TWIN_CASES: readonly TwinCase[] = PAIRS.map(([plain, twin]) => ({
  name: twin,
  twin: caseOf(twin),
  plain: caseOf(plain),
}));

function caseOf(name: string): ModelCase {
  const { architecture, tokenizer, size } = namedModel(parseModelName(name), PRESETS.fashion.sizes);
  return {
    name,
    model: architecture,
    optimizer: adamW({ learningRate: 1e-3 }),
    image: { height: size, width: size, channels: 1 },
    tokenizer,
    batchSize: 64,
  };
}
