/**
 * Names inside a part of a model: a layer speaks of `runningMean`, the model of `layer1.0.bn1.runningMean`.
 *
 * @module
 */

import type { ApplyOptions, Params } from "../model.ts";

/** The parameters of a part of a model, by its dotted name. */
export function branch(params: Params, part: string): Params {
  return part.split(".").reduce((tree, name) => tree[name] as Params, params);
}

/** The same options for a part of a model: what it collects and updates gets the part's name, and a dot, in front. */
export function within(options: ApplyOptions, part: string): ApplyOptions {
  const { collect, update } = options;
  return {
    ...options,
    collect: collect && ((name, activation) => collect(`${part}.${name}`, activation)),
    update: update && ((name, value) => update(`${part}.${name}`, value)),
  };
}
