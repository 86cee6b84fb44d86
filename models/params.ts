/**
 * Trees of parameters: flattened to dotted names for optimizers and checkpoints, and put together again.
 *
 * @module
 */

import { type Tensor, tf } from "./backend/tf.ts";
import type { Params } from "./model.ts";

/** The tensors of a tree with their dotted names, in the order of the tree: `{ fc1: { bias } }` has `fc1.bias`. */
export function flatten(params: Params, prefix = ""): [name: string, tensor: Tensor][] {
  return Object.entries(params).flatMap(([name, node]): [string, Tensor][] =>
    node instanceof tf.Tensor ? [[prefix + name, node]] : flatten(node, `${prefix}${name}.`)
  );
}

/** The tree of tensors with dotted names: undoes {@linkcode flatten}. */
export function unflatten(leaves: Iterable<readonly [name: string, tensor: Tensor]>): Params {
  type Tree = { [name: string]: Tree | Tensor };
  const root: Tree = {};
  for (const [name, tensor] of leaves) {
    const path = name.split(".");
    const last = path.pop()!;
    let node = root;
    for (const part of path) node = (node[part] ??= {}) as Tree;
    node[last] = tensor;
  }
  return root;
}

/** How many numbers the parameters are. */
export function countParams(params: Params): number {
  return flatten(params).reduce((sum, [, tensor]) => sum + tensor.size, 0);
}

/** Frees the memory of every tensor of the tree. */
export function disposeParams(params: Params): void {
  for (const [, tensor] of flatten(params)) tensor.dispose();
}
