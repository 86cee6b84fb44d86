/**
 * Attention biases by position: against plain loops over queries and keys, under shifts, and their gradients.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type Tensor, tf } from "../../../models/backend/tf.ts";
import { selectBackend } from "../../../models/backend/select.ts";
import {
  attentionBias,
  type AttentionBiasGrid,
  type AttentionBiasKind,
  type AttentionBiasParams,
  attentionBiasPlan,
  initAttentionBias,
} from "../../../models/layers/attention_bias.ts";
import { lookUp, tableLookup } from "../../../models/layers/table_lookup.ts";
import { disposeParams, flatten } from "../../../models/params.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { foldIn, keyOf, normal } from "../../../pipeline/random.ts";
import { relativeError } from "../../golden.ts";
import { PLATFORMS, selectPlatform } from "../backend/ops/support.ts";

const HEADS = 3;

/** Cheap on every platform, and with what can go wrong: one row, more rows than columns, a single token, a class token. */
const GRIDS: readonly AttentionBiasGrid[] = [
  { rows: 1, columns: 5, classToken: false },
  { rows: 3, columns: 4, classToken: false },
  { rows: 4, columns: 2, classToken: true },
  { rows: 1, columns: 1, classToken: true },
];

const KINDS = ["relative", "circular"] as const;

/** The bias of one query and key by definition. */
function byHand(
  kind: AttentionBiasKind,
  { rows, columns, classToken }: AttentionBiasGrid,
  table: ArrayLike<number>,
  lone: ArrayLike<number>,
  [head, query, key]: readonly [number, number, number],
): number {
  const first = classToken ? 1 : 0;
  if (query < first || key < first) {
    return query < first && key < first ? 0 : lone[query < first ? head : HEADS + head];
  }
  const place = (token: number) => [Math.floor((token - first) / columns), (token - first) % columns];
  const [dy, dx] = [0, 1].map((axis) => place(query)[axis] - place(key)[axis]);
  const entry = kind === "circular"
    ? ((dy + rows) % rows) * columns + (dx + columns) % columns
    : (dy + rows - 1) * (2 * columns - 1) + dx + columns - 1;
  return table[entry * HEADS + head];
}

function drawn(kind: AttentionBiasKind, grid: AttentionBiasGrid): AttentionBiasParams {
  const { entries } = attentionBiasPlan(kind, grid);
  return {
    table: tf.tensor(normal(keyOf(1), entries * HEADS), [entries, HEADS]),
    ...grid.classToken ? { classToken: tf.tensor(normal(keyOf(2), 2 * HEADS), [2, HEADS]) } : {},
  };
}

for (const platform of PLATFORMS) {
  Deno.test(`attention bias: is that of plain loops, and so are its gradients (${platform})`, async () => {
    await selectPlatform(platform);
    const before = tf.memory().numTensors;
    for (const kind of KINDS) {
      for (const grid of GRIDS) {
        const plan = attentionBiasPlan(kind, grid);
        const { tokens, entries } = plan;
        const { rows, columns } = grid;
        assertEquals(tokens, rows * columns + Number(grid.classToken));
        assertEquals(entries, kind === "circular" ? rows * columns : (2 * rows - 1) * (2 * columns - 1));
        const params = drawn(kind, grid);
        const [table, lone] = await Promise.all([params.table.data(), params.classToken?.data() ?? []]);
        for (const queries of [undefined, 1]) {
          const seen = queries ?? tokens;
          const bias = attentionBias(params, plan, queries);
          assertEquals(bias.shape, [HEADS, seen, tokens]);
          const weights = normal(keyOf(3), bias.size);
          const expected: number[] = [];
          const gradients = flatten(params).map(([, { size }]) => new Float64Array(size));
          // Entries as their own numbers, so that the loops say where each stands.
          const [numbers, lones] = [table, lone].map((list, at) =>
            Array.from(list, (_, index) => index + 1 + at * 1e6)
          );
          for (let head = 0; head < HEADS; head++) {
            for (let query = 0; query < seen; query++) {
              for (let key = 0; key < tokens; key++) {
                const weight = weights[expected.length];
                expected.push(byHand(kind, grid, table, lone, [head, query, key]));
                const at = byHand(kind, grid, numbers, lones, [head, query, key]);
                if (at > 1e6) gradients[1][at - 1e6 - 1] += weight;
                else if (at > 0) gradients[0][at - 1] += weight;
              }
            }
          }
          assertEquals([...await bias.data()], expected);
          const grads = tf.tidy(() => {
            const all = tf.tensor(weights, bias.shape);
            return tf.grads((table: Tensor, classToken?: Tensor) =>
              tf.sum(tf.mul(all, attentionBias({ table, classToken }, plan, queries)))
            )(flatten(params).map(([, leaf]) => leaf));
          });
          for (const [index, grad] of grads.entries()) {
            const values = await grad.data();
            gradients[index].forEach((each, at) => assertAlmostEquals(values[at], each, 1e-5));
          }
          tf.dispose([bias, grads]);
        }
        disposeParams(params);
      }
    }
    assertEquals(tf.memory().numTensors, before);
  });
}

