/**
 * Small models of the Swin family with drawn parameters, for tests.
 *
 * @module
 */

import { tf } from "../../models/backend/tf.ts";
import type { Model, Params } from "../../models/model.ts";
import { disposeParams, flatten, unflatten } from "../../models/params.ts";
import { swin, type SwinOptions } from "../../models/swin.ts";
import { swinV2 } from "../../models/swin_v2.ts";
import { pixels } from "../../models/tokenizers/patches.ts";
import { foldIn, keyOf, normal } from "../../pipeline/random.ts";

/** The family by name. */
export const MEMBERS = { swin, "swin-v2": swinV2 } as const;
/** Its names. */
export const NAMES = ["swin", "swin-v2"] as const;

/** A small model: maps of 8, 4 and 2 tokens a side, with windows of 4, so that the first stage has four of them. */
export const SMALL: SwinOptions = { embed: 8, depths: [2, 2, 1], heads: [2, 2, 4], window: 4 };
/** Its tokens: the pixels of an image of 8 by 8. */
export const GRID = pixels().grid({ height: 8, width: 8, channels: 3 });

/** Parameters that are all drawn, as no fresh bias or norm is. */
export function drawn(model: Model, seed: number): Params {
  const fresh = model.init(keyOf(0));
  const made = unflatten(
    flatten(fresh).map(([name, { shape, size }]) => {
      const isScale = shape.length === 1 && name.endsWith("weight");
      const deviation = shape.length === 2 && name.endsWith("weight") ? 1 / Math.sqrt(shape[0]) : 0.3;
      const values = normal(foldIn(keyOf(seed), name), size).map((each) =>
        Number(isScale) + each * deviation
      );
      return [name, tf.tensor(values, shape)];
    }),
  );
  disposeParams(fresh);
  return made;
}
