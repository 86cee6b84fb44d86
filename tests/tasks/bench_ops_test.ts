/**
 * The part of `deno task bench` that times operations: the list, the turns of both sides, leaks, and the command itself.
 *
 * @module
 */

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { hasKernel } from "../../models/backend/ops/fused_kernels.ts";
import { selectBackend } from "../../models/backend/select.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import { AbortedError } from "../../pipeline/errors.ts";
import { compareOps, opLeaks, opsText } from "../../tasks/bench/compare_ops.ts";
import { lines } from "../../tasks/bench/lines.ts";
import { type Op, OPS } from "../../tasks/bench/ops.ts";
import { localSide, type Memory, type Side, TURN_MS } from "../../tasks/bench/side.ts";
import { canRunTasks, runTask } from "../support.ts";

const STRICT = { sanitizeOps: true, sanitizeResources: true };

/** What vanilla TensorFlow.js has no kernel for, so that it cannot train with it. */
const OURS_ALONE = ["einsum", "fft", "fft-prime", "gather-gradient", "conv2d-dw"];

const KEYS = [
  ...[
    "op",
    "shape",
    "median_ms",
    "min_ms",
    "gflops",
    "vanilla_median_ms",
    "vanilla_min_ms",
    "vanilla_gflops",
  ],
  ...["ratio", "memory", "vanilla_memory"],
];

const NONE: Memory = {
  before: { tensors: 2, buffers: 2, bytes: 80 },
  after: { tensors: 2, buffers: 2, bytes: 80 },
};

function taskTest(name: string, fn: () => Promise<void>, also = true): void {
  Deno.test({
    name: `deno task bench ${name} (needs --allow-run --allow-read)`,
    ignore: !canRunTasks() || !also,
    ...STRICT,
    fn,
  });
}

/** A side whose turns take what `ms` says, and which notes its calls. */
function fakeSide(name: string, calls: string[], ms: () => number, can = true): Side {
  return {
    open(op) {
      calls.push(`${name} opens ${op}`);
      return Promise.resolve(can ? null : "no kernel Op");
    },
    turn(repeats) {
      calls.push(`${name}×${repeats}`);
      return Promise.resolve(ms());
    },
    close() {
      calls.push(`${name} closes`);
      return Promise.resolve(NONE);
    },
  };
}

function fakeOp(name: string, flops?: number): Op {
  return { name, shape: "[1]", flops, make: () => ({ run() {}, dispose() {} }) };
}

Deno.test("every op has a name of its own that a flag can hold, and states its shape", () => {
  assertEquals(new Set(OPS.map(({ name }) => name)).size, OPS.length);
  for (const { name, shape } of OPS) {
    assertMatch(name, /^[a-z][a-z0-9-]*$/);
    assertMatch(shape, /\[\d+(, \d+)*\]|^2\.1 M parameters in 48 tensors/);
  }
});

Deno.test("flops are twice the multiplications", () => {
  const flops = Object.fromEntries(OPS.map(({ name, flops }) => [name, flops]));
  for (const form of ["nn", "nt", "tn", "tt"]) assertEquals(flops[`matmul-${form}`], 2 * 512 ** 3);
  assertEquals(flops["linear-dw"], 2 * 1088 * 256 * 512);
  for (const name of ["attention-scores", "attention-output", "attention-dk", "batched-tt"]) {
    const [m, k, n] = { "attention-output": [17, 17, 16], "attention-dk": [17, 17, 16] }[name] ??
      [17, 16, 17];
    assertEquals(flops[name], 2 * 1024 * m * k * n);
  }
  for (const name of ["conv2d", "conv2d-dx", "conv2d-dw"]) {
    assertEquals(flops[name], 2 * 64 * 28 * 28 * 32 * 32 * 9);
  }
  assertEquals(flops.depthwise, 2 * 64 * 28 * 28 * 32 * 9);
  assertEquals([flops.softmax, flops["adam-step"]], [undefined, undefined]);
});

for (const kernels of [true, false]) {
  const on = kernels ? "our kernels" : "vanilla TensorFlow.js";
  Deno.test(
    `every op that ${on} can do runs there, leaks nothing, and frees its inputs`,
    STRICT,
    async () => {
      await selectBackend("wasm", { kernels });
      const start = [tf.memory().numTensors, tf.memory().numBytes, tf.backend().numDataIds()];
      const side = localSide(OPS);
      const unable: string[] = [];
      for (const { name } of OPS) {
        const reason = await side.open(name);
        if (reason !== null) {
          assertMatch(reason, /^no kernel (Conv2DBackpropFilter|Einsum|FFT|UnsortedSegmentSum)$/);
          unable.push(name);
          continue;
        }
        assert(await side.turn(1) > 0);
        const { before, after } = (await side.close())!;
        assertEquals(after, before, name);
        assert(before.tensors > 0 && before.buffers > 0 && before.bytes > 0, name);
        assertEquals([tf.memory().numTensors, tf.memory().numBytes, tf.backend().numDataIds()], start, name);
      }
      assertEquals(unable, kernels ? [] : OURS_ALONE);
      assertEquals(hasKernel("PolyphaseGelu"), kernels);
      await selectBackend("wasm");
    },
  );
}

