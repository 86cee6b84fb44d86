/**
 * The shift classifier of the notebook that `fmnist-adaptive` reproduces: embed each token, take the mean over the
 * embedding, and classify the resulting value per token with a small multi-layer perceptron.
 *
 * The head sees tokens by position, so it is not invariant to their rotation. That is the point of the experiment: what
 * robustness there is comes from the tokenizer.
 *
 * @module
 */

import { split } from "../pipeline/random.ts";
import { type Tensor, tf } from "./backend/tf.ts";
import { initLinear, linear, type LinearParams } from "./layers/linear.ts";
import type { Architecture, Params } from "./model.ts";

/** Widths of {@linkcode tokenMeanMlp}. */
export interface TokenMeanMlpOptions {
  /** Embed dim of a token. Default 32. */
  readonly embed?: number;
  /** Hidden units of the head. Default 196. */
  readonly hidden?: number;
}

type TokenMeanMlpParams = {
  readonly embedding: LinearParams;
  readonly fc1: LinearParams;
  readonly fc2: LinearParams;
};

/**
 * Linear embedding of patches, mean over the embed dim, then `tokens → hidden → classes` with exact GELU between.
 *
 * The mean of an affine map is the affine map of the means, so tokens are mapped straight to their one value: the same
 * function with the same gradients at a fraction of the cost. Only `collect` makes the embedded tokens,
 * `embedding [batch, tokens, embed]`; it is also handed `tokens [batch, tokens]` and `hidden [batch, hidden]`, which is
 * the `code` too.
 */
export function tokenMeanMlp({ embed = 32, hidden = 196 }: TokenMeanMlpOptions = {}): Architecture {
  const config = { name: "token-mean-mlp", embed, hidden };
  return {
    name: config.name,
    config,
    build: ({ grid, classes }) => ({
      name: config.name,
      config,
      init(key): Params {
        const keys = split(key, 3);
        return {
          embedding: initLinear(keys[0], grid.patch, embed),
          fc1: initLinear(keys[1], grid.tokens, hidden),
          fc2: initLinear(keys[2], hidden, classes),
        };
      },
      apply(params, tokens, { collect } = {}): Tensor {
        const { embedding, fc1, fc2 } = params as TokenMeanMlpParams;
        const patches = tf.reshape(tokens, [-1, grid.patch]);
        collect?.("embedding", tf.reshape(linear(embedding, patches), [-1, grid.tokens, embed]));
        const means = tf.matMul(patches, tf.mean(embedding.weight, 1, true));
        const values = tf.reshape(tf.add(means, tf.mean(embedding.bias)), [-1, grid.tokens]);
        collect?.("tokens", values);
        const active = linear(fc1, values, { activation: "gelu" });
        collect?.("hidden", active);
        collect?.("code", active);
        return linear(fc2, active);
      },
      embedding: (params) => (params as TokenMeanMlpParams).embedding,
      multiplyAdds: grid.tokens * grid.patch + grid.tokens * hidden + hidden * classes,
    }),
  };
}
