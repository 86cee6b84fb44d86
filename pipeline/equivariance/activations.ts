/**
 * What a model hands to `collect`, read back as numbers.
 *
 * @module
 */

import type { Images } from "../../datasets/dataset.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import type { Embedding } from "../../models/tokenizers/tokenizer.ts";
import { type Predictor, tokenTensor } from "../predict.ts";
import type { Key } from "../random.ts";

/** One activation of a batch. */
export interface Activation {
  /** Its shape, `[batch, ...]`. */
  readonly shape: readonly number[];
  /** Its numbers in row-major order. */
  readonly values: Float32Array;
}

/**
 * The activations of one batch of images by name, in the order in which the model hands them over: `input`
 * `[batch, tokens, patch]` before all others, and `logits` `[batch, classes]` behind them. A name that comes twice stands
 * for what came last.
 *
 * @param embedding the model's embedding, for an adaptive tokenizer
 * @param key for a tokenizer that uses chance
 * @param wanted which of the model's names to read; the others cost nothing. Default: all
 */
export async function activationsOf(
  { tokenizer, grid, normalization, model, params }: Predictor,
  images: Images,
  embedding: Embedding | undefined,
  key: Key,
  wanted: (name: string) => boolean = () => true,
): Promise<Map<string, Activation>> {
  const { values } = tokenizer.tokenize(images, { embedding, key });
  const tensors = tf.tidy(() => {
    const kept: Record<string, Tensor> = {};
    const keep = (name: string, activation: Tensor) => {
      // A copy, so that disposing of it never disposes of a parameter that was handed over.
      if (wanted(name)) kept[name] = tf.clone(activation);
    };
    const tokens = tokenTensor(values, images.count, grid, normalization);
    keep("input", tokens);
    const logits = model.apply(params, tokens, { collect: (name, activation) => keep(name, activation) });
    keep("logits", logits);
    return kept;
  });
  const read = new Map<string, Activation>();
  for (const [name, tensor] of Object.entries(tensors)) {
    // A copy: on the CPU backends data() hands out memory that the backend may reuse.
    read.set(name, { shape: tensor.shape, values: Float32Array.from(await tensor.data()) });
    tensor.dispose();
  }
  return read;
}
