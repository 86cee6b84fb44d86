/**
 * Pipelines: order, keys, nesting, replacing, stopping and run ids.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { selectBackend, tensorEngine } from "../../models/backend/select.ts";
import { tf } from "../../models/backend/tf.ts";
import type { Params } from "../../models/model.ts";
import { AbortedError, PolyphaseError } from "../../pipeline/errors.ts";
import {
  describe,
  pipe,
  pipeOf,
  replace,
  run,
  runConfig,
  runId,
  type RunOptions,
  stage,
  VERSION,
} from "../../pipeline/pipe.ts";
import { foldIn, type Key, keyOf } from "../../pipeline/random.ts";

const ON_CPU: RunOptions = { backend: "cpu" };

const begin = (to = 1) => stage("begin", { to }, () => ({ kind: "one" as const, one: to }));
const double = stage("double", {}, (record: { one: number }) => ({
  ...record,
  kind: "two" as const,
  two: 2 * record.one,
}));
const sum = stage("sum", {}, async (record: { one: number; two: number }) => {
  await Promise.resolve();
  return { ...record, kind: "three" as const, three: record.one + record.two };
});

const counted = stage(
  "counted",
  {},
  (record: { kind: "trained"; params: Params }) => ({ ...record, count: 1 }),
);

/** A stage that adds nothing but writes down the key it was given. */
const keyed = <N extends string>(name: N, keys: Map<string, Key>, as: string = name) =>
  stage(name, {}, (record: { one: number }, { key }) => {
    keys.set(as, key);
    return record;
  });

Deno.test("pipe: stages run in order and the record holds what each added", async () => {
  const record = await run(pipe(begin(5), double, sum), ON_CPU);
  assertEquals(record, { kind: "three", one: 5, two: 10, three: 15 });
  const kind: "three" = record.kind;
  assertEquals(kind, "three");
});

Deno.test("pipe: up to ten stages, each seeing all before it", async () => {
  const add = <const N extends string>(name: N) =>
    stage(
      name,
      {},
      (record: object) => ({ names: [...("names" in record ? record.names as string[] : []), name] }),
    );
  const ten = pipe(
    add("a"),
    add("b"),
    add("c"),
    add("d"),
    add("e"),
    add("f"),
    add("g"),
    add("h"),
    add("i"),
    add("j"),
  );
  assertEquals((await run(ten, ON_CPU, {})).names.join(""), "abcdefghij");
  assertEquals(describe(ten), "a → b → c → d → e → f → g → h → i → j");
});

Deno.test("pipe: nested pipelines are flattened and give what the flat one gives", async () => {
  const flat = pipe(begin(2), double, sum);
  const firstTwo = pipe(begin(2), double);
  const nested = pipe(firstTwo, sum);
  assertEquals(describe(nested), "begin → double → sum");
  assertEquals(nested.config, flat.config);
  assertEquals(await run(nested, ON_CPU), await run(flat, ON_CPU));
  const nestedLast = pipe(begin(2), pipe(double, sum));
  assertEquals(nestedLast.config, flat.config);
  assertEquals(await run(nestedLast, ON_CPU), await run(flat, ON_CPU));
});

Deno.test("stage: name and configuration are those given, and one function can serve two stages", () => {
  const apply = () => 1;
  const [a, b] = [stage("a", { x: 1 }, apply), stage("b", {}, apply)];
  assertEquals([a.name, b.name, a.config], ["a", "b", { x: 1 }]);
});

Deno.test("run: an input other than nothing is handed to the first stage", async () => {
  assertEquals((await run(pipe(double, sum), ON_CPU, { one: 4 })).three, 12);
});

Deno.test("run: gives the stage its signal, store, clock and backend, and defaults for what is not said", async () => {
  const checkpoints = { save: () => Promise.resolve(), load: () => Promise.resolve(undefined) };
  const { signal } = new AbortController();
  const look = stage("look", {}, (_: void, given) => ({ kind: "looked" as const, given }));
  const { given } = await run(look, { ...ON_CPU, seed: 9, checkpoints, signal, now: () => 42 });
  assertEquals(given.key, keyOf(9));
  assert(given.signal === signal && given.checkpoints === checkpoints && given.now() === 42);
  assertEquals(given.backend, { name: "cpu", description: "plain JavaScript on one CPU core" });
  const defaults = (await run(look)).given;
  assertEquals(defaults.key, keyOf(0));
  assertEquals(defaults.backend.name, "wasm");
  assertEquals([defaults.signal.aborted, defaults.checkpoints], [false, undefined]);
  assert(defaults.now() <= defaults.now());
});

