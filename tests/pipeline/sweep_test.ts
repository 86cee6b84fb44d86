/**
 * Sweeps in one thread: cells and their names, rows, what is kept, resuming, failing and stopping.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { tf } from "../../models/backend/tf.ts";
import { sgd } from "../../models/optimizers/sgd.ts";
import { disposeParams } from "../../models/params.ts";
import { tokenMeanMlp } from "../../models/token_mean_mlp.ts";
import { patches1d } from "../../models/tokenizers/patches.ts";
import { decodeModel } from "../../pipeline/checkpoint.ts";
import { AbortedError, PolyphaseError } from "../../pipeline/errors.ts";
import type { JsonObject } from "../../pipeline/json.ts";
import { load } from "../../pipeline/load.ts";
import { pipe, stage } from "../../pipeline/pipe.ts";
import type { Trained } from "../../pipeline/records.ts";
import { type CellResult, defineSweep } from "../../pipeline/sweep.ts";
import { runSweep, type SweepEvent } from "../../pipeline/sweep/run.ts";
import { tokenize } from "../../pipeline/tokenize.ts";
import { train } from "../../pipeline/train.ts";
import { tinyDataset } from "./fixtures.ts";
import { rates } from "./sweep_fixture.ts";
import { memoryStores } from "./sweep_support.ts";

const SANITIZED = { sanitizeOps: true, sanitizeResources: true };

/** A pipeline that makes a number, without a tensor. */
const makes = (value: number) =>
  stage("make", { value }, () => ({ kind: "made" as const, value, parts: { halfOf: value / 2 } }));

const slugs = (results: readonly CellResult[]) => results.map(({ slug }) => slug);

Deno.test("sweep: cells are the matrix in order, then what is included, with typed values", () => {
  const sweep = defineSweep({
    name: "typed",
    axes: { size: [2, 4], order: ["a", "b"] },
    filter: ({ size, order }) => size === 2 || order === "a",
    include: [{ size: 8 }, { order: "c" }],
    pipeline: ({ size, order }) => {
      const known: 2 | 4 | 8 = size;
      const named: "a" | "b" | "c" = order;
      // @ts-expect-error: sizes are numbers
      const wrong: string = size;
      return makes(known + named.length + String(wrong).length);
    },
    // @ts-expect-error: the record has no such field
    columns: (record) => ({ half: record.half }),
  });
  const cells = sweep.cells();
  assertEquals(cells.map(({ index, slug }) => [index, slug]), [
    [0, "size=2_order=a"],
    [1, "size=2_order=b"],
    [2, "size=4_order=a"],
    [4, "size=8_order=a"],
    [5, "size=2_order=c"],
  ]);
  assertEquals(cells[3].values, { size: 8, order: "a" });
  assertEquals(cells[0].config.stages, [{ name: "make", config: { value: 4 } }]);
});

Deno.test("sweep: seeds come from the axis, from outside, or are 0", () => {
  const plain = defineSweep({ name: "plain", axes: {}, pipeline: () => makes(1) });
  assertEquals(plain.cells().map(({ slug, seed }) => [slug, seed]), [["only", 0]]);
  assertEquals(plain.cells({ seeds: [7] }).map(({ slug, seed }) => [slug, seed]), [["only", 7]]);
  assertEquals(plain.cells({ seeds: [7, 8] }).map(({ slug }) => slug), ["seed=7", "seed=8"]);
  assertEquals(plain.cells({ backend: "cpu" })[0].config.backend, "cpu");
  const seeded = defineSweep({ name: "seeded", axes: { seed: [3] }, pipeline: () => makes(1) });
  assertEquals(seeded.cells()[0].seed, 3);
  const refused = assertThrows(() => seeded.cells({ seeds: [1] }), PolyphaseError);
  assertEquals(refused.message, 'Sweep seeded has an axis "seed" already: leave --seed and --seeds out');
  const half = defineSweep({ name: "half", axes: { seed: [0.5] }, pipeline: () => makes(1) });
  assertThrows(() => half.cells(), PolyphaseError, "seed 0.5 is not an integer");
});

