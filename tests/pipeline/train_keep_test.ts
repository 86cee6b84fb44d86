/**
 * What a training run keeps and hands on when something is wrong: evaluations that come to no number, checkpoints that
 * are lost or damaged, stores that fail, and steps so long that a signal would not be heard.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import type { Architecture } from "../../models/model.ts";
import { adam } from "../../models/optimizers/adam.ts";
import type { Optimizer } from "../../models/optimizers/optimizer.ts";
import { disposeParams } from "../../models/params.ts";
import { patches1d } from "../../models/tokenizers/patches.ts";
import { tokenMeanMlp } from "../../models/token_mean_mlp.ts";
import { augment, type Augmentation } from "../../pipeline/augment.ts";
import { AbortedError, PolyphaseError, StageError } from "../../pipeline/errors.ts";
import { load } from "../../pipeline/load.ts";
import { pipe, run, type RunOptions } from "../../pipeline/pipe.ts";
import { tokenize } from "../../pipeline/tokenize.ts";
import { train, type TrainOptions } from "../../pipeline/train.ts";
import { bitsOf, memoryStore, tinyDataset } from "./fixtures.ts";

const SANITIZED = { sanitizeOps: true, sanitizeResources: true };
const SMALL = tokenMeanMlp({ embed: 4, hidden: 8 });

/** Fifty images in batches of 16: four steps an epoch, three epochs. */
function experiment(
  options: Partial<TrainOptions> = {},
  model: Architecture = SMALL,
  augmentations: readonly Augmentation[] = [],
) {
  return pipe(
    load(tinyDataset()),
    augment(...augmentations),
    tokenize(patches1d({ size: 4 })),
    train(model, { optimizer: adam(), batchSize: 16, epochs: 3, workers: 1, ...options }),
  );
}

/** Runs it, frees its tensors, and gives back what it came to. */
async function outcome(target: ReturnType<typeof experiment>, options: RunOptions = {}) {
  const { params, history } = await run(target, options);
  const bits = await bitsOf(params);
  disposeParams(params);
  return { bits, history };
}

/** The small model, whose first evaluations come to no number. */
function blindAtFirst(evaluations: number): Architecture {
  return {
    ...SMALL,
    build: (shape) => {
      const model = SMALL.build(shape);
      let seen = 0;
      return {
        ...model,
        apply: (params, tokens, options) => {
          const logits = model.apply(params, tokens, options);
          return options?.training || ++seen > evaluations ? logits : tf.mul(logits, NaN);
        },
      };
    },
  };
}

/** Follows the gradient uphill. */
function climbing(): Optimizer {
  return {
    name: "climbing",
    config: { name: "climbing" },
    init: () => ({ step: 0, slots: {} }),
    update: (params, gradients, { step }) => ({
      params: params.map((param, at): Tensor => tf.add(param, tf.mul(gradients[at], 0.2))),
      state: { step: step + 1, slots: {} },
    }),
  };
}

Deno.test(
  "train: a first evaluation that comes to no number is not the best for ever",
  SANITIZED,
  async () => {
    // From the second evaluation on the loss rises, so the second is the best of those that are numbers.
    const uphill = { optimizer: climbing(), keep: "best" } as const;
    const { bits, history } = await outcome(experiment(uphill, blindAtFirst(1)));
    const losses = history.map(({ valLoss }) => valLoss);
    assertEquals(losses.map(Number.isFinite), [false, true, true]);
    assert(losses[1] < losses[2], `${losses}`);
    const { bits: second } = await outcome(experiment({ ...uphill, epochs: 2, keep: "last" }));
    assertEquals(bits, second);
    assertNotEquals(bits, (await outcome(experiment({ ...uphill, keep: "last" }))).bits);
    const patient = await outcome(experiment({ epochs: 9, patience: 2 }, blindAtFirst(1)));
    assert(patient.history.length > 3, `ended after ${patient.history.length} evaluations`);
  },
);

Deno.test(
  "train: losses that are no number come back from a checkpoint as they were",
  SANITIZED,
  async () => {
    const checkpoints = memoryStore();
    const first = await outcome(experiment({}, blindAtFirst(2)), { checkpoints });
    assertEquals(first.history.map(({ valLoss }) => Number.isNaN(valLoss)), [true, true, false]);
    assertEquals(await outcome(experiment({}, blindAtFirst(2)), { checkpoints }), first);
  },
);

