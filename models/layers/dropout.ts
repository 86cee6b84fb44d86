/**
 * Dropout where there is chance, and nothing where there is none: what layers that can drop share.
 *
 * @module
 */

import { foldIn, type Key } from "../../pipeline/random.ts";
import { dropout as dropoutOp } from "../backend/ops/dropout.ts";
import type { Tensor } from "../backend/tf.ts";

/**
 * Drops values of `x` in training: the same key and name drop the same values.
 *
 * @param x any shape
 * @param rate in [0, 1]
 * @param key random key; without one this is not training, and nothing is dropped
 * @param name what the key is folded with, so that one key serves several places
 */
export function dropout(x: Tensor, rate: number, key: Key | undefined, name: string): Tensor {
  return key === undefined || rate === 0 ? x : dropoutOp(x, rate, foldIn(key, name));
}
