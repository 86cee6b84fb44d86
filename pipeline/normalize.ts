/**
 * `normalize`: shifts and scales pixel values, channel by channel, as torchvision's `Normalize`.
 *
 * @module
 */

import type { Embedding } from "../models/tokenizers/tokenizer.ts";
import { PolyphaseError } from "./errors.ts";
import { type Stage, stage } from "./pipe.ts";
import type { Data } from "./records.ts";

/** `(x − mean) / std` for each channel, of pixel values x in [0, 1]; a single number stands for all channels. */
export interface Normalization {
  /** Mean of each channel. */
  readonly mean: readonly number[];
  /** Standard deviation of each channel. */
  readonly std: readonly number[];
}

/**
 * Normalizes training and test images when they become tensors; augmentations and tokenizers before that see bytes.
 *
 * The stage throws a {@linkcode PolyphaseError} if there are neither one nor as many numbers as channels.
 *
 * @throws {PolyphaseError} if a mean is not finite, or a standard deviation not positive and finite
 */
export function normalize({ mean, std }: Normalization): Stage<Data, Data & { kind: "data" }, "normalize"> {
  const strange = mean.find((each) => !Number.isFinite(each));
  if (strange !== undefined) {
    throw new PolyphaseError(`normalize: mean ${strange} is no finite number: give one that is`);
  }
  const odd = std.find((each) => !(each > 0 && Number.isFinite(each)));
  if (odd !== undefined) {
    throw new PolyphaseError(`normalize: std ${odd} is no finite number above 0: give one that is`);
  }
  return stage("normalize", { mean: [...mean], std: [...std] }, (data) => {
    const { channels } = data.image;
    for (const [name, list] of Object.entries({ mean, std })) {
      if (list.length === 1 || list.length === channels) continue;
      throw new PolyphaseError(
        `normalize: ${list.length} numbers for ${name} and ${channels} channels: give one, or one a channel`,
      );
    }
    return { ...data, kind: "data", normalization: { mean, std } };
  });
}

/** The number for each byte of each channel, `[channels][256]`. */
export function byteValues(
  channels: number,
  { mean, std }: Normalization = { mean: [0], std: [1] },
): Float32Array[] {
  return Array.from({ length: channels }, (_, channel) => {
    const [shift, scale] = [mean, std].map((list) => list[list.length === 1 ? 0 : channel]);
    return Float32Array.from({ length: 256 }, (_, byte) => (byte / 255 - shift) / scale);
  });
}

/**
 * The embedding that makes of values in [0, 1] what `embedding` makes of normalized ones: adaptive tokenizers, which
 * work on bytes, choose by it. In a patch of `channels` channels these run fastest.
 */
export function foldNormalization(
  { weight, bias }: Embedding,
  channels: number,
  { mean, std }: Normalization,
): Embedding {
  const embed = bias.length;
  const folded = new Float32Array(weight.length);
  const shifted = Float64Array.from(bias);
  for (let row = 0; row * embed < weight.length; row++) {
    const channel = row % channels;
    const [shift, scale] = [mean, std].map((list) => list[list.length === 1 ? 0 : channel]);
    for (let unit = 0; unit < embed; unit++) {
      const scaled = weight[row * embed + unit] / scale;
      folded[row * embed + unit] = scaled;
      shifted[unit] -= scaled * shift;
    }
  }
  return { weight: folded, bias: Float32Array.from(shifted) };
}
