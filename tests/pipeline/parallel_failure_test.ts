/**
 * Data-parallel training that cannot begin or go on: one line that says why, nothing left over, nothing that hangs.
 *
 * @module
 */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { l2 } from "../../models/losses.ts";
import { sgd } from "../../models/optimizers/sgd.ts";
import { tokenMeanMlp } from "../../models/token_mean_mlp.ts";
import { StageError } from "../../pipeline/errors.ts";
import { memoryStore } from "./fixtures.ts";
import { type experiment, outcome, SANITIZED, workerTest } from "./parallel_experiment.ts";
import { breaking, drifting, forgetful, growing, leaving, mine } from "./parallel_registry.ts";

const REGISTRY = import.meta.resolve("./parallel_registry.ts");

/** Runs that must be refused before a worker is of use: what is asked for, and what the one line says. */
const REFUSED: readonly (readonly [name: string, options: Parameters<typeof experiment>[0], line: RegExp])[] =
  [
    [
      "a model that no registry knows",
      { model: mine() },
      /No model is called "mine" .*expected what 2 workers need: give registryModule/,
    ],
    [
      "a model with the configuration of another",
      { model: { ...mine(), config: tokenMeanMlp().config } },
      /The registry makes another model of the configuration of "mine": give yours a name of its own/,
    ],
    [
      "an optimizer that no registry knows",
      { optimizer: drifting() },
      /No optimizer is called "drifting" .*give registryModule/,
    ],
    [
      "a relative address of a registry",
      { model: mine(), registryModule: "./parallel_registry.ts" },
      /registryModule "\.\/parallel_registry\.ts" is not a whole address: give import\.meta\.resolve/,
    ],
    [
      "a registry that is not there",
      { model: mine(), registryModule: import.meta.resolve("./nowhere.ts") },
      /registryModule file:\S+nowhere\.ts does not load/,
    ],
    [
      "a module without a registry",
      { model: mine(), registryModule: import.meta.resolve("./fixtures.ts") },
      /fixtures\.ts has no registry: export one/,
    ],
  ];
for (const [name, options, line] of REFUSED) {
  workerTest(`${name} is refused in one line`, async () => {
    const refused = await assertRejects(() => outcome({ ...options, workers: 2 }), StageError);
    assertMatch(refused.message, /^Cannot run stage "train": [^\n]*$/);
    assertMatch(refused.message, line);
  });
}

/** Runs in which a worker fails: what is asked for, and what the one line says. */
const FAILING: readonly (readonly [name: string, options: Parameters<typeof experiment>[0], line: RegExp])[] =
  [
    [
      "throws",
      { model: breaking() },
      /: worker 1 of 2 ended with "broken on purpose", expected all to finish step 3: /,
    ],
    [
      "closes itself",
      { model: leaving() },
      /: worker [12] of 2 ended with "the worker was told to close or exit", expected all to finish step 1: /,
    ],
    [
      "forgets a promise",
      { model: forgetful() },
      /: worker [12] of 2 ended with "nobody waits for me", expected all to finish step \d+: /,
    ],
    [
      "has an optimizer that is not pure",
      { optimizer: drifting() },
      /: different parameters in the 2 workers, expected the same in all: let the optimizer be a pure function/,
    ],
    [
      "has an optimizer that remembers more than it said",
      { optimizer: growing() },
      /optimizer "growing" remembers more after a step, at first nothing: let its init make all/,
    ],
  ];
for (const [name, options, line] of FAILING) {
  workerTest(`a worker that ${name} ends the run in one line`, async () => {
    const failed = await assertRejects(
      () => outcome({ ...options, workers: 2, registryModule: REGISTRY }),
      StageError,
    );
    assertMatch(failed.message, /^Cannot run stage "train": [^\n]*$/);
    assertMatch(failed.message, line);
  });
}

workerTest("a worker that throws leaves the last checkpoint, to go on from", async () => {
  const checkpoints = memoryStore();
  // Two images and their copies make an epoch of one step, so two evaluations come before the third step.
  const options = { data: { train: 7 }, batchSize: 14, workers: 2, registryModule: REGISTRY };
  const failing = { ...options, model: breaking() };
  await assertRejects(() => outcome(failing, { checkpoints }), StageError, "finish step 3");
  assertEquals(checkpoints.saved.filter((name) => name === "last").length, 2);
  // Its count begins anew, so the third step is taken this time.
  const { history } = await outcome(failing, { checkpoints });
  assertEquals(history.map(({ step }) => step), [1, 2, 3]);
});

workerTest("a loss that is not finite ends as it does with one", async () => {
  const hopeless = { optimizer: sgd({ learningRate: 1e30 }), loss: l2(), workers: 2 };
  await assertRejects(
    () => outcome(hopeless),
    StageError,
    "expected a finite number: lower the learning rate",
  );
});

Deno.test("parallel: more workers than images in a batch are refused", SANITIZED, async () => {
  const refused = await assertRejects(() => outcome({ workers: 16 }), StageError);
  assertMatch(
    refused.message,
    /16 workers for batches of 15, expected at least an image for each: set workers/,
  );
  for (const workers of [0, 1.5, -2]) {
    await assertRejects(
      () => outcome({ workers }),
      StageError,
      `workers ${workers}, expected a whole number`,
    );
  }
});

Deno.test({
  name: "parallel: without permission to read, workers are refused and the default is one",
  permissions: "none",
  ...SANITIZED,
  async fn() {
    const refused = await assertRejects(() => outcome({ workers: 2 }), StageError);
    assertMatch(
      refused.message,
      /: no permission to read \S+, expected what 2 workers need: allow it with --allow-read, or set workers: 1$/,
    );
    assertEquals((await outcome({})).workers, 1);
  },
});

Deno.test("parallel: where memory cannot be shared, workers are refused in one line", SANITIZED, async () => {
  const real = globalThis.SharedArrayBuffer;
  try {
    Object.defineProperty(globalThis, "SharedArrayBuffer", { value: undefined, configurable: true });
    const refused = await assertRejects(() => outcome({ workers: 2 }), StageError);
    assertMatch(refused.message, /: no shared memory here, expected [^\n]*cross-origin isolation[^\n]*$/);
    assertEquals((await outcome({ epochs: 1 })).workers, 1);
  } finally {
    Object.defineProperty(globalThis, "SharedArrayBuffer", {
      value: real,
      configurable: true,
      writable: true,
    });
  }
});
