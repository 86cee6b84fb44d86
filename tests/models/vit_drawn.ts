/**
 * A small vision transformer whose parameters are all drawn, for tests.
 *
 * @module
 */

import { type Tensor, tf } from "../../models/backend/tf.ts";
import type { Model, Params } from "../../models/model.ts";
import { disposeParams, flatten, unflatten } from "../../models/params.ts";
import { patches2d } from "../../models/tokenizers/patches.ts";
import { vit, type VitOptions } from "../../models/vit.ts";
import { keyOf, normal } from "../../pipeline/random.ts";

/** A model with its parameters all drawn, since a fresh one has a head of zeros, and tokens for it. */
export function drawn(options: VitOptions, batch = 3): { model: Model; params: Params; tokens: Tensor } {
  const grid = patches2d({ size: 4 }).grid({ height: 8, width: 12, channels: 1 });
  const model = vit({ layers: 2, heads: 2, embed: 8, mlp: 12, ...options }).build({ grid, classes: 4 });
  const fresh = model.init(keyOf(0));
  const params = unflatten(
    flatten(fresh).map(([name, { shape, size }], index) => [
      name,
      tf.tensor(normal(keyOf(index), size).map((each) => each * 0.5), shape),
    ]),
  );
  disposeParams(fresh);
  return { model, params, tokens: tf.tensor(normal(keyOf(99), batch * 6 * 16), [batch, 6, 16]) };
}
