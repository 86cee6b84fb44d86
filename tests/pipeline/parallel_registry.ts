/**
 * A registry as a user would write it, for workers to load: a part of the user's own, and parts that go wrong in a worker
 * in every way that a worker can.
 *
 * @module
 */

import { type Tensor, tf } from "../../models/backend/tf.ts";
import type { Architecture, Model } from "../../models/model.ts";
import type { Optimizer } from "../../models/optimizers/optimizer.ts";
import { tokenMeanMlp } from "../../models/token_mean_mlp.ts";
import { registry as standard } from "../../pipeline/registry.ts";
import type { Registry } from "../../pipeline/rebuild.ts";

/** The small model of all these tests under another name; `before` is called before each application in training. */
function smallModel(name: string, before: (tokens: number) => void = () => {}): Architecture {
  const small = tokenMeanMlp({ embed: 4, hidden: 8 });
  return {
    name,
    config: { name },
    build: (shape): Model => {
      const model = small.build(shape);
      return {
        ...model,
        name,
        apply: (params, tokens, options) => {
          if (options?.training) before(tokens.shape[0]);
          return model.apply(params, tokens, options);
        },
      };
    },
  };
}

/** A model that the standard registry does not know. */
export const mine = (): Architecture => smallModel("mine");

/** Throws at its third share of seven rows: with 15 images in a batch that is the first of two workers. */
export function breaking(): Architecture {
  let seen = 0;
  return smallModel("breaking", (rows) => {
    if (rows === 7 && ++seen === 3) throw new Error("broken on purpose\nwith a second line");
  });
}

/** Closes the thread it runs in. */
export const leaving = (): Architecture => smallModel("leaving", () => globalThis.close());

/** Lets a promise fail that nobody waits for. */
export function forgetful(): Architecture {
  return smallModel("forgetful", () => void Promise.reject(new Error("nobody waits for me")));
}

/**
 * Keeps a running mean of its tokens and the number of its steps as buffers, and subtracts that mean from what it is shown.
 */
export function running(): Architecture {
  const small = tokenMeanMlp({ embed: 4, hidden: 8 });
  return {
    name: "running",
    config: { name: "running" },
    build: (shape): Model => {
      const model = small.build(shape);
      return {
        ...model,
        name: "running",
        init: (key) => ({ statistics: { mean: tf.scalar(0), steps: tf.scalar(0) }, ...model.init(key) }),
        isBuffer: (name) => name.startsWith("statistics."),
        apply: (params, tokens, options) => {
          const { mean, steps } = params.statistics as { mean: Tensor; steps: Tensor };
          if (options?.training) {
            options.update?.("statistics.mean", tf.add(tf.mul(mean, 0.9), tf.mul(tf.mean(tokens), 0.1)));
            options.update?.("statistics.steps", tf.add(steps, 1));
          }
          return model.apply(params, tf.sub(tokens, mean), options);
        },
      };
    },
  };
}

/** Changes parameters by chance that no key decides. */
export function drifting(): Optimizer {
  return {
    name: "drifting",
    config: { name: "drifting" },
    init: () => ({ step: 0, slots: {} }),
    update: (params, _gradients, { step }) => ({
      params: params.map((each) => tf.add(each, Math.random())),
      state: { step: step + 1, slots: {} },
    }),
  };
}

/** Remembers more after a step than at first. */
export function growing(): Optimizer {
  return {
    name: "growing",
    config: { name: "growing" },
    init: () => ({ step: 0, slots: {} }),
    update: (params, gradients, { step }) => ({
      params: params.map((each) => tf.clone(each)),
      state: { step: step + 1, slots: { more: gradients.map((each) => tf.clone(each)) } },
    }),
  };
}

/** The standard parts and these. */
export const registry: Registry = {
  ...standard,
  model: { ...standard.model, mine, running, breaking, leaving, forgetful },
  optimizer: { ...standard.optimizer, drifting, growing },
};
