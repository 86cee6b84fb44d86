/**
 * A registry as a user would write it, for workers to load: a part of the user's own, and parts that go wrong in a worker
 * in every way that a worker can.
 *
 * @module
 */

import { tf } from "../../models/backend/tf.ts";
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
  model: { ...standard.model, mine, breaking, leaving, forgetful },
  optimizer: { ...standard.optimizer, drifting, growing },
};
