/**
 * The part of `deno task bench` that times whole training steps model by model.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { hasKernel } from "../../models/backend/ops/fused_kernels.ts";
import { selectBackend } from "../../models/backend/select.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import type { Architecture } from "../../models/model.ts";
import { compareModels, modelsText } from "../../tasks/bench/compare_models.ts";
import { MODEL_CASES } from "../../tasks/bench/model_cases.ts";
import { parametersOf, stepsByTeam, stepsHere } from "../../tasks/bench/model_steps.ts";
import { randomImages } from "../../tasks/bench/random_images.ts";
import { localSide, type Memory, type Side } from "../../tasks/bench/side.ts";
import { canRunTasks, permitted, runTask } from "../support.ts";

const STRICT = { sanitizeOps: true, sanitizeResources: true };

const BASE = MODEL_CASES.find(({ name }) => name === "notebook-base")!;

const HELD = { tensors: 6, buffers: 6, bytes: 47720 };
const EVEN: Memory = { before: HELD, after: HELD };

function fakeSide(ms: number, reason: string | null = null, memory: Memory | null = EVEN): Side {
  return {
    open: () => Promise.resolve(reason),
    turn: () => Promise.resolve(ms),
    close: () => Promise.resolve(memory),
  };
}

Deno.test("random images have the shape asked for, and classes that take turns", STRICT, async () => {
  const { train, test, classes } = await randomImages({ height: 3, width: 5, channels: 3 }, 12).load();
  assertEquals([classes.length, train.images.count, train.images.pixels.length], [10, 12, 12 * 45]);
  assertEquals([...train.labels], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
  assert(new Set(train.images.pixels).size > 100);
  assert(train.images.pixels.some((value, at) => value !== test.images.pixels[at]));
});

Deno.test("models have the parameters of their counterparts in PyTorch", STRICT, async () => {
  await selectBackend("wasm");
  const counts: [string, number][] = [];
  const before = tf.memory().numTensors;
  // Drawing the others takes its time.
  const names = ["notebook-base", "vit-4x256-h16", "cnn-32x3", "performer-4x128"];
  for (const each of MODEL_CASES.filter(({ name }) => names.includes(name))) {
    counts.push([each.name, await parametersOf(each)]);
  }
  assertEquals(tf.memory().numTensors, before);
  assertEquals(Object.fromEntries(counts), {
    "notebook-base": 4 * 32 + 32 + 49 * 196 + 196 + 196 * 10 + 10,
    // Class token, positions, patches, blocks, norm, head and classes.
    "vit-4x256-h16": 256 + 17 * 256 + 148 * 256 + 4 * BLOCK + 512 + 257 * 128 + 129 * 10,
    "cnn-32x3": 28 * 32 + 2 * (289 * 32) + (32 * 22 * 22 + 1) * 128 + 129 * 10,
    "performer-4x128": 2 * 128 + 784 * 128 + 4 * PERFORMER_BLOCK + 129 * 10,
  });
});

/** Two norms, queries, keys and values, projection, perceptron. */
const BLOCK = 4 * 256 + 257 * 768 + 257 * 256 + 257 * 512 + 513 * 256;
const PERFORMER_BLOCK = 4 * 128 + 129 * 384 + 129 * 128 + 129 * 512 + 513 * 128;

Deno.test("steps train the model and leak nothing", STRICT, async () => {
  await selectBackend("wasm");
  const start = tf.memory().numTensors;
  const side = localSide([stepsHere(BASE)]);
  assertEquals(await side.open(BASE.name), null);
  assert(await side.turn(3) > 0);
  assertEquals(await side.close(), EVEN);
  assertEquals(tf.memory().numTensors, start);
});

Deno.test(
  "steps leave vanilla TensorFlow.js without our kernels, and train all the same",
  STRICT,
  async () => {
    await selectBackend("wasm", { kernels: false });
    const start = tf.memory().numTensors;
    const side = localSide([stepsHere(BASE)]);
    assertEquals(await side.open(BASE.name), null);
    assert(!hasKernel("PolyphaseGelu"));
    assert(await side.turn(1) > 0);
    const { before, after } = (await side.close())!;
    assertEquals(after, before);
    assertEquals(tf.memory().numTensors, start);
    await selectBackend("wasm");
  },
);

Deno.test("a step that cannot be taken says which kernel is missing", STRICT, async () => {
  await selectBackend("wasm", { kernels: false });
  const model: Architecture = {
    name: "gathering",
    config: { name: "gathering" },
    build: ({ classes }) => ({
      name: "gathering",
      config: { name: "gathering" },
      init: () => ({ table: tf.zeros([4, classes]) }),
      // The gradient of this gather needs UnsortedSegmentSum.
      apply: ({ table }, tokens) => tf.gather(table as Tensor, tf.zeros([tokens.shape[0]], "int32")),
    }),
  };
  const side = localSide([stepsHere({ ...BASE, model })]);
  assertEquals(await side.open(BASE.name), "no kernel UnsortedSegmentSum");
  await selectBackend("wasm");
});

