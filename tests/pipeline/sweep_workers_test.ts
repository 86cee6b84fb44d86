/**
 * Sweeps in workers: the same results as in one thread, data loaded once, failures, stopping, and what workers cannot do.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { AbortedError, PolyphaseError } from "../../pipeline/errors.ts";
import type { JsonObject } from "../../pipeline/json.ts";
import type { SweepCell } from "../../pipeline/sweep.ts";
import { runSweep, type SweepOptions } from "../../pipeline/sweep/run.ts";
import { CellFailure } from "../../pipeline/sweep/failure.ts";
import { loadSweep, type SweepSource } from "../../pipeline/sweep/source.ts";
import { startThread } from "../../pipeline/sweep/thread.ts";
import { permitted } from "../support.ts";
import { memoryStores } from "./sweep_support.ts";

const FIXTURE = import.meta.resolve("./sweep_fixture.ts");

function workerTest(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name: `sweep in workers: ${name} (needs --allow-read)`,
    ignore: !permitted({ name: "read" }),
    sanitizeOps: true,
    sanitizeResources: true,
    fn,
  });
}

async function cellsOf(source: SweepSource): Promise<SweepCell[]> {
  return (await loadSweep(source)).cells(source.adjustments);
}

async function inWorkers(source: SweepSource, options: Partial<SweepOptions> = {}) {
  return await runSweep(await cellsOf(source), { jobs: 2, source, store: memoryStores().store, ...options });
}

workerTest(
  "every cell comes to the bits that it has in one thread, and each worker loads the data once",
  async () => {
    const source = { module: FIXTURE, input: { learningRates: [0.1, 0.2] } };
    const memory = memoryStores();
    const there = await inWorkers(source, { store: memory.store });
    const here = await runSweep(await cellsOf(source), { store: memoryStores().store });
    const plain = ({ results }: typeof here) =>
      results.map(({ slug, history, details, row }) => [
        slug,
        history,
        (details as JsonObject).bits,
        { ...row, seconds: 0, ms_per_step: 0 },
      ]);
    assertEquals(there.failures, []);
    assertEquals(plain(there), plain(here));
    for (const { details } of there.results) {
      const { loads, cores, workers } = details as JsonObject;
      assertEquals([loads, cores, workers], [
        1,
        Math.max(1, Math.floor(navigator.hardwareConcurrency / 2)),
        1,
      ]);
    }
    assert(memory.files.has("rate=0.2_seed=1/model.safetensors"));
  },
);

workerTest("a cell that fails does not stop the rest", async () => {
  const memory = memoryStores();
  const source = { module: FIXTURE, input: { learningRates: [1e30, 0.2] } };
  const { results, failures } = await inWorkers(source, { store: memory.store });
  assertEquals(results.map(({ slug }) => slug), ["rate=0.2_seed=0", "rate=0.2_seed=1"]);
  assertEquals(failures.map(({ slug }) => slug), ["rate=1e+30_seed=0", "rate=1e+30_seed=1"]);
  assertMatch(
    memory.text("rate=1e+30_seed=0/error.txt")!,
    /^Cannot run stage "train": loss \S+ at step .*\n$/,
  );
});

workerTest("told to stop, they leave checkpoints and go on from them to the same bits", async () => {
  const source = { module: FIXTURE, input: { learningRates: [0.1], epochs: 40 } };
  const memory = memoryStores();
  const controller = new AbortController();
  const stopped = await assertRejects(
    () =>
      inWorkers(source, {
        store: memory.store,
        signal: controller.signal,
        progress: (event) => {
          if (event.kind === "progress" && (event.event.done ?? 0) >= 10) controller.abort();
        },
      }),
    AbortedError,
  );
  assertMatch(stopped.message, /^Stopped with 0 of 2 cells finished: resume to go on from there$/);
  assert(memory.files.has("rate=0.1_seed=0/last.safetensors"));
  const bits = ({ results }: Awaited<ReturnType<typeof inWorkers>>) =>
    results.map(({ history, details }) => [history, (details as JsonObject).bits]);
  const resumed = await inWorkers(source, { store: memory.store });
  assertEquals(bits(resumed), bits(await inWorkers(source)));
});

workerTest("what is changed about the cells reaches them", async () => {
  const { results } = await inWorkers({
    module: FIXTURE,
    input: { learningRates: [0.1, 0.2] },
    adjustments: { train: { maxInputs: 30 }, backend: "cpu" },
  });
  assertEquals(results.map(({ history }) => history.at(-1)?.inputs), [30, 30, 30, 30]);
});

workerTest(
  "a file that cannot be kept fails its cell, and cells that the module has not are refused",
  async () => {
    const source = { module: FIXTURE, input: { learningRates: [0.1, 0.2] } };
    const { failures } = await inWorkers(source, { store: memoryStores("model.safetensors").store });
    assertEquals(failures.map(({ text }) => text), Array(4).fill("Error: the disk is full"));
    const cells = await cellsOf({ module: FIXTURE, input: { learningRates: [0.3] } });
    const strange = await runSweep(cells, { jobs: 2, source, store: memoryStores().store });
    assertMatch(strange.failures[0].text, /has no cell rate=0.3_seed=0 in this worker/);
  },
);

workerTest(
  "one that ends before it is given a cell fails the cell, which would wait for it for ever",
  async () => {
    const ended = Promise.withResolvers<void>();
    const thread = startThread({ module: FIXTURE }, 1, () => {
      const worker = new Worker("data:text/javascript,throw new Error('no memory')", { type: "module" });
      worker.addEventListener("error", () => ended.resolve());
      return worker;
    });
    await ended.promise;
    const services = {
      store: memoryStores().store("any"),
      signal: new AbortController().signal,
      progress: () => {},
    };
    const failure = await assertRejects(() => thread.run("any", services), CellFailure);
    assertMatch(failure.message, /^the worker ended: .*no memory$/);
    assert(!failure.stopped);
    thread.close();
  },
);

Deno.test("sweep: a source must be the whole address of a module with a sweep", async () => {
  const refused = async (module: string) =>
    (await assertRejects(() => loadSweep({ module }), PolyphaseError)).message;
  assertEquals(
    await refused("./sweep.ts"),
    '"./sweep.ts" is not the whole address of a module: give import.meta.resolve("./sweep.ts")',
  );
  assertMatch(
    await refused("data:text/javascript,export default 3"),
    /exports no sweep: write `export default defineSweep/,
  );
  assertMatch(await refused("data:text/javascript,throw new Error('broken')"), /does not load \(broken\)/);
});