const hasAdapter = await navigator.gpu?.requestAdapter() != null;

Deno.test({
  name: "attention bias: is that of the CPU on the GPU, with its gradient (needs a GPU)",
  ignore: !hasAdapter,
  async fn() {
    const found = async (backend: "cpu" | "webgpu") => {
      await selectBackend(backend);
      const before = tf.memory().numTensors;
      const results: Float32Array[] = [];
      for (const kind of KINDS) {
        for (const grid of GRIDS) {
          const plan = attentionBiasPlan(kind, grid);
          const params = drawn(kind, grid);
          const leaves = flatten(params).map(([, leaf]) => leaf);
          const biasOf = (table: Tensor, classToken?: Tensor) => attentionBias({ table, classToken }, plan);
          const made = tf.tidy(() => [
            biasOf(leaves[0], leaves[1]),
            ...tf.grads((table: Tensor, classToken?: Tensor) => tf.sum(tf.square(biasOf(table, classToken))))(
              leaves,
            ),
          ]);
          for (const each of made) results.push(await each.data<"float32">());
          tf.dispose(made);
          disposeParams(params);
        }
      }
      assertEquals(tf.memory().numTensors, before);
      return results;
    };
    const expected = await found("cpu");
    (await found("webgpu")).forEach((each, at) => assert(relativeError(each, expected[at]) < 1e-5, `${at}`));
  },
});

Deno.test("attention bias: circular ones alone commute with every shift of the tokens", async () => {
  await selectBackend("cpu");
  for (const grid of [{ rows: 1, columns: 5 }, { rows: 3, columns: 4 }]) {
    const { rows, columns } = grid;
    for (const classToken of [false, true]) {
      const first = Number(classToken);
      for (const kind of KINDS) {
        const plan = attentionBiasPlan(kind, { ...grid, classToken });
        const params = drawn(kind, { ...grid, classToken });
        const bias = attentionBias(params, plan);
        const values = await bias.data();
        const at = (head: number, query: number, key: number) =>
          values[(head * plan.tokens + query) * plan.tokens + key];
        let kept = 0;
        for (let shift = 0; shift < rows * columns; shift++) {
          const [down, right] = [Math.floor(shift / columns), shift % columns];
          const moved = (token: number) =>
            token < first ? token : first + (Math.floor((token - first) / columns) + down) % rows * columns +
              ((token - first) % columns + right) % columns;
          let isSame = true;
          for (let head = 0; head < HEADS; head++) {
            for (let query = 0; query < plan.tokens; query++) {
              for (let key = 0; key < plan.tokens; key++) {
                isSame &&= at(head, moved(query), moved(key)) === at(head, query, key);
              }
            }
          }
          kept += Number(isSame);
        }
        assertEquals(kept, kind === "circular" ? rows * columns : 1);
        bias.dispose();
        disposeParams(params);
      }
    }
  }
});