Deno.test("a turn ends after the repeats, or with the run in which its time is over", STRICT, async () => {
  await selectBackend("wasm");
  let runs = 0;
  let ms = 0;
  const run = () => {
    runs++;
    const end = performance.now() + ms;
    while (performance.now() < end);
  };
  const side = localSide([{ ...fakeOp("op"), make: () => ({ run, dispose() {} }) }]);
  assertEquals(await side.open("op"), null);
  await side.turn(7);
  assertEquals(runs, 7);
  [runs, ms] = [0, TURN_MS + 1];
  const mean = await side.turn(7);
  assertEquals(runs, 1);
  assert(mean >= ms, `a run of ${ms} ms was measured as ${mean}`);
  await side.close();
});

Deno.test("an op that leaks is reported with what it leaked, and the table says so", STRICT, async () => {
  await selectBackend("wasm");
  const kept: Tensor[] = [];
  const leaking: Op = {
    ...fakeOp("leaking"),
    make: () => ({ run: () => void kept.push(tf.zeros([5])), dispose: () => tf.dispose(kept) }),
  };
  const vanilla = fakeSide("vanilla", [], () => 1);
  const rows = await compareOps({
    ops: [leaking],
    ours: localSide([leaking]),
    vanilla,
    rounds: 2,
    repeats: 1,
  });
  assertEquals(opLeaks(rows), ["leaking leaked on our kernels: 3 tensors, 3 buffers, 60 bytes."]);
  const text = opsText(rows);
  assertStringIncludes(text, "see below what leaked.");
  assertMatch(text, /0 → 3 +0 → 60\n\nleaking leaked on our kernels/);
  const turned = rows.map((row) => ({ ...row, memory: NONE, vanilla_memory: row.memory }));
  assertEquals(opLeaks(turned), ["leaking leaked on vanilla TensorFlow.js: 3 tensors, 3 buffers, 60 bytes."]);
});

Deno.test(
  "sides take turns, the first round is thrown away, and ratios are those within a round",
  STRICT,
  async () => {
    const calls: string[] = [];
    const [our, their] = [[100, 1, 2, 4], [100, 10, 10, 80]];
    const rows = await compareOps({
      ops: [fakeOp("product", 6e6)],
      ours: fakeSide("ours", calls, () => our.shift()!),
      vanilla: fakeSide("vanilla", calls, () => their.shift()!),
      rounds: 3,
      repeats: 5,
    });
    const turns = Array.from({ length: 4 }, () => ["ours×5", "vanilla×5"]).flat();
    const opens = ["ours opens product", "vanilla opens product"];
    assertEquals(calls, [...opens, ...turns, "ours closes", "vanilla closes"]);
    assertEquals(Object.keys(rows[0]), KEYS);
    const { shape: _, memory, vanilla_memory, gflops, vanilla_gflops, ...row } = rows[0];
    assertEquals(row, {
      op: "product",
      median_ms: 2,
      min_ms: 1,
      vanilla_median_ms: 10,
      vanilla_min_ms: 10,
      ratio: 10,
    });
    assertEquals([memory, vanilla_memory], [NONE, NONE]);
    assertAlmostEquals(gflops!, 3);
    assertAlmostEquals(vanilla_gflops!, 0.6);
    assertMatch(opsText(rows), /nothing leaked\.\n.*\n.*\n.*\nproduct +\[1\] +2\.000 +1\.000 +3\.0 +10\.000/);
  },
);

Deno.test("what vanilla cannot do shows dashes, and it gets no turn", STRICT, async () => {
  const calls: string[] = [];
  const rows = await compareOps({
    ops: [fakeOp("op")],
    ours: fakeSide("ours", calls, () => 2),
    vanilla: fakeSide("vanilla", calls, () => 2, false),
    rounds: 1,
    repeats: 5,
  });
  assertEquals(calls, ["ours opens op", "vanilla opens op", "ours×5", "ours×5", "ours closes"]);
  const { vanilla_median_ms, vanilla_min_ms, ratio, vanilla_memory } = rows[0];
  assertEquals([vanilla_median_ms, vanilla_min_ms, ratio, vanilla_memory], [null, null, null, null]);
  assertMatch(opsText(rows), /^op +\[1\] +2\.000 +2\.000 +– +– +– +– +– +2 → 2 +80 → 80$/m);
});

