/**
 * Which run a checkpoint is of.
 *
 * @module
 */

import { fingerprint, type JsonObject, sha256 } from "../json.ts";
import type { Key } from "../random.ts";
import type { Tokenized } from "../records.ts";

/** The fingerprint of everything that the bits of a training run follow from: configuration, key and data. */
export async function identityOf(config: JsonObject, key: Key, data: Tokenized): Promise<string> {
  return await fingerprint({
    config,
    key,
    image: { ...data.image },
    train: await sha256(data.train.images.pixels),
    trainLabels: await sha256(data.train.labels),
    test: await sha256(data.test.images.pixels),
    // They choose the best evaluation, and patience counts by it.
    testLabels: await sha256(data.test.labels),
    tokenizer: data.tokenizer.config,
    augmentations: data.augmentations.map((each) => each.config),
    ...(data.normalization ? { normalization: { ...data.normalization } } : {}),
  });
}