Deno.test("attention bias: the gradient of the table is that of finite differences, and has one of its own", async () => {
  await selectBackend("wasm");
  const before = tf.memory().numTensors;
  for (const kind of KINDS) {
    const plan = attentionBiasPlan(kind, { rows: 2, columns: 3, classToken: true });
    const params = drawn(kind, { rows: 2, columns: 3, classToken: true });
    const leaves = flatten(params).map(([, leaf]) => leaf);
    const loss = (table: Tensor, classToken: Tensor) => {
      const bias = attentionBias({ table, classToken }, plan);
      return tf.sum(tf.mul(bias, tf.square(bias))).asScalar();
    };
    for (const [index, leaf] of leaves.entries()) {
      const direction = tf.tensor(normal(foldIn(keyOf(5), index), leaf.size), leaf.shape);
      const step = 1e-2;
      const at = (by: number) =>
        loss(
          ...leaves.map((each, at) => at === index ? tf.add(each, tf.mul(direction, by)) : each) as [
            Tensor,
            Tensor,
          ],
        );
      const [slope, estimate, bend, second] = tf.tidy(() => {
        const slopeAt = (each: Tensor) =>
          tf.sum(
            tf.mul(direction, tf.grads(loss)(leaves.map((other, at) => at === index ? each : other))[index]),
          ).asScalar();
        return [
          slopeAt(leaf),
          tf.div(tf.sub(at(step), at(-step)), 2 * step),
          tf.sum(tf.mul(direction, tf.grad(slopeAt)(leaf))),
          tf.div(
            tf.sub(
              slopeAt(tf.add(leaf, tf.mul(direction, step))),
              slopeAt(tf.sub(leaf, tf.mul(direction, step))),
            ),
            2 * step,
          ),
        ];
      });
      assert(relativeError(await slope.data(), await estimate.data()) < 2e-3, `${kind} ${index}`);
      assert(relativeError(await bend.data(), await second.data()) < 5e-3, `${kind} ${index}, second`);
      tf.dispose([slope, estimate, bend, second, direction]);
    }
    disposeParams(params);
  }
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("attention bias: starts normal with deviation 0.02, by key", async () => {
  await selectBackend("cpu");
  const plan = attentionBiasPlan("circular", { rows: 20, columns: 20, classToken: true });
  const params = initAttentionBias(keyOf(1), plan, 8);
  assertEquals(flatten(params).map(([name, { shape }]) => [name, shape]), [["table", [400, 8]], [
    "classToken",
    [2, 8],
  ]]);
  const values = await params.table.data<"float32">();
  const deviation = Math.sqrt(values.reduce((sum, each) => sum + each ** 2, 0) / values.length);
  assertAlmostEquals(deviation, 0.02, 1e-3);
  assert(Math.max(...values) > 0.04);
  assert((await params.classToken!.data()).every((each) => each !== 0 && Math.abs(each) < 0.1));
  const [same, other] = [initAttentionBias(keyOf(1), plan, 8), initAttentionBias(keyOf(2), plan, 8)];
  assertEquals(await same.table.data(), values);
  assert((await other.table.data())[0] !== values[0]);
  [params, same, other].forEach(disposeParams);
  const plain = initAttentionBias(
    keyOf(1),
    attentionBiasPlan("relative", { rows: 2, columns: 3, classToken: false }),
    1,
  );
  assertEquals(flatten(plain).map(([name, { shape }]) => [name, shape]), [["table", [15, 1]]]);
  disposeParams(plain);
});

Deno.test("table lookup: rows come to their places, and sums of places to their rows", async () => {
  await selectBackend("wasm");
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 6 }).chain((rows) =>
        fc.tuple(
          fc.constant(rows),
          fc.array(fc.integer({ min: 0, max: rows - 1 }), { minLength: 1, maxLength: 12 }),
        )
      ),
      async ([rows, rowOf]) => {
        const lookup = tableLookup(rows, Int32Array.from(rowOf));
        const [table, weights] = [normal(keyOf(1), rows * 2), normal(keyOf(2), rowOf.length * 2)];
        const [found, grad] = tf.tidy(() => [
          lookUp(tf.tensor(table, [rows, 2]), lookup),
          tf.grad((x: Tensor) => tf.sum(tf.mul(lookUp(x, lookup), tf.tensor(weights, [rowOf.length, 2]))))(
            tf.tensor(table, [rows, 2]),
          ),
        ]);
        assertEquals(
          [...await found.data()],
          rowOf.flatMap((row) => [...table.subarray(2 * row, 2 * row + 2)]),
        );
        const sums = new Float64Array(rows * 2);
        rowOf.forEach((row, place) => [0, 1].forEach((at) => sums[2 * row + at] += weights[2 * place + at]));
        const values = await grad.data();
        sums.forEach((each, at) => assertAlmostEquals(values[at], each, 1e-5));
        tf.dispose([found, grad]);
      },
    ),
    { numRuns: 30, seed: 3 },
  );
  assertThrows(
    () => tableLookup(3, Int32Array.of(0, 3)),
    PolyphaseError,
    "row 3, expected one of a table of 3",
  );
  assertThrows(() => tableLookup(3, Int32Array.of(-1)), PolyphaseError, "row -1");
});