Deno.test("sweep: names that a file system could not keep apart are refused, and long ones are cut", () => {
  const twins = defineSweep({ name: "twins", axes: { name: ["a", "A"] }, pipeline: () => makes(1) });
  assertThrows(() => twins.cells(), PolyphaseError, "name=a and name=A could not be told apart");
  const long = defineSweep({
    name: "long",
    axes: { text: ["x".repeat(300), `${"x".repeat(300)}y`] },
    pipeline: () => makes(1),
  });
  const names = long.cells().map(({ slug }) => slug);
  assert(names.every((name) => name.length === 120), `${names}`);
  assertEquals(new Set(names).size, 2);
  const foreign = defineSweep({
    name: "foreign",
    axes: { text: ["猫".repeat(100), "犬".repeat(100), `${"猫".repeat(100)}猫`] },
    pipeline: () => makes(1),
  });
  const short = foreign.cells().map(({ slug }) => slug);
  assertEquals(new Set(short).size, 3);
  for (const name of short) {
    const bytes = new TextEncoder().encode(name).length;
    assert(bytes <= 120 && bytes > 117, `${name} has ${bytes} bytes`);
    assert(/^text=(猫+|犬+)-[0-9a-f]{8}$/.test(name), name);
  }
  const none = defineSweep({ name: "none", axes: { a: [1] }, filter: () => false, pipeline: () => makes(1) });
  assertThrows(() => none.cells(), PolyphaseError, "Sweep none has no cells");
  const stray = defineSweep({
    name: "stray",
    axes: { size: [1] },
    include: [{ sise: 2 }],
    pipeline: () => makes(1),
  });
  assertThrows(() => stray.cells(), PolyphaseError, '"sise", which is no axis: did you mean size?');
});

Deno.test({
  name: "sweep: a trained cell has the standard columns, its axes and the sweep's own, and leaves its model",
  ...SANITIZED,
  async fn() {
    await selectBackend("wasm");
    const before = tf.memory().numTensors;
    const memory = memoryStores();
    const cells = rates([0.1]).cells();
    const { results, failures } = await runSweep(cells, { store: memory.store });
    assertEquals(failures, []);
    const [{ row, history, details }] = results;
    assertEquals(Object.keys(row), [
      "model",
      "params",
      "seed",
      "epochs",
      "train_loss",
      "val_loss",
      "val_acc",
      "seconds",
      "ms_per_step",
      "cell",
      "rate",
      "tenfold",
      "images",
      "nothing",
    ]);
    assertEquals([row.model, row.epochs, row.cell, row.rate, row.tenfold, row.images, row.nothing], [
      "token-mean-mlp",
      2,
      "rate=0.1_seed=0",
      0.1,
      1,
      50,
      null,
    ]);
    assertEquals(row.val_loss, history[1].valLoss);
    assertEquals((details as JsonObject).loads, 1);
    assertEquals(slugs(results), ["rate=0.1_seed=0", "rate=0.1_seed=1"]);
    assert(results[1].row.val_loss !== row.val_loss, "another seed gives other numbers");
    assertEquals(tf.memory().numTensors, before, "tensors are left over");

    const files = [...memory.files.keys()].filter((name) => name.startsWith("rate=0.1_seed=0/")).map((name) =>
      name.split("/")[1]
    );
    assertEquals(files.sort(), ["best.safetensors", "config.json", "model.safetensors", "result.json"]);
    assertEquals(
      JSON.parse(memory.text("rate=0.1_seed=0/result.json")!),
      JSON.parse(JSON.stringify(results[0])),
    );
    assertEquals(JSON.parse(memory.text("rate=0.1_seed=1/config.json")!), {
      cell: "rate=0.1_seed=1",
      values: { rate: 0.1, seed: 1 },
      ...cells[1].config,
    });
    const params = decodeModel(memory.files.get("rate=0.1_seed=0/model.safetensors")!, "model");
    disposeParams(params);
    // The result counts: it comes when all else of the cell is there, and only the checkpoint goes after it.
    const ends = memory.log.filter((entry) => entry.includes("seed=0/")).slice(-2);
    assertEquals(ends, ["+rate=0.1_seed=0/result.json", "-rate=0.1_seed=0/last.safetensors"]);
  },
});

