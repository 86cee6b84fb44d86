/**
 * Matrices: order, names, filter and refusals.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { matrix, slugOf } from "../../pipeline/matrix.ts";

Deno.test("matrix: every combination, the last axis fastest", () => {
  const cells = matrix(
    { model: ["base", "adaptive"], size: [2, 4, 7], seed: [0, 1] },
    ({ model, size, seed }) => `${model}/${size}/${seed}`,
  );
  assertEquals(cells.map(({ made }) => made), [
    "base/2/0",
    "base/2/1",
    "base/4/0",
    "base/4/1",
    "base/7/0",
    "base/7/1",
    "adaptive/2/0",
    "adaptive/2/1",
    "adaptive/4/0",
    "adaptive/4/1",
    "adaptive/7/0",
    "adaptive/7/1",
  ]); // deno-fmt-ignore
  assertEquals(cells.map(({ index }) => index), [...cells.keys()]);
  assertEquals(cells[9].slug, "model=adaptive_size=4_seed=1");
  assertEquals(cells[9].values, { model: "adaptive", size: 4, seed: 1 });
});

Deno.test("matrix: a filter leaves cells out, builds none of them and keeps the index of the others", () => {
  const built: number[] = [];
  const cells = matrix(
    { a: [1, 2, 3], b: [1, 2, 3] },
    ({ a, b }) => built.push(10 * a + b),
    ({ a, b }) => a < b,
  );
  assertEquals(built.length, 3);
  assertEquals(cells.map(({ index, values }) => [index, values.a, values.b]), [[1, 1, 2], [2, 1, 3], [
    5,
    2,
    3,
  ]]);
});

Deno.test("matrix: values are typed by their axes", () => {
  const cells = matrix({ order: ["canonical", "random"], seed: [0] }, ({ order, seed }) => {
    const name: "canonical" | "random" = order;
    // @ts-expect-error: the seeds are numbers
    const wrong: string = seed;
    return name.length + wrong;
  });
  assertEquals(cells.length, 2);
});

Deno.test("matrix: slugs are safe in paths and tell cells apart", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer(), { maxLength: 4 }),
      fc.uniqueArray(fc.stringMatching(/^[a-z.\/\\ :*]{1,6}$/)),
      (seeds, names) => {
        const plain = names.map((name) => name.replace(/[^a-z.]/g, ""));
        fc.pre(new Set(plain).size === names.length);
        const cells = matrix({ name: names, seed: seeds }, () => null);
        assertEquals(cells.length, names.length * seeds.length);
        assertEquals(new Set(cells.map(({ slug }) => slug)).size, cells.length);
        assert(cells.every(({ slug }) => /^name=[a-z.]*_seed=-?\d+$/.test(slug)), cells[0]?.slug);
      },
    ),
    { seed: 3 },
  );
  assertEquals(
    slugOf({ path: "../../etc", on: true, none: null, list: [1, 2] }),
    "path=....etc_on=true_none=null_list=1,2",
  );
  assertEquals(slugOf({ größe: 0.5, exponent: 1e-7 }), "größe=0.5_exponent=1e-7");
});

Deno.test("matrix: two cells of one name are refused", () => {
  const refused = assertThrows(() => matrix({ seed: [1, 2, 1] }, () => null), PolyphaseError);
  assertEquals(refused.message, "matrix: two cells are called seed=1: give each axis different values");
  assertThrows(() => matrix({ name: ["a/b", "ab"] }, () => null), PolyphaseError, "name=ab");
});