Deno.test({
  name: "a team takes the steps too, and its end frees all (needs --allow-read)",
  ignore: !permitted({ name: "read" }),
  ...STRICT,
  async fn() {
    await selectBackend("wasm");
    const start = tf.memory().numTensors;
    const side = localSide([stepsByTeam(BASE, 2)]);
    assertEquals(await side.open(BASE.name), null);
    assert(await side.turn(3) > 0);
    await side.close();
    assertEquals(tf.memory().numTensors, start);
  },
});

Deno.test("rows hold times, images a second, ratios and memory of every side", STRICT, async () => {
  await selectBackend("wasm");
  const pace = { rounds: 2, repeats: 1 };
  const sides = { ours: fakeSide(4), workers: fakeSide(2), vanilla: fakeSide(40) };
  const [row] = await compareModels({ cases: [BASE], ...sides, ...pace });
  assertEquals([row.model, row.parameters, row.batch_size, row.optimizer], [
    "notebook-base",
    11930,
    32,
    "sgd",
  ]);
  assertEquals(row.ours, {
    median_ms: 4,
    min_ms: 4,
    inputs_per_second: 8000,
    rounds: 2,
    reason: null,
    memory: EVEN,
  });
  assertEquals([row.workers_speedup, row.ratio, row.workers_ratio], [2, 10, 20]);
  assertEquals(row.workers.memory, null);
  const text = modelsText([row], 2).replaceAll(/ +/g, " ");
  assertMatch(
    text,
    /^notebook-base 11930 32 4\.000 4\.000 8000 2\.000 2\.000 16000 2\.00 40\.0 40\.0 10\.00 20\.00 6 → 6/m,
  );
  assertStringIncludes(text, "; nothing leaked.");
});

Deno.test("the text below the table says who cannot train, and what leaked", STRICT, async () => {
  await selectBackend("wasm");
  const leaky = { before: HELD, after: { ...HELD, tensors: 8 } };
  const rows = await compareModels({
    cases: [BASE],
    ours: fakeSide(4, null, leaky),
    workers: fakeSide(2, "no Worker here"),
    vanilla: fakeSide(40, "no kernel Conv2DBackpropFilter"),
    rounds: 1,
    repeats: 1,
  });
  const [{ ratio, workers_speedup, vanilla }] = rows;
  assertEquals([ratio, workers_speedup, vanilla.median_ms, vanilla.inputs_per_second], [
    null,
    null,
    null,
    null,
  ]);
  assertStringIncludes(
    modelsText(rows, 2),
    "\n\n2 workers cannot train notebook-base: no Worker here.\n" +
      "Vanilla TensorFlow.js cannot train notebook-base: no kernel Conv2DBackpropFilter.\n" +
      "notebook-base leaked on our kernels: 2 tensors.",
  );
});

Deno.test({
  name: "deno task bench --models times one model on all sides (needs --allow-run --allow-read)",
  ignore: !canRunTasks(),
  ...STRICT,
  async fn() {
    const flags = [
      "--only",
      "models",
      "--models",
      "notebook-base",
      "--rounds",
      "2",
      "--repeats",
      "2",
      "--json",
    ];
    const { code, stdout, stderr } = await runTask("tasks/bench.ts", flags);
    assertEquals([code, stderr], [0, ""]);
    const { results, models, ops, jax } = JSON.parse(stdout);
    assertEquals([results, ops, jax], [[], [], []]);
    assertEquals(models.map(({ model }: { model: string }) => model), ["notebook-base"]);
    const [{ ours, workers, vanilla, ratio }] = models;
    for (const side of [ours, workers, vanilla]) {
      assert(
        side.min_ms > 0 && side.median_ms >= side.min_ms && side.inputs_per_second > 0,
        JSON.stringify(side),
      );
      assertEquals([side.rounds, side.reason], [2, null]);
    }
    assert(ratio > 0);
    assertEquals([ours.memory, vanilla.memory, workers.memory], [EVEN, EVEN, null]);
  },
});

Deno.test({
  name: "deno task bench refuses models that contradict other flags (needs --allow-run --allow-read)",
  ignore: !canRunTasks(),
  ...STRICT,
  async fn() {
    for (
      const [flags, line] of [
        [
          ["--only", "jax", "--models", "resnet18"],
          "--only jax and --models exclude each other: give one of them.",
        ],
        [
          ["--models", "resnet18", "--backend", "cpu"],
          "resnet18 is timed on the backend wasm, not cpu: leave out --backend.",
        ],
      ] as const
    ) {
      const { code, stderr } = await runTask("tasks/bench.ts", flags);
      assertEquals([code, stderr], [2, `error: ${line} See --help.\n`]);
    }
  },
});
