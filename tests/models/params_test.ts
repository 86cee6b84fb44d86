/**
 * Trees of parameters: flattening and putting together again.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { selectBackend } from "../../models/backend/select.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import type { Params } from "../../models/model.ts";
import { countParams, disposeParams, flatten, unflatten } from "../../models/params.ts";

/** Trees of sizes; names hold letters and digits, as those of layers and of the members of lists do. */
type Sizes = { readonly [name: string]: Sizes | number };
const { tree } = fc.letrec<{ tree: Sizes; node: Sizes | number }>((tie) => ({
  tree: fc.dictionary(fc.stringMatching(/^[a-zA-Z0-9_]{1,8}$/), tie("node"), {
    minKeys: 1,
    maxKeys: 4,
    noNullPrototype: true,
  }),
  node: fc.oneof({ maxDepth: 3, withCrossShrink: true }, fc.nat(4), tie("tree")),
}));

function grow(sizes: Sizes): Params {
  return Object.fromEntries(
    Object.entries(sizes).map((
      [name, node],
    ) => [name, typeof node === "number" ? tf.zeros([node]) : grow(node)]),
  );
}

/** The tree with the shape of each tensor in its place. */
function shapes(params: Params): unknown {
  return Object.fromEntries(
    Object.entries(params).map((
      [name, node],
    ) => [name, node instanceof tf.Tensor ? node.shape : shapes(node)]),
  );
}

Deno.test("params: flatten and unflatten are inverse, the very tensors and their order included", async () => {
  await selectBackend("cpu");
  fc.assert(
    fc.property(tree, (sizes) => {
      const before = tf.memory().numTensors;
      const params = grow(sizes);
      const leaves = flatten(params);
      const again = unflatten(leaves);
      assertEquals(shapes(again), shapes(params));
      assertEquals(flatten(again).map(([name]) => name), leaves.map(([name]) => name));
      assert(flatten(again).every(([, tensor], index) => tensor === leaves[index][1]));
      assertEquals(countParams(params), leaves.reduce((sum, [, { shape: [size] }]) => sum + size, 0));
      disposeParams(params);
      assertEquals(tf.memory().numTensors, before);
    }),
    { seed: 14, numRuns: 150 },
  );
});

Deno.test("params: dotted names follow the tree", async () => {
  await selectBackend("cpu");
  const params = {
    blocks: { 0: { norm: { weight: tf.zeros([3]) } }, 1: { bias: tf.zeros([2, 2]) } },
    head: tf.zeros([]),
  };
  assertEquals(flatten(params).map(([name]) => name), ["blocks.0.norm.weight", "blocks.1.bias", "head"]);
  assertEquals(countParams(params), 8);
  assertEquals(flatten(params, "model.")[2][0], "model.head");
  disposeParams(params);
});

Deno.test("params: names of a file cannot reach beyond the tree", async () => {
  await selectBackend("cpu");
  const tensor: Tensor = tf.zeros([1]);
  const shared: object[] = [Object, Object.prototype, Object.prototype.toString, Object.prototype.valueOf];
  try {
    for (const start of ["__proto__", "constructor", "constructor.prototype", "toString", "valueOf"]) {
      const name = `${start}.stolen`;
      const names = flatten(unflatten([[name, tensor]])).map(([each]) => each);
      assert(shared.every((each) => !Object.hasOwn(each, "stolen")), name);
      assertEquals(names, [name]);
    }
  } finally {
    // What was reached all the same must not stay with the tests that follow.
    for (const each of shared) Reflect.deleteProperty(each, "stolen");
    tensor.dispose();
  }
});