Deno.test({
  name: "sweep: numbers that other stages add become columns, and what is no trained model is no trouble",
  ...SANITIZED,
  async fn() {
    const sweep = defineSweep({
      name: "plain",
      axes: { value: [3, 5], list: [[1, 2]] },
      backend: "cpu",
      pipeline: ({ value }) => makes(value),
    });
    const memory = memoryStores();
    const { results } = await runSweep(sweep.cells(), { store: memory.store });
    assertEquals(results.map(({ row }) => row), [
      { seed: 0, cell: "value=3_list=1,2", value: 3, list: "[1,2]", parts_half_of: 1.5 },
      { seed: 0, cell: "value=5_list=1,2", value: 5, list: "[1,2]", parts_half_of: 2.5 },
    ]);
    assertEquals([...memory.files.keys()].map((name) => name.split("/")[1]), [
      "config.json",
      "result.json",
      "config.json",
      "result.json",
    ]);
  },
});

Deno.test({
  name: "sweep: what is finished is not run again, what failed is, and a broken result counts as none",
  ...SANITIZED,
  async fn() {
    const ran: number[] = [];
    let broken = true;
    const sweep = defineSweep({
      name: "again",
      axes: { value: [1, 2, 3, 4] },
      backend: "cpu",
      pipeline: ({ value }) =>
        stage("try", { value }, () => {
          ran.push(value);
          if (value === 2 && broken) throw new PolyphaseError("2 is odd today\nsecond line");
          if (value === 3 && broken) throw new TypeError("x is not a function");
          return { value };
        }),
    });
    const memory = memoryStores();
    const updates: [number, number][] = [];
    const kept: string[] = [];
    const events: string[] = [];
    const options = {
      store: memory.store,
      update: ({ results, failures }: { results: readonly unknown[]; failures: readonly unknown[] }) => {
        updates.push([results.length, failures.length]);
        return Promise.resolve();
      },
      keep: ({ slug }: CellResult) => Promise.resolve(void kept.push(slug)),
      progress: (event: SweepEvent) => void events.push(`${event.kind} ${event.slug}`),
    };
    const first = await runSweep(sweep.cells(), options);
    assertEquals(first.failures, [
      { slug: "value=2", text: "2 is odd today" },
      { slug: "value=3", text: "TypeError: x is not a function" },
    ]);
    assertEquals(memory.text("value=2/error.txt"), "2 is odd today\n");
    assertEquals(slugs(first.results), ["value=1", "value=4"]);
    assertEquals(updates, [[1, 0], [1, 1], [1, 2], [2, 2]]);
    assertEquals(kept, ["value=1", "value=4"]);
    assertEquals(events.slice(0, 4), [
      "begun value=1",
      "finished value=1",
      "begun value=2",
      "failed value=2",
    ]);

    const untouched = memory.files.get("value=1/result.json");
    memory.files.set("value=4/result.json", new TextEncoder().encode('{"slug": "val'));
    broken = false;
    ran.length = 0;
    const second = await runSweep(sweep.cells(), options);
    assertEquals(ran, [2, 3, 4]);
    assertEquals(slugs(second.results), ["value=1", "value=2", "value=3", "value=4"]);
    assertEquals(second.failures, []);
    assertEquals(memory.files.get("value=1/result.json"), untouched);
    assertEquals(memory.files.has("value=2/error.txt"), false);
  },
});

Deno.test({
  name: "sweep: with only some cells the others are read where they are finished",
  ...SANITIZED,
  async fn() {
    const sweep = defineSweep({
      name: "some",
      axes: { value: [1, 2, 3] },
      backend: "cpu",
      pipeline: ({ value }) => makes(value),
    });
    const { store } = memoryStores();
    const first = await runSweep(sweep.cells(), { store, only: ["value=3"] });
    assertEquals(slugs(first.results), ["value=3"]);
    const events: string[] = [];
    const progress = (event: SweepEvent) => void events.push(`${event.kind} ${event.slug}`);
    const second = await runSweep(sweep.cells(), { store, only: ["value=1"], progress });
    assertEquals(slugs(second.results), ["value=1", "value=3"]);
    // Of the cell that was not asked for nothing is told, so that whoever counts is not told of more than there are.
    assertEquals(events, ["begun value=1", "finished value=1"]);
    const refused = await assertRejects(
      () => runSweep(sweep.cells(), { store, only: ["valu=2"] }),
      PolyphaseError,
    );
    assertEquals(refused.message, 'The sweep has no cell "valu=2": did you mean value=2?');
  },
});