Deno.test("replace: swaps one stage and leaves the original alone", async () => {
  const original = pipe(begin(1), double, sum);
  const triple = stage("double", { by: 3 }, (record: { one: number }) => ({
    ...record,
    kind: "two" as const,
    two: 3 * record.one,
  }));
  const swapped = replace(original, "double", triple);
  assertEquals((await run(swapped, ON_CPU)).three, 4);
  assertEquals((await run(original, ON_CPU)).three, 3);
  assertNotEquals(await runId(swapped), await runId(original));
  assertEquals(swapped.stages[1].config, { by: 3 });
});

Deno.test("replace: a pipeline can stand in for a stage", async () => {
  const twice = pipe(
    stage("noop", {}, (record: { kind: "one"; one: number }) => record),
    stage("double", {}, (record: { kind: "one"; one: number }) => ({
      ...record,
      kind: "two" as const,
      two: 2 * record.one,
    })),
  );
  const original = pipe(begin(1), double, sum);
  const swapped = replace(original, "double", twice);
  assertEquals(describe(swapped), "begin → noop → double → sum");
  assertEquals((await run(swapped, ON_CPU)).three, 3);
});

Deno.test("replace: checks the new stage against its place", () => {
  const original = pipe(begin(1), double, sum);
  const wrongOutput = stage(
    "double",
    {},
    (record: { one: number }) => ({ ...record, kind: "two" as const, tow: 2 }),
  );
  const wrongInput = stage("double", {}, (record: { zero: number }) => ({
    ...record,
    one: 1,
    kind: "two" as const,
    two: 2,
  }));
  // @ts-expect-error: it does not give `two`
  replace(original, "double", wrongOutput);
  // @ts-expect-error: there is no `zero` at that point
  replace(original, "double", wrongInput);
  // @ts-expect-error: no stage has that name
  const absent = () => replace(original, "triple", double);
  assertThrows(absent, PolyphaseError, "it stands there 0 times, not once");
});

Deno.test("replace: works in a pipeline made of pipelines", async () => {
  const firstTwo = pipe(begin(1), double);
  const nested = pipe(firstTwo, sum);
  const product = stage("sum", {}, (record: { one: number; two: number }) => ({
    ...record,
    kind: "three" as const,
    three: 100 * record.two,
  }));
  assertEquals((await run(replace(nested, "sum", product), ON_CPU)).three, 200);
});

Deno.test("replace: a name that stands twice is refused", () => {
  const echo = stage("echo", {}, (record: { one: number }) => ({ ...record, kind: "one" as const }));
  const twice = pipe(begin(), echo, echo);
  const refused = assertThrows(() => replace(twice, "echo", echo), PolyphaseError);
  assertEquals(
    refused.message,
    'Cannot replace "echo" in begin → echo → echo: it stands there 2 times, not once',
  );
});

Deno.test("keys: inserting a stage does not change the key that the others see", async () => {
  const plain = new Map<string, Key>();
  const longer = new Map<string, Key>();
  await run(pipe(begin(), keyed("a", plain), keyed("b", plain)), { ...ON_CPU, seed: 3 });
  await run(
    pipe(begin(), keyed("new", longer), keyed("a", longer), pipe(keyed("newer", longer), keyed("b", longer))),
    { ...ON_CPU, seed: 3 },
  );
  assertEquals([longer.get("a"), longer.get("b")], [plain.get("a"), plain.get("b")]);
  assertEquals(plain.get("a"), foldIn(keyOf(3), "a"));
  assertEquals(new Set([...longer.values()].map(String)).size, 4);
});

