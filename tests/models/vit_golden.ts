/**
 * The reference vision transformer: torchvision's weights, inputs, logits and gradients, as this project's model takes
 * them.
 *
 * @module
 */

import { type Tensor, tf } from "../../models/backend/tf.ts";
import { encodeSafetensors } from "../../models/safetensors.ts";
import { floats, type GoldenArray } from "../golden.ts";
import golden from "../golden/vit_torchvision.json" with { type: "json" };

type Tree = { readonly [name: string]: Tree | GoldenArray };

const { config, weights, gradients_of_sum_of_squares } = golden;

/** Options of the reference model. */
export const OPTIONS = {
  layers: config.layers,
  heads: config.heads,
  embed: config.hidden,
  mlp: config.mlp,
} as const;

/** What the reference model was built for. */
export const SHAPE = {
  grid: { shape: [4, 4], tokens: 16, patch: 147, patchShape: [7, 7, 3] as const },
  classes: config.classes,
} as const;

/** Logits of the reference, `[2, classes]`. */
export const LOGITS: Float32Array = floats(golden.logits);

/** Its weights, by PyTorch's names. */
export const WEIGHTS: readonly (readonly [name: string, array: GoldenArray])[] = flattened(weights);

/** Gradients of the sum of squared logits, by PyTorch's names. */
export const GRADIENTS: ReadonlyMap<string, GoldenArray> = new Map(flattened(gradients_of_sum_of_squares));

/** A safetensors file of arrays. */
export function fileOf(
  arrays: Iterable<readonly [name: string, array: GoldenArray]>,
): Uint8Array<ArrayBuffer> {
  return encodeSafetensors({
    arrays: Array.from(arrays, ([name, array]) => ({ name, shape: array.shape, data: floats(array) })),
    metadata: {},
  });
}

/** The reference images as tokens `[2, 16, 147]`, values in the order row, column, channel. */
export function goldenTokens(): Tensor {
  return tf.tidy(() => {
    const { patch, image } = config;
    const side = image / patch;
    const images = tf.tensor(floats(golden.x_nchw), [2, 3, side, patch, side * patch]);
    const rows = tf.reshape(tf.transpose(images, [0, 2, 3, 4, 1]), [2 * side, patch, side, patch * 3]);
    return tf.reshape(tf.transpose(rows, [0, 2, 1, 3]), [2, side * side, patch * patch * 3]);
  });
}

function flattened(tree: Tree, prefix = ""): [string, GoldenArray][] {
  return Object.entries(tree).flatMap(([name, value]) =>
    "base64" in value
      ? [[prefix + name, value as GoldenArray]]
      : flattened(value as Tree, `${prefix}${name}.`)
  );
}
