/**
 * From images to features: the code that a classifier makes its logits of, for probes to look at.
 *
 * @module
 */

import type { Images } from "../datasets/dataset.ts";
import type { Tensor } from "../models/backend/tf.ts";
import { PolyphaseError } from "./errors.ts";
import { type BatchOptions, mapBatches, type Predictor } from "./predict.ts";
import type { Key } from "./random.ts";

/**
 * The code of all images, `[count, code]`: what the model hands to `collect` under that name, batch by batch, not in
 * training, outside any gradient and of the images as they are: views are averaged by what comes later. Tokenizers that
 * use chance draw from `key`.
 *
 * @throws {PolyphaseError} if there are no images, or the model hands over no code `[batch, code]`
 */
export async function codeOf(
  predictor: Predictor,
  images: Images,
  key: Key,
  options: BatchOptions = {},
): Promise<Float32Array> {
  if (images.count === 0) throw new PolyphaseError("There are no images to take the code of: give some");
  const { model, params } = predictor;
  const coded = (tokens: Tensor): Tensor => {
    let code: Tensor | undefined;
    model.apply(params, tokens, {
      collect: (name, activation) => {
        if (name === "code") code = activation;
      },
    });
    return checkCode(code, model.name);
  };
  return await mapBatches(predictor, images, key, coded, options);
}

function checkCode(code: Tensor | undefined, model: string): Tensor {
  if (code?.rank === 2) return code;
  throw new PolyphaseError(
    `Model "${model}" hands ${
      code ? `a code [${code.shape}]` : "no code"
    } to collect, expected features [batch, code]: let it collect("code", ...) what its last linear layer takes`,
  );
}
