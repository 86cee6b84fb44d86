/**
 * Fitting support vectors in a worker: the same bits as without one, and one clear line where it cannot be.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { AbortedError, PolyphaseError } from "../../../pipeline/errors.ts";
import { keyOf } from "../../../pipeline/random.ts";
import { predictSvc } from "../../../pipeline/svm/predict_svc.ts";
import { localRunner, startRunner, type SvcRunner } from "../../../pipeline/svm/runner.ts";
import { fitSvc } from "../../../pipeline/svm/svc.ts";
import { permitted } from "../../support.ts";
import { blobs } from "./blobs.ts";

const SANITIZED = { sanitizeOps: true, sanitizeResources: true };

/** Registers a test that is given a runner with a worker. */
function workerTest(
  name: string,
  fn: (runner: SvcRunner) => Promise<void>,
  start?: () => Worker,
): void {
  Deno.test({
    name: `svm runner: ${name} (needs --allow-read)`,
    ignore: !permitted({ name: "read" }),
    ...SANITIZED,
    async fn() {
      const runner = await startRunner(start);
      try {
        await fn(runner);
      } finally {
        runner.close();
      }
    },
  });
}

/** A worker of a few lines. */
const workerOf = (text: string) => () =>
  new Worker(`data:text/javascript,${encodeURIComponent(text)}`, { type: "module" });

const { features, labels } = blobs(keyOf(0), { rows: 300, dims: 8, classes: 4, spread: 1 });

workerTest("a worker fits and predicts as the main thread does, and tells how far it is", async (runner) => {
  assert(runner.isWorker);
  const seen: string[] = [];
  const progress = (done: number, total: number) => seen.push(`${done}/${total}`);
  const svc = await runner.fit(features, labels, { C: 2, progress });
  assertEquals(svc, await fitSvc(features, labels, { C: 2 }));
  assertEquals(seen, ["0/6", "1/6", "2/6", "3/6", "4/6", "5/6", "6/6"]);
  seen.length = 0;
  assertEquals(
    await runner.predict(svc, features, { progress }),
    await predictSvc(svc, features),
  );
  assertEquals([seen[0], seen.at(-1)], ["0/300", "300/300"]);
  // What was sent is still here.
  assertEquals([features.length, labels.length], [2400, 300]);
});

workerTest("an error of the data is the one of the main thread, and the worker goes on", async (runner) => {
  const alone = new Int32Array(300);
  const here = await assertRejects(() => localRunner.fit(features, alone), PolyphaseError);
  const there = await assertRejects(() => runner.fit(features, alone), PolyphaseError);
  assertEquals(there.message, here.message);
  assertEquals((await runner.fit(features, labels)).classes.length, 4);
});

workerTest("an abort ends the worker at once", async (runner) => {
  const large = blobs(keyOf(1), { rows: 3000, dims: 64, classes: 2, spread: 3 });
  const controller = new AbortController();
  const refused = await assertRejects(
    () =>
      runner.fit(large.features, large.labels, {
        signal: controller.signal,
        progress: () => controller.abort(),
      }),
    AbortedError,
  );
  assertMatch(refused.message, /^Stopped while fitting support vectors[^\n]*$/);
  await assertRejects(() => runner.fit(features, labels, { signal: controller.signal }), AbortedError);
});

/** Workers that fail: what they do, and what the one line says. */
const FAILING: readonly (readonly [name: string, text: string, line: RegExp])[] = [
  [
    "throws",
    `onmessage = () => { throw new Error("broken\\non purpose") }; postMessage({ kind: "ready" })`,
    /^Support vectors: the worker ended with "[^"\n]*broken[^"\n]*": give it fewer rows, or [^\n]*worker: false\)$/,
  ],
  [
    "says so",
    `onmessage = () => postMessage({ kind: "failed", text: "no memory", forPerson: false });
     postMessage({ kind: "ready" })`,
    /^Support vectors: the worker ended with "no memory": give it fewer rows/,
  ],
];
for (const [name, text, line] of FAILING) {
  workerTest(`a worker that ${name} ends the fit in one line`, async (runner) => {
    const refused = await assertRejects(() => runner.fit(features, labels), PolyphaseError);
    assertMatch(refused.message, line);
  }, workerOf(text));
}

workerTest("a worker whose modules do not load is done without", (runner) => {
  assert(runner === localRunner);
  return Promise.resolve();
}, workerOf(`throw new Error("not loaded")`));

workerTest("a worker that may not be made is done without", (runner) => {
  assert(runner === localRunner);
  return Promise.resolve();
}, () => {
  throw new DOMException("another origin", "SecurityError");
});

Deno.test({
  name: "svm runner: without permission to read, the main thread does it",
  permissions: "none",
  ...SANITIZED,
  async fn() {
    const runner = await startRunner();
    assertEquals(runner.isWorker, false);
    assertEquals(await runner.fit(features, labels), await fitSvc(features, labels));
  },
});