Deno.test("keys: two stages of one name have different keys, and a second run has the same", async () => {
  const keys = new Map<string, Key>();
  const target = pipe(
    begin(),
    keyed("a", keys, "first"),
    keyed("a", keys, "second"),
    keyed("a", keys, "third"),
  );
  await run(target, ON_CPU);
  assertEquals(new Set([...keys.values()].map(String)).size, 3);
  const before = new Map(keys);
  await run(target, ON_CPU);
  assertEquals(keys, before);
  await run(target, { ...ON_CPU, seed: 1 });
  for (const [name, key] of keys) assertNotEquals(key, before.get(name));
});

Deno.test("abort: a signal between two stages stops before the second", async () => {
  const controller = new AbortController();
  let isLateRun = false;
  const stop = stage("stop", {}, (record: { one: number }) => {
    controller.abort();
    return { ...record, kind: "stopped" as const };
  });
  const late = stage("late", {}, (record: { one: number }) => {
    isLateRun = true;
    return record;
  });
  const failed = await assertRejects(
    () => run(pipe(begin(), stop, late), { ...ON_CPU, signal: controller.signal }),
    AbortedError,
  );
  assertEquals([failed.message, isLateRun], [
    'Stopped before stage "late": resume to go on from there',
    false,
  ]);
  const aborted = { ...ON_CPU, signal: AbortSignal.abort() };
  await assertRejects(() => run(pipe(begin(), double), aborted), AbortedError, 'before stage "begin"');
});

Deno.test("pipe: a model is freed where a later stage fails, unless the caller brought it", async () => {
  await selectBackend("cpu");
  const before = tf.memory().numTensors;
  const made = stage("made", {}, () => ({ kind: "trained" as const, params: { a: { b: tf.zeros([2]) } } }));
  const failing = stage("failing", {}, (_: { kind: "trained" }): { kind: "trained" } => {
    throw new PolyphaseError("no luck");
  });
  await assertRejects(() => run(pipe(made, counted, failing), ON_CPU), PolyphaseError, "no luck");
  assertEquals(tf.memory().numTensors, before);
  const brought = await run(made, ON_CPU);
  await assertRejects(() => run(pipe(counted, failing), ON_CPU, brought), PolyphaseError, "no luck");
  assertEquals(tf.memory().numTensors, before + 1);
  tf.dispose(brought.params);
  // What only looks like a model is none of a pipeline's business.
  const other = stage("other", {}, () => ({ kind: "one" as const, params: "text" }));
  const late = stage("late", {}, (_: { kind: "one" }): { kind: "one" } => {
    throw new PolyphaseError("no luck");
  });
  await assertRejects(() => run(pipe(other, late), ON_CPU), PolyphaseError, "no luck");
});

Deno.test("runId: equal for equal configurations, another for another configuration, order, seed or backend", async () => {
  const id = await runId(pipe(begin(1), double, sum), { seed: 2 });
  assertMatch(id, /^[0-9a-f]{64}$/);
  const firstTwo = pipe(begin(1), double);
  assertEquals(await runId(pipe(firstTwo, sum), { seed: 2 }), id);
  const a = stage("a", {}, () => ({}));
  const b = stage("b", {}, () => ({}));
  const others = [
    await runId(pipe(begin(2), double, sum), { seed: 2 }),
    await runId(pipe(begin(1), double, sum), { seed: 3 }),
    await runId(pipe(begin(1), double, sum), { seed: 2, backend: "cpu" }),
    await runId(pipe(begin(1), double), { seed: 2 }),
    await runId(pipeOf([a, b])),
    await runId(pipeOf([b, a])),
  ];
  assertEquals(new Set([id, ...others]).size, 7);
});

Deno.test("runId: two lone stages of different names are different experiments", async () => {
  assertNotEquals(await runId(stage("a", {}, () => ({}))), await runId(stage("b", {}, () => ({}))));
});

Deno.test("runConfig: holds stages, seed, backend and the versions of the engines", () => {
  assertEquals(runConfig(pipe(begin(1), double)), {
    stages: [{ name: "begin", config: { to: 1 } }, { name: "double", config: {} }],
    seed: 0,
    backend: "wasm",
    engines: { polyphase: VERSION, ...tensorEngine },
  });
});