Deno.test("a signal stops the comparison between turns", STRICT, async () => {
  const controller = new AbortController();
  const calls: string[] = [];
  const ours = fakeSide("ours", calls, () => {
    controller.abort();
    return 1;
  });
  const vanilla = fakeSide("vanilla", calls, () => 1);
  const comparison = { ops: [fakeOp("op")], ours, vanilla, rounds: 9, repeats: 1 };
  await assertRejects(() => compareOps(comparison, controller.signal), AbortedError);
  assertEquals(calls.filter((call) => call.includes("×")), ["ours×1"]);
});

Deno.test("lines are put together from the parts of a stream", STRICT, async () => {
  const bytes = new TextEncoder().encode("one\ntwö\n\nrest");
  const parts = Array.from(bytes, (_, at) => bytes.slice(at, at + 1));
  for (const stream of [ReadableStream.from([bytes]), ReadableStream.from(parts)]) {
    assertEquals(await Array.fromAsync(lines(stream)), ["one", "twö", ""]);
  }
});

const QUICK = ["--rounds", "2", "--repeats", "2"];

taskTest("--only ops --json has a row for each op that is asked for, and no model", async () => {
  const names = ["softmax", "attention-scores", "gather-gradient"];
  const flags = ["--only", "ops", "--ops", names.join(","), ...QUICK, "--json"];
  const { code, stdout, stderr } = await runTask("tasks/bench.ts", flags);
  assertEquals([code, stderr], [0, ""]);
  const { results, models, ops, jax, leaked } = JSON.parse(stdout);
  assertEquals([results, models, jax, leaked], [[], [], [], 0]);
  assertEquals(
    ops.map(({ op }: { op: string }) => op),
    ["attention-scores", "softmax", "gather-gradient"],
  );
  for (const row of ops) {
    assertEquals(Object.keys(row), KEYS);
    assertEquals(row.memory.after, row.memory.before);
    assert(row.min_ms > 0 && row.median_ms >= row.min_ms, JSON.stringify(row));
    assertEquals(row.gflops !== null, row.op === "attention-scores");
    if (row.op === "gather-gradient") {
      assertEquals([row.vanilla_median_ms, row.ratio, row.vanilla_memory], [null, null, null]);
    } else {
      assert(row.ratio > 0 && row.vanilla_median_ms >= row.vanilla_min_ms && row.vanilla_min_ms > 0);
      // The same inputs on both sides.
      assertEquals(row.vanilla_memory, row.memory);
    }
  }
});

taskTest("prints the ops alone, with a dash for what is no product", async () => {
  const flags = ["--only", "ops", "--ops", "exp", ...QUICK];
  const { code, stdout, stderr } = await runTask("tasks/bench.ts", flags);
  assertEquals([code, stderr], [0, ""]);
  assert(stdout.startsWith("Op by op: our kernels against vanilla"), stdout);
  assertMatch(
    stdout,
    /^exp +\[1088, 512\] +\d+\.\d{3} +\d+\.\d{3} +– +\d+\.\d{3} +\d+\.\d{3} +– +\d+\.\d{2} +1 → 1 +2228224 → 2228224$/m,
  );
});

taskTest("refuses ops that there are not, and flags that leave nothing to time", async () => {
  for (
    const [flags, line] of [
      [["--only", "models", "--ops", "exp"], "--only models and --ops exclude each other: give one of them."],
      [
        ["--only", "ops", "--backend", "cpu"],
        "Twins and ops are timed on the backend wasm, not cpu: leave out --backend.",
      ],
      [
        ["--ops", "exp", "--backend", "cpu"],
        "Twins and ops are timed on the backend wasm, not cpu: leave out --backend.",
      ],
      [["--only", "op"], '--only: "op" is not one of models, twins, ops, jax.'],
      [["--ops", "expo"], `--ops: "expo" is not one of ${OPS.map(({ name }) => name).join(", ")}.`],
    ] as const
  ) {
    assertEquals(await runTask("tasks/bench.ts", flags), {
      code: 2,
      stdout: "",
      stderr: `error: ${line} See --help.\n`,
    });
  }
});

taskTest("stops at Ctrl-C between ops, with the process of vanilla TensorFlow.js", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", "tasks/bench.ts", "--only", "ops", "--rounds", "100000"],
    cwd: new URL("../..", import.meta.url),
    stdin: "null",
    stdout: "null",
    // The child of the child has it too: it closes when both have ended.
    stderr: "piped",
  }).spawn();
  const asked = setTimeout(() => child.kill("SIGINT"), 3000);
  const forced = setTimeout(() => child.kill("SIGKILL"), 15_000);
  const [{ code }, said] = await Promise.all([child.status, new Response(child.stderr).text()]);
  clearTimeout(asked);
  clearTimeout(forced);
  assertEquals(code, 130);
  assertEquals(
    said,
    "Stopping after this step; again to stop at once.\nStopped; nothing is kept of a benchmark\n",
  );
}, Deno.build.os !== "windows");