Deno.test({
  name: "sweep: stopped in a cell, it goes on from there to the same bits",
  ...SANITIZED,
  async fn() {
    const whole = await runSweep(rates([0.1], 8).cells(), { store: memoryStores().store });
    const memory = memoryStores();
    const controller = new AbortController();
    const stopped = await assertRejects(
      () =>
        runSweep(rates([0.1], 8).cells(), {
          store: memory.store,
          signal: controller.signal,
          progress: (event) => {
            if (event.slug !== "rate=0.1_seed=1" || event.kind !== "progress") return;
            if ((event.event.done ?? 0) >= 15) controller.abort();
          },
        }),
      AbortedError,
    );
    assertEquals(stopped.message, "Stopped with 1 of 2 cells finished: resume to go on from there");
    assert(memory.files.has("rate=0.1_seed=1/last.safetensors"));
    assert(!memory.files.has("rate=0.1_seed=1/error.txt"), "to be stopped is no failure");
    const firsts: number[] = [];
    const resumed = await runSweep(rates([0.1], 8).cells(), {
      store: memory.store,
      progress: (event) => {
        if (event.kind === "progress" && event.event.stage === "train") firsts.push(event.event.done ?? 0);
      },
    });
    assert(firsts[0] > 15, `it started anew, at step ${firsts[0]}`);
    const bits = ({ results }: { results: readonly CellResult[] }) =>
      results.map(({ history, details }) => [history, (details as JsonObject).bits]);
    assertEquals(bits(resumed), bits(whole));
  },
});

Deno.test({
  name: "sweep: where a stage fails after training, the parameters are freed",
  ...SANITIZED,
  async fn() {
    await selectBackend("wasm");
    const sweep = defineSweep({
      name: "late",
      axes: { value: [1, 2] },
      pipeline: ({ value }) =>
        pipe(
          load(tinyDataset()),
          tokenize(patches1d({ size: 4 })),
          train(tokenMeanMlp({ embed: 4, hidden: 8 }), {
            optimizer: sgd({ learningRate: 0.1 }),
            maxInputs: 32,
          }),
          stage("late", {}, (record: Trained) => {
            if (value === 1) throw new PolyphaseError("too late");
            return { ...record, late: value };
          }),
        ),
    });
    const before = tf.memory().numTensors;
    const { results, failures } = await runSweep(sweep.cells(), { store: memoryStores().store });
    assertEquals(failures, [{ slug: "value=1", text: "too late" }]);
    assertEquals(results.map(({ row }) => row.late), [2]);
    assertEquals(tf.memory().numTensors, before, "tensors are left over");
  },
});

Deno.test({
  name: "sweep: settings of training can be changed from outside, by parts of the registry",
  ...SANITIZED,
  async fn() {
    const cells = rates([0.1], 8).cells({ train: { maxInputs: 20, epochs: undefined }, seeds: undefined });
    const { results } = await runSweep([cells[0]], { store: memoryStores().store });
    assertEquals(results[0].history.at(-1)?.inputs, 20);
    const plain = defineSweep({ name: "plain", axes: {}, pipeline: () => makes(1) });
    assertThrows(() => plain.cells({ train: { epochs: 2 } }), PolyphaseError, 'No stage "train"');
  },
});

Deno.test({
  name: "sweep: a disk that is full ends it, and jobs that cannot be had are refused",
  ...SANITIZED,
  async fn() {
    const sweep = defineSweep({
      name: "full",
      axes: { value: [1, 2] },
      backend: "cpu",
      pipeline: ({ value }) => makes(value),
    });
    await assertRejects(
      () => runSweep(sweep.cells(), { store: memoryStores("result.json").store }),
      Error,
      "the disk is full",
    );
    const { store } = memoryStores();
    for (
      const [jobs, line] of [[0, /whole number of 1 or more/], [1.5, /whole number/], [
        2,
        /give source, or set jobs: 1/,
      ]] as const
    ) {
      const refused = await assertRejects(() => runSweep(sweep.cells(), { store, jobs }), PolyphaseError);
      assertMatch(refused.message, line);
    }
  },
});
