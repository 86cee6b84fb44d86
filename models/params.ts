/**
 * Trees of parameters: flattened to dotted names for optimizers and checkpoints, and put together again.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import { type Tensor, tf } from "./backend/tf.ts";
import type { Model, Params } from "./model.ts";

/** The tensors of a tree with their dotted names, in the order of the tree: `{ fc1: { bias } }` has `fc1.bias`. */
export function flatten(params: Params, prefix = ""): [name: string, tensor: Tensor][] {
  return Object.entries(params).flatMap(([name, node]): [string, Tensor][] =>
    node instanceof tf.Tensor ? [[prefix + name, node]] : flatten(node, `${prefix}${name}.`)
  );
}

/**
 * The tree of tensors with dotted names: undoes {@linkcode flatten}.
 *
 * @throws {PolyphaseError} if a name stands twice, or once for a tensor and once for a branch
 */
export function unflatten(leaves: Iterable<readonly [name: string, tensor: Tensor]>): Params {
  type Branch = Map<string, Branch | Tensor>;
  const root: Branch = new Map();
  for (const [name, tensor] of leaves) {
    const path = name.split(".");
    const last = path.pop()!;
    const branch = path.reduce((node, part) => {
      const next = node.get(part) ?? new Map();
      if (!(next instanceof Map)) {
        throw new PolyphaseError(`"${name}" is below a tensor: rename one of the two`);
      }
      node.set(part, next);
      return next;
    }, root);
    if (branch.has(last)) {
      throw new PolyphaseError(`"${name}" stands twice among the parameters: rename one of the two`);
    }
    branch.set(last, tensor);
  }
  // By way of maps, since a name such as "constructor" means something on an object that is being built.
  const toTree = (branch: Branch): Params =>
    Object.fromEntries(
      Array.from(branch, ([name, node]) => [name, node instanceof Map ? toTree(node) : node]),
    );
  return toTree(root);
}

/** How many numbers the trained parameters are: those that are no buffers of `model`, or all without one. */
export function countParams(params: Params, model?: Pick<Model, "isBuffer">): number {
  return flatten(params)
    .filter(([name]) => !model?.isBuffer?.(name))
    .reduce((sum, [, tensor]) => sum + tensor.size, 0);
}

/** Frees the memory of every tensor of the tree. */
export function disposeParams(params: Params): void {
  for (const [, tensor] of flatten(params)) tensor.dispose();
}
