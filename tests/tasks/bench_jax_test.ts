/**
 * The part of `deno task bench` that times what `@jax-js/jax` does too: the cases, the layouts, the comparison of numbers.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { tf } from "../../models/backend/tf.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import {
  compareJax,
  jaxProcess,
  jaxText,
  type NumberSide,
  relativeDifference,
} from "../../tasks/bench/compare_jax.ts";
import { inputsOf, JAX_CASES, JAX_VERSION, type JaxCase } from "../../tasks/bench/jax_cases.ts";
import { permute, permuted } from "../../tasks/bench/permute.ts";
import { localSide, type Side } from "../../tasks/bench/side.ts";
import { canRunTasks, permitted } from "../support.ts";

const STRICT = { sanitizeOps: true, sanitizeResources: true };

const HELD = { tensors: 2, buffers: 2, bytes: 80 };

function fakeSide(ms: number, reason: string | null = null): Side {
  return {
    open: () => Promise.resolve(reason),
    turn: () => Promise.resolve(ms),
    close: () => Promise.resolve({ before: HELD, after: HELD }),
  };
}

function numberSide(ms: number, ...results: number[][]): NumberSide {
  const encoded = results.map((each) => new Uint8Array(new Float32Array(each).buffer).toBase64());
  return { ...fakeSide(ms), values: () => Promise.resolve(encoded) };
}

function fakeCase(...results: number[][]): JaxCase {
  const [case0] = JAX_CASES;
  return {
    ...case0,
    name: "case",
    flops: 6e6,
    values: () => Promise.resolve(results.map((each) => new Float32Array(each))),
  };
}

Deno.test("permute changes the order of axes, and its inverse changes it back", () => {
  const numbers = Float32Array.from({ length: 24 }, (_, at) => at);
  assertEquals([...permute(numbers.subarray(0, 6), [2, 3], [1, 0])], [0, 3, 1, 4, 2, 5]);
  const axes = [2, 0, 1];
  assertEquals(permuted([2, 3, 4], axes), [4, 2, 3]);
  const turned = permute(numbers, [2, 3, 4], axes);
  // The element at [c, a, b] is that at [a, b, c].
  assertEquals(turned[(3 * 2 + 1) * 3 + 2], numbers[(1 * 3 + 2) * 4 + 3]);
  assertEquals(permute(turned, [4, 2, 3], [1, 2, 0]), numbers);
});

Deno.test("cases have names of their own, inputs of their shapes, and the flops of their products", async () => {
  await selectBackend("wasm");
  assertEquals(new Set(JAX_CASES.map(({ name }) => name)).size, 8);
  for (const each of JAX_CASES) {
    assertMatch(each.name, /^[a-z][a-z0-9-]*$/);
    const sizes = each.shapes.map((shape) => shape.reduce((a, b) => a * b));
    assertEquals(inputsOf(each).map(({ length }) => length), each.gradients ? sizes : sizes.slice(0, -1));
  }
  const flops = Object.fromEntries(JAX_CASES.map(({ name, flops }) => [name, flops]));
  assertEquals(flops["gemm-512-training"], 3 * 2 * 512 ** 3);
  assertEquals(flops["attention-196-tokens"], 2 * 2 * 8 * 4 * 196 * 196 * 32);
  assertEquals(flops["conv2d-3x3"], 2 * 64 * 28 * 28 * 9 * 32 * 32);
});

Deno.test(
  "a case runs here, leaks nothing, and its numbers are the result and then the gradients",
  STRICT,
  async () => {
    await selectBackend("wasm");
    const start = tf.memory().numTensors;
    const given = JAX_CASES.find(({ name }) => name === "attention-17-tokens-training")!;
    const side = localSide([given]);
    assertEquals(await side.open(given.name), null);
    assert(await side.turn(1) > 0);
    const { before, after } = (await side.close())!;
    assertEquals([after, before.tensors], [before, 4]);
    const values = await given.values();
    assertEquals(values.map(({ length }) => length), new Array(4).fill(64 * 16 * 17 * 16));
    assertEquals(tf.memory().numTensors, start);
  },
);

Deno.test("differences are relative to the greatest number; NaN and other lengths are no agreement", () => {
  const expected = new Float32Array([1, -4, 2]);
  assertEquals(relativeDifference(new Float32Array([1, -3, 2]), expected), 0.25);
  assertEquals(relativeDifference(new Float32Array([1, -4]), expected), Infinity);
  assert(Number.isNaN(relativeDifference(new Float32Array([1, NaN, 2]), expected)));
});

Deno.test(
  "rows hold each side's times and ratios, and the greater difference of the two",
  STRICT,
  async () => {
    const rows = await compareJax({
      cases: [fakeCase([1, -4], [2])],
      ours: fakeSide(2),
      vanilla: fakeSide(20, "no kernel Conv2DBackpropFilter"),
      jax: numberSide(10, [1, -4], [2]),
      jaxThreads: numberSide(5, [1, -4.0012], [2]),
      rounds: 2,
      repeats: 1,
    });
    const [{ jax_difference, ...row }] = rows;
    assert(Math.abs(jax_difference - 3e-4) < 1e-6);
    assertEquals([row.median_ms, row.gflops, row.vanilla_median_ms, row.ratio], [2, 3, null, null]);
    assertEquals([row.jax_median_ms, row.jax_gflops, row.jax_ratio], [10, 0.6, 5]);
    assertEquals([row.jax_threads_median_ms, row.jax_threads_ratio], [5, 2.5]);
    const text = jaxText(rows, 2).replaceAll(/ +/g, " ");
    assertStringIncludes(text, `@jax-js/jax ${JAX_VERSION}`);
    assertMatch(text, / 2\.000 2\.000 3\.0 – – 10\.000 10\.000 0\.6 5\.00 5\.000 2\.50 3e-4$/m);
  },
);

Deno.test("numbers that do not agree stop the benchmark", STRICT, async () => {
  for (const wrong of [[[1, -4.1], [2]], [[1, NaN], [2]], [[1, -4]]]) {
    await assertRejects(
      () =>
        compareJax({
          cases: [fakeCase([1, -4], [2])],
          ours: fakeSide(2),
          vanilla: fakeSide(2),
          jax: numberSide(2, [1, -4], [2]),
          jaxThreads: numberSide(2, ...wrong),
          rounds: 1,
          repeats: 1,
        }),
      PolyphaseError,
      "case: the numbers of @jax-js/jax differ from ours by ",
    );
  }
});

Deno.test({
  name: "the door to @jax-js/jax names the version that the table does (needs --allow-read)",
  ignore: !permitted({ name: "read" }),
  ...STRICT,
  async fn() {
    const text = await Deno.readTextFile(new URL("../../tasks/bench/jax_library.ts", import.meta.url));
    assertStringIncludes(text, `"npm:@jax-js/jax@${JAX_VERSION}"`);
  },
});

Deno.test({
  name: "@jax-js/jax computes attention with its gradients as we do (needs --allow-run --allow-read)",
  ignore: !canRunTasks(),
  ...STRICT,
  async fn() {
    await selectBackend("wasm");
    const jax = jaxProcess(1);
    try {
      for (const name of ["gemm-512-training", "attention-17-tokens-training"]) {
        const given = JAX_CASES.find((each) => each.name === name)!;
        const [row] = await compareJax({
          cases: [given],
          ours: localSide([given]),
          vanilla: fakeSide(1),
          jax,
          jaxThreads: numberSide(1, ...(await given.values()).map((each) => [...each])),
          rounds: 1,
          repeats: 1,
        });
        assert(row.jax_median_ms > 0 && row.jax_difference < 1e-4, JSON.stringify(row));
      }
    } finally {
      await jax.end();
    }
  },
});