Deno.test(
  "train: a finished run whose best is damaged ends in one line without tensors",
  SANITIZED,
  async () => {
    const checkpoints = memoryStore();
    await outcome(experiment({ keep: "best" }), { checkpoints });
    const before = tf.memory().numTensors;
    const best = checkpoints.files.get("best")!;
    const damaged = [best.slice(0, 100), checkpoints.files.get("last")!];
    for (const bytes of damaged) {
      checkpoints.files.set("best", bytes);
      const refused = await assertRejects(
        () => run(experiment({ keep: "best" }), { checkpoints }),
        PolyphaseError,
      );
      assertMatch(refused.message, /^checkpoint best (cannot be read as|holds) [^\n]*$/);
      assertEquals(tf.memory().numTensors, before);
    }
  },
);

Deno.test("train: a best that is lost is not replaced by the last without a word", SANITIZED, async () => {
  const checkpoints = memoryStore();
  const whole = await outcome(experiment({ keep: "best" }), { checkpoints });
  const best = checkpoints.files.get("best")!;
  checkpoints.files.delete("best");
  const before = tf.memory().numTensors;
  const refused = await assertRejects(
    () => run(experiment({ keep: "best" }), { checkpoints }),
    PolyphaseError,
  );
  assertMatch(refused.message, /^There is a checkpoint last of 3 evaluations but no checkpoint best[^\n]*$/);
  assertEquals(tf.memory().numTensors, before);
  checkpoints.files.set("best", best);
  assertEquals(await outcome(experiment({ keep: "best" }), { checkpoints }), whole);
  // Where the last parameters are handed on, nobody misses it.
  const others = memoryStore();
  const last = await outcome(experiment(), { checkpoints: others });
  others.files.delete("best");
  assertEquals(await outcome(experiment(), { checkpoints: others }), last);
});

Deno.test("train: a store that cannot give back the best leaves no tensors", SANITIZED, async () => {
  const kept = memoryStore();
  await outcome(experiment({ keep: "best" }), { checkpoints: kept });
  const before = tf.memory().numTensors;
  const checkpoints = {
    ...kept,
    load: (name: string) => name === "best" ? Promise.reject(new Error("disk")) : kept.load(name),
  };
  await assertRejects(() => run(experiment({ keep: "best" }), { checkpoints }), Error, "disk");
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("train: a setting that is undefined is one that was not given", SANITIZED, async () => {
  const settings = { batchSize: undefined, evaluateEvery: undefined, monitor: undefined, keep: undefined };
  const target = experiment({ ...settings, epochs: 1 });
  assertEquals(target.config, experiment({ batchSize: 32, epochs: 1 }).config);
  const { history } = await outcome(target);
  assertEquals(history.map(({ step, inputs }) => [step, inputs]), [[2, 50]]);
});

Deno.test("train: no training images are refused, not handed on untrained", SANITIZED, async () => {
  for (const length of [{ epochs: 1 }, { epochs: undefined, maxInputs: 10 }]) {
    const empty = pipe(
      load(tinyDataset({ train: 0 })),
      tokenize(patches1d({ size: 4 })),
      train(SMALL, { optimizer: adam(), ...length }),
    );
    await assertRejects(() => run(empty), StageError, "no training images, expected at least one");
  }
});

Deno.test(
  "train: a signal is heard between long steps, and seldom asked for between short ones",
  SANITIZED,
  async () => {
    /** Stops a run of 48 steps by a timer that is set in its third step; gives back what is said in the end. */
    const stopped = async (msPerReading: number) => {
      const controller = new AbortController();
      let batches = 0;
      const timer: Augmentation = {
        name: "timer",
        config: { name: "timer" },
        copies: 1,
        apply(images) {
          if (++batches === 3) setTimeout(() => controller.abort());
          return images;
        },
      };
      let clock = 0;
      const target = experiment({ epochs: 12, evaluateEvery: 20 }, SMALL, [timer]);
      const options = { signal: controller.signal, now: () => clock += msPerReading };
      return (await assertRejects(() => run(target, options), AbortedError)).message;
    };
    assertMatch(await stopped(1000), /^Stopped after step [34] of 48: run again/);
    assertMatch(await stopped(0), /^Stopped after step 32 of 48: run again/);
  },
);
