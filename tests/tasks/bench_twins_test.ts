/**
 * The part of `deno task bench` that times models beside their plain twins.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import { compareTwins, twinsText } from "../../tasks/bench/compare_twins.ts";
import { parametersOf, stepsHere } from "../../tasks/bench/model_steps.ts";
import { localSide, type Side } from "../../tasks/bench/side.ts";
import { TWIN_CASES } from "../../tasks/bench/twin_cases.ts";
import { canRunTasks, runTask } from "../support.ts";

const STRICT = { sanitizeOps: true, sanitizeResources: true };

/** A side that takes these times and leaves a tensor behind if there is where to put it. */
function fakeSide(times: readonly number[], left?: Tensor[]): Side {
  let turn = 0;
  return {
    open: () => Promise.resolve(null),
    turn: () => Promise.resolve(times[turn++]),
    close() {
      left?.push(tf.zeros([1]));
      return Promise.resolve(null);
    },
  };
}

const A_VIT = TWIN_CASES.find(({ name }) => name === "a-vit")!;

Deno.test(
  "twins have names of their own, the same images, and but for learned phases about the same size",
  STRICT,
  async () => {
    await selectBackend("wasm");
    assertEquals(new Set(TWIN_CASES.map(({ name }) => name)).size, TWIN_CASES.length);
    for (const { name, twin, plain } of TWIN_CASES) {
      const [count, plainCount] = [await parametersOf(twin), await parametersOf(plain)];
      // Learnable polyphase sampling has a small network at every stride.
      assert(
        name === "resnet18-lps" || Math.abs(count / plainCount - 1) < 0.15,
        `${name} has ${count} parameters, its twin ${plainCount}`,
      );
      const { model: _, tokenizer: __, optimizer: ___, name: ____, ...shape } = twin;
      assertEquals(shape, { image: plain.image, batchSize: plain.batchSize });
    }
  },
);

Deno.test(
  "a row holds the median of ratios of the same round, not the ratio of medians",
  STRICT,
  async () => {
    await selectBackend("wasm");
    const [row] = await compareTwins({
      cases: [A_VIT],
      // The first turn warms up.
      twins: fakeSide([99, 2, 6, 30]),
      plain: fakeSide([99, 1, 4, 10]),
      rounds: 3,
      repeats: 1,
    });
    assertEquals([row.model, row.plain, row.batch_size], ["a-vit", "vit", 64]);
    assertEquals([row.median_ms, row.plain_median_ms, row.ratio], [6, 4, 2]);
    const text = twinsText([row]);
    assertMatch(text.replaceAll(/ +/g, " "), /^a-vit vit \d+ 64 6\.0 4\.0 2\.000$/m);
    assertStringIncludes(text, "; 0 tensors leaked.");
  },
);

Deno.test("what is left behind is counted", STRICT, async () => {
  await selectBackend("wasm");
  const left: Tensor[] = [];
  const pace = { rounds: 1, repeats: 1 };
  const rows = await compareTwins({
    cases: [A_VIT],
    twins: fakeSide([1, 1], left),
    plain: fakeSide([1, 1], left),
    ...pace,
  });
  assertStringIncludes(twinsText(rows), "; 2 tensors leaked.");
  tf.dispose(left);
});

Deno.test("two sides in one process leave nothing behind", STRICT, async () => {
  await selectBackend("wasm");
  const named = (which: "twin" | "plain") =>
    localSide([{ ...stepsHere({ ...A_VIT[which], batchSize: 2 }), name: A_VIT.name }]);
  const sides = { twins: named("twin"), plain: named("plain") };
  const [row] = await compareTwins({ cases: [A_VIT], ...sides, rounds: 1, repeats: 1 });
  assertEquals(row.leaked, 0);
  assert(row.ratio > 0);
});

Deno.test("every twin takes its steps and leaks nothing", STRICT, async () => {
  await selectBackend("wasm");
  const start = tf.memory().numTensors;
  for (const { name, twin } of TWIN_CASES) {
    const side = localSide([stepsHere({ ...twin, batchSize: 2 })]);
    assertEquals(await side.open(name), null);
    assert(await side.turn(1) > 0);
    const { before, after } = (await side.close())!;
    assertEquals(after, before, name);
  }
  assertEquals(tf.memory().numTensors, start);
});

Deno.test({
  name: "deno task bench --only twins refuses other backends (needs --allow-run --allow-read)",
  ignore: !canRunTasks(),
  ...STRICT,
  async fn() {
    const { code, stderr } = await runTask("tasks/bench.ts", ["--only", "twins", "--backend", "cpu"]);
    const line =
      "error: Twins and ops are timed on the backend wasm, not cpu: leave out --backend. See --help.\n";
    assertEquals([code, stderr], [2, line]);
  },
});
