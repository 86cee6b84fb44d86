/**
 * `deno task bench`: fair turns, the plain model that Polyphase is compared with, and the command itself.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { tf } from "../../models/backend/tf.ts";
import { oneHot } from "../../pipeline/evaluate.ts";
import { type Contender, measure } from "../../tasks/bench/contender.ts";
import { plainBase } from "../../tasks/bench/plain_tfjs.ts";
import { canRunTasks, runTask } from "../support.ts";

const CONTENDERS = [
  ...["base", "adaptive-notebook", "adaptive-polyphase", "adaptive-canonical", "augmented"],
  "base in plain TensorFlow.js",
];
const ADAPTIVE = ["--only", "models", "--models", "fmnist-adaptive"];
const QUICK = ["--dataset", "synthetic", "--rounds", "2", "--repeats", "2", "--batch-size", "8"];

function taskTest(name: string, fn: () => Promise<void>, also = true): void {
  Deno.test({
    name: `deno task bench ${name} (needs --allow-run --allow-read)`,
    ignore: !canRunTasks() || !also,
    sanitizeOps: true,
    sanitizeResources: true,
    fn,
  });
}

/** Something that takes `ms` milliseconds and says so in `calls`. */
function worker(name: string, ms: number, calls: string[]): Contender {
  return {
    name,
    run() {
      calls.push(name);
      const end = performance.now() + ms;
      while (performance.now() < end);
      return Promise.resolve();
    },
  };
}

Deno.test("measure lets contenders take turns, throws the first round away, and compares within rounds", async () => {
  const calls: string[] = [];
  const measured = await measure([worker("a", 2, calls), worker("b", 8, calls)], { rounds: 3, repeats: 2 });
  assertEquals(calls.join(""), "aabb".repeat(4));
  const [a, b] = measured;
  assertEquals([a.name, a.ratio, b.name], ["a", 1, "b"]);
  for (const [{ min, median }, ms] of [[a, 2], [b, 8]] as const) {
    assert(min >= ms && median >= min, `${ms} ms were measured as ${min} to ${median}`);
  }
  assert(b.ratio > 1, `four times the work has ratio ${b.ratio}`);
});

Deno.test("measure does not count the first round, and takes the middle one of the others", async () => {
  const waits = [60, 3, 3, 40];
  const contender = worker("slow at first", 0, []);
  const [{ median, min }] = await measure([{
    ...contender,
    run: () => worker("", waits.shift()!, []).run(),
  }], { rounds: 3, repeats: 1 });
  assert(min >= 3 && median >= min && median < 40, `median ${median}, least ${min}`);
});

Deno.test({
  name: "the plain model learns a batch by heart, starts at the loss of ten even classes, and leaks nothing",
  sanitizeOps: true,
  sanitizeResources: true,
  fn: async () => {
    await selectBackend("wasm");
    const before = tf.memory().numTensors;
    const plain = plainBase();
    const count = 20;
    const classes = Uint8Array.from({ length: count }, (_, row) => row % 10);
    // Each class has four bright tokens of its own.
    const pixels = new Float32Array(count * 196);
    classes.forEach((label, row) => pixels.fill(4, row * 196 + label * 16, row * 196 + label * 16 + 16));
    const batch = {
      tokens: tf.tensor3d(pixels, [count, 49, 4]),
      labels: tf.tensor2d(oneHot(classes, 10), [count, 10]),
      count,
    };
    const first = await plain.step(batch);
    assertAlmostEquals(first, Math.log(10), 0.2);
    const settled = tf.memory().numTensors;
    let last = first;
    for (let step = 0; step < 200; step++) last = await plain.step(batch);
    assert(last < first / 2, `loss ${first} became ${last}`);
    assertEquals(tf.memory().numTensors, settled);
    plain.dispose();
    tf.dispose([batch.tokens, batch.labels]);
    assertEquals(tf.memory().numTensors, before);
  },
});

taskTest("--json prints one document with a row for each contender, and leaks no tensor", async () => {
  const { code, stdout, stderr } = await runTask("tasks/bench.ts", [...QUICK, ...ADAPTIVE, "--json"]);
  assertEquals([code, stderr], [0, ""]);
  const { results, models, twins, ops, jax, ...head } = JSON.parse(stdout);
  assertEquals([models, twins, ops, jax], [[], [], [], []]);
  assertMatch(head.backend.description, /^WASM-SIMD on one CPU core with our kernels/);
  assertEquals({ ...head, backend: head.backend.name }, {
    task: "bench",
    backend: "wasm",
    batchSize: 8,
    leaked: 0,
  });
  assertEquals(results.map(({ model }: { model: string }) => model), CONTENDERS);
  for (const row of results) {
    assertEquals(Object.keys(row), ["model", "median_ms", "min_ms", "ratio"]);
    assert(row.min_ms > 0 && row.median_ms >= row.min_ms && row.ratio > 0, JSON.stringify(row));
  }
  assertEquals(results[0].ratio, 1);
});

taskTest("prints a table that says what was measured and on what", async () => {
  const { code, stdout } = await runTask("tasks/bench.ts", [...QUICK, "--backend", "cpu"]);
  assertEquals(code, 0);
  assert(!stdout.includes("Op by op"), "ops are timed on wasm alone");
  assertStringIncludes(
    stdout.replaceAll(/\s+/g, " "),
    "One training step of 8 images on plain JavaScript on one CPU core; 0 tensors leaked.",
  );
  for (const name of CONTENDERS) {
    assertMatch(stdout, new RegExp(`^${name} +\\d+\\.\\d{3} +\\d+\\.\\d{3} +\\d+\\.\\d{2}$`, "m"));
  }
});

taskTest("--help lists every flag and tells which way is better; a wrong command line exits 2", async () => {
  const { code, stdout } = await runTask("tasks/bench.ts", ["--help"]);
  assertEquals(code, 0);
  const timing = ["rounds", "repeats", "only", "models", "ops"];
  const flags = [...timing, "dataset", "data", "batch-size", "seed", "backend", "json", "help"];
  assertEquals([...stdout.matchAll(/^ {2}--([\w-]+)/gm)].map(([, name]) => name).sort(), flags.sort());
  assertStringIncludes(stdout, "lower is better");
  for (
    const [flags, line] of [
      [["--round", "3"], "error: Unknown flag --round: did you mean --rounds? See --help.\n"],
      [["--repeats", "0"], 'error: --repeats: "0" is not an integer of 1 or more. See --help.\n'],
    ] as const
  ) {
    assertEquals(await runTask("tasks/bench.ts", flags), { code: 2, stdout: "", stderr: line });
  }
});

taskTest("stops at Ctrl-C", async () => {
  const begun = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", "tasks/bench.ts", "--dataset", "synthetic", "--rounds", "100000"],
    cwd: new URL("../..", import.meta.url),
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const asked = setTimeout(() => child.kill("SIGINT"), 3000);
  const forced = setTimeout(() => child.kill("SIGKILL"), 15_000);
  const { code } = await child.status;
  clearTimeout(asked);
  clearTimeout(forced);
  assertEquals(code, 130, `it ended after ${performance.now() - begun} ms`);
}, Deno.build.os !== "windows");
