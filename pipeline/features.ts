/**
 * From images to features: the code that a classifier makes its logits of, for probes to look at.
 *
 * @module
 */

import { type Images, imageSize } from "../datasets/dataset.ts";
import type { Tensor } from "../models/backend/tf.ts";
import { PolyphaseError } from "./errors.ts";
import { mapBatches, type Predictor } from "./predict.ts";
import { foldIn, type Key } from "./random.ts";

/** Images between two calls of `between`: a few batches of a forward pass. */
const CHUNK = 1000;

/**
 * The code of all images, `[count, code]`: what the model hands to `collect` under that name, batch by batch, not in
 * training, outside any gradient and of the images as they are: views are averaged by what comes later. Tokenizers that
 * use chance draw from `key`.
 *
 * @param between is awaited before each chunk of images with the number of those done, to give others a turn or to stop
 * @throws {PolyphaseError} if there are no images, or the model hands over no code `[batch, code]`
 */
export async function codeOf(
  predictor: Predictor,
  images: Images,
  key: Key,
  between?: (done: number) => Promise<void>,
): Promise<Float32Array> {
  if (images.count === 0) throw new PolyphaseError("There are no images to take the code of: give some");
  const { model, params } = predictor;
  const size = imageSize(images);
  const coded = (tokens: Tensor): Tensor => {
    let code: Tensor | undefined;
    model.apply(params, tokens, {
      collect: (name, activation) => {
        if (name === "code") code = activation;
      },
    });
    return checkCode(code, model.name);
  };
  let whole: Float32Array | undefined;
  for (let start = 0; start < images.count; start += CHUNK) {
    await between?.(start);
    const count = Math.min(CHUNK, images.count - start);
    const chunk = { ...images, count, pixels: images.pixels.subarray(start * size, (start + count) * size) };
    const codes = await mapBatches(predictor, chunk, foldIn(key, start), coded);
    const width = codes.length / count;
    whole ??= new Float32Array(images.count * width);
    whole.set(codes, start * width);
  }
  return whole!;
}

function checkCode(code: Tensor | undefined, model: string): Tensor {
  if (code?.rank === 2) return code;
  throw new PolyphaseError(
    `Model "${model}" hands ${
      code ? `a code [${code.shape}]` : "no code"
    } to collect, expected features [batch, code]: let it collect("code", ...) what its last linear layer takes`,
  );
}
