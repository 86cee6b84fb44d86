/**
 * A vision transformer made of the ops: logits and gradients of torchvision's, in every form of the ops.
 *
 * @module
 */

import { assert } from "@std/assert";
import { conv2d } from "../../../../models/backend/ops/conv2d.ts";
import { layerNorm } from "../../../../models/backend/ops/layer_norm.ts";
import { linear } from "../../../../models/backend/ops/linear.ts";
import { packedAttention } from "../../../../models/backend/ops/packed_attention.ts";
import { selectBackend } from "../../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { floats, type GoldenArray, relativeError } from "../../../golden.ts";
import golden from "../../../golden/vit_torchvision.json" with { type: "json" };
import { registerReferenceKernels, runs, unregisterReferenceKernels } from "./reference_kernels.ts";
import { PLATFORMS, selectPlatform } from "./support.ts";

type Weights = Readonly<Record<string, Tensor>>;
type Tree = { readonly [name: string]: Tree | GoldenArray };

/** The arrays of a golden tree by dotted name. */
function flattened(tree: Tree, prefix = ""): [string, GoldenArray][] {
  return Object.entries(tree).flatMap(([name, value]) =>
    "base64" in value
      ? [[prefix + name, value as GoldenArray]]
      : flattened(value as Tree, `${prefix}${name}.`)
  );
}

function tensorOf(array: GoldenArray): Tensor {
  return tf.tensor(floats(array), array.shape);
}

/** A fully connected layer with PyTorch's weight `[out, in]`. */
function dense(
  weights: Weights,
  name: string,
  x: Tensor,
  exact: boolean,
  activation: "none" | "gelu" = "none",
): Tensor {
  // The packed projection of attention joins its parts by an underscore.
  const [weight, bias] = name.endsWith("in_proj")
    ? [weights[`${name}_weight`], weights[`${name}_bias`]]
    : [weights[`${name}.weight`], weights[`${name}.bias`]];
  return linear(x, tf.transpose(weight), bias, { activation, exact });
}

function norm(weights: Weights, name: string, x: Tensor, exact: boolean): Tensor {
  return layerNorm(x, weights[`${name}.weight`], weights[`${name}.bias`], { epsilon: 1e-6, exact });
}

function selfAttention(weights: Weights, name: string, x: Tensor, exact: boolean): Tensor {
  const mixed = packedAttention(dense(weights, `${name}.in_proj`, x, exact), golden.config.heads, { exact });
  return dense(weights, `${name}.out_proj`, mixed, exact);
}

function vit(weights: Weights, images: Tensor, exact: boolean): Tensor {
  const { patch, hidden, layers } = golden.config;
  const filter = tf.transpose(weights["conv_proj.weight"], [2, 3, 1, 0]);
  const patches = tf.add(conv2d(images, filter, { strides: patch, exact }), weights["conv_proj.bias"]);
  const tokens = tf.reshape(patches, [images.shape[0], -1, hidden]);
  const classToken = tf.tile(weights.class_token, [images.shape[0], 1, 1]);
  let x: Tensor = tf.add(tf.concat([classToken, tokens], 1), weights["encoder.pos_embedding"]);
  for (let index = 0; index < layers; index++) {
    const block = `encoder.layers.encoder_layer_${index}`;
    x = tf.add(
      x,
      selfAttention(weights, `${block}.self_attention`, norm(weights, `${block}.ln_1`, x, exact), exact),
    );
    const inner = dense(
      weights,
      `${block}.mlp.0`,
      norm(weights, `${block}.ln_2`, x, exact),
      exact,
      "gelu",
    );
    x = tf.add(x, dense(weights, `${block}.mlp.3`, inner, exact));
  }
  const first = tf.squeeze(tf.slice(norm(weights, "encoder.ln", x, exact), [0, 0, 0], [-1, 1, -1]), [1]);
  return dense(weights, "heads.head", first, exact);
}

function compare(exact: boolean): void {
  const [names, arrays] = [
    flattened(golden.weights as Tree).map(([name]) => name),
    flattened(golden.weights as Tree).map(([, array]) => array),
  ];
  const gradients = new Map(flattened(golden.gradients_of_sum_of_squares as Tree));
  assert(names.length === gradients.size && names.length > 30);
  const before = tf.memory().numTensors;
  tf.tidy(() => {
    const images = tf.transpose(tensorOf(golden.x_nchw), [0, 2, 3, 1]);
    const model = (...parameters: Tensor[]) =>
      vit(Object.fromEntries(names.map((name, index) => [name, parameters[index]])), images, exact);
    const parameters = arrays.map(tensorOf);
    assert(relativeError(model(...parameters).dataSync(), floats(golden.logits)) < 2e-6);
    const grads = tf.grads((...each: Tensor[]) => tf.sum(tf.square(model(...each))))(parameters);
    names.forEach((name, index) => {
      const error = relativeError(grads[index].dataSync(), floats(gradients.get(name)!));
      assert(error < 5e-6, `gradient of ${name}: ${error}`);
    });
  });
  assert(tf.memory().numTensors === before);
}

for (const backend of PLATFORMS) {
  for (const exact of [false, true]) {
    Deno.test(`vit: logits and gradients are torchvision's (${backend}, ${exact ? "exact" : "fast"} ops)`, async () => {
      await selectPlatform(backend);
      compare(exact);
    });
  }
}

Deno.test("vit: logits and gradients are torchvision's (fused kernels of plain loops)", async () => {
  await selectBackend("cpu");
  registerReferenceKernels();
  try {
    compare(false);
    for (const name of ["PolyphasePackedAttentionGrad", "PolyphaseLayerNormGrad", "PolyphaseLinearGrad"]) {
      assert(runs.has(name), name);
    }
  } finally {
    unregisterReferenceKernels();
  }
});
