/**
 * `augment`: what is done to a training batch before a model sees it, lazily and by key.
 *
 * @module
 */

import type { Images } from "../datasets/dataset.ts";
import type { JsonObject } from "./json.ts";
import type { Key } from "./random.ts";

/** A pure function from batch to batch. */
export interface Augmentation {
  /** Name, for example `circular-shift`. */
  readonly name: string;
  /** Everything that determines it. Holds `name`. */
  readonly config: JsonObject;
  /** How many versions of each training image an epoch holds. 1 unless the augmentation multiplies the set. */
  readonly copies: number;
  /** The augmented images, `[count, height, width, channels]`; `copy[i]` in [0, `copies`) says which version of image `i`. */
  apply(images: Images, key: Key, copy: Uint8Array): Images;
}
