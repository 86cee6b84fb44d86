/**
 * Resuming: a training run that is stopped after any step and taken up again ends with the bits of one that never was.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { tf } from "../../models/backend/tf.ts";
import { adam } from "../../models/optimizers/adam.ts";
import type { Optimizer } from "../../models/optimizers/optimizer.ts";
import { sgd } from "../../models/optimizers/sgd.ts";
import { disposeParams } from "../../models/params.ts";
import { tokenMeanMlp } from "../../models/token_mean_mlp.ts";
import { adaptive } from "../../models/tokenizers/adaptive.ts";
import { patches1d } from "../../models/tokenizers/patches.ts";
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts";
import { augment, type Augmentation, circularShift, rolledCopies } from "../../pipeline/augment.ts";
import { AbortedError, PolyphaseError } from "../../pipeline/errors.ts";
import { load } from "../../pipeline/load.ts";
import type { Dataset } from "../../datasets/dataset.ts";
import { type CheckpointStore, pipe, run, type RunOptions } from "../../pipeline/pipe.ts";
import { tokenize } from "../../pipeline/tokenize.ts";
import { train, type TrainOptions } from "../../pipeline/train.ts";
import { bitsOf, memoryStore, tinyDataset, type TinyOptions } from "./fixtures.ts";

const SANITIZED = { sanitizeOps: true, sanitizeResources: true };

/** Twenty images in batches of 3 with chance everywhere: 14 steps an epoch, since there are two copies of each. */
function experiment(
  optimizer: Optimizer,
  { between = [], data = {}, tokenizer, ...options }: Partial<TrainOptions> & {
    between?: readonly Augmentation[];
    data?: TinyOptions;
    tokenizer?: Tokenizer;
  } = {},
) {
  return pipe(
    load(tinyDataset({ train: 20, test: 10, ...data })),
    augment(rolledCopies({ max: 1 }), circularShift({ max: 3 }), ...between),
    tokenize(tokenizer ?? adaptive(patches1d({ size: 4 }), { order: "random" })),
    train(tokenMeanMlp({ embed: 4, hidden: 6 }), { optimizer, batchSize: 3, epochs: 4, ...options }),
  );
}

async function outcome(target: ReturnType<typeof experiment>, options: RunOptions) {
  const { params, history, parameterCount } = await run(target, options);
  const bits = await bitsOf(params);
  disposeParams(params);
  return { bits, history, parameterCount };
}

/** Leaves images alone and stops the run while the batch of step `stop` is made; `stop` 0 never stops. */
function stopper(stop: number, controller: AbortController): Augmentation {
  let batches = 0;
  return {
    name: "stopper",
    config: { name: "stopper" },
    copies: 1,
    apply(images) {
      if (++batches === stop) controller.abort();
      return images;
    },
  };
}

const OPTIMIZERS: readonly [name: string, optimizer: Optimizer][] = [
  ["sgd", sgd({ learningRate: 0.3 })],
  ["sgd with momentum", sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 1e-3 })],
  ["adam", adam({ learningRate: 0.01 })],
];

for (const [name, optimizer] of OPTIMIZERS) {
  Deno.test(
    `resume: equals an uninterrupted run bit for bit, wherever it was stopped (${name})`,
    SANITIZED,
    async () => {
      const never = new AbortController();
      const whole = await outcome(experiment(optimizer, { between: [stopper(0, never)] }), { seed: 3 });
      assertEquals(whole.history.map(({ step }) => step), [14, 28, 42, 56]);
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(fc.integer({ min: 1, max: 55 }), { minLength: 1, maxLength: 3 }),
          async (stops) => {
            const checkpoints = memoryStore();
            let done = 0;
            for (const stop of stops.toSorted((a, b) => a - b)) {
              const controller = new AbortController();
              const target = experiment(optimizer, { between: [stopper(stop - done, controller)] });
              const stopped = await assertRejects(
                () => run(target, { seed: 3, checkpoints, signal: controller.signal }),
                AbortedError,
              );
              assertMatch(stopped.message, new RegExp(`^Stopped after step ${stop} of 56: resume`));
              done = stop;
            }
            const target = experiment(optimizer, { between: [stopper(0, never)] });
            assertEquals(await outcome(target, { seed: 3, checkpoints }), whole);
          },
        ),
        { seed: 11, numRuns: 5, examples: [[[14]], [[1, 55]]] },
      );
    },
  );
}

Deno.test("resume: a run that was stopped while it evaluated evaluates first", SANITIZED, async () => {
  const controller = new AbortController();
  const tokenizer = adaptive(patches1d({ size: 4 }), { order: "random" });
  const stopping: Tokenizer = {
    ...tokenizer,
    tokenize(images, options) {
      // Training takes batches of 3, an evaluation the first 500 of the test images.
      if (images.count === 500) controller.abort();
      return tokenizer.tokenize(images, options);
    },
  };
  const target = (tokenizer: Tokenizer) =>
    experiment(sgd({ learningRate: 0.3 }), { tokenizer, data: { test: 1200 }, epochs: 2 });
  const before = tf.memory().numTensors;
  const checkpoints = memoryStore();
  let clock = 0;
  const stopped = await assertRejects(
    () => run(target(stopping), { checkpoints, signal: controller.signal, now: () => clock += 1000 }),
    AbortedError,
  );
  assertMatch(stopped.message, /^Stopped after step 14 of 28: resume/);
  assertEquals(checkpoints.saved, ["last"]);
  const resumed = await outcome(target(tokenizer), { checkpoints });
  assertEquals(resumed, await outcome(target(tokenizer), {}));
  assertEquals(resumed.history.map(({ step }) => step), [14, 28]);
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("resume: a signal from the progress sink stops in the middle of an epoch", SANITIZED, async () => {
  const before = tf.memory().numTensors;
  const target = experiment(sgd({ learningRate: 0.1, momentum: 0.5 }), { epochs: 3 });
  const whole = await outcome(target, {});
  const checkpoints = memoryStore();
  const controller = new AbortController();
  const progress = ({ done }: { done?: number }) => done === 32 && controller.abort();
  const options = { checkpoints, signal: controller.signal, progress };
  await assertRejects(() => run(target, options), AbortedError, "Stopped after step 32 of 42");
  assertEquals(tf.memory().numTensors, before);
  assertEquals(await outcome(target, { checkpoints }), whole);
});

Deno.test(
  "resume: a store that loses everything after its last whole write costs only the steps since",
  SANITIZED,
  async () => {
    const target = experiment(adam(), { keep: "best" });
    const whole = await outcome(target, {});
    const kept = memoryStore();
    let writes = 0;
    // The third write is the second `best` or `last`: the machine goes down after it.
    const failing: CheckpointStore = {
      load: kept.load,
      save: (name, bytes) => ++writes > 3 ? Promise.reject(new Error("power cut")) : kept.save(name, bytes),
    };
    const before = tf.memory().numTensors;
    await assertRejects(() => run(target, { checkpoints: failing }), Error, "power cut");
    assertEquals(tf.memory().numTensors, before);
    assertEquals(await outcome(target, { checkpoints: kept }), whole);
  },
);

Deno.test("resume: a finished run gives its result again without a step", SANITIZED, async () => {
  for (const keep of ["best", "last"] as const) {
    const checkpoints = memoryStore();
    const first = await outcome(experiment(adam({ learningRate: 0.05 }), { keep }), { checkpoints });
    const writes = checkpoints.saved.length;
    let told = 0;
    const again = await outcome(experiment(adam({ learningRate: 0.05 }), { keep }), {
      checkpoints,
      progress: ({ stage }) => {
        if (stage === "train") told++;
      },
    });
    assertEquals(again, first);
    assertEquals([checkpoints.saved.length, told], [writes, 0]);
  }
});

Deno.test("resume: patience goes on counting where it stopped", SANITIZED, async () => {
  const still = sgd({ learningRate: 0 });
  const never = new AbortController();
  const options = { epochs: 9, patience: 3 };
  const whole = await outcome(experiment(still, { ...options, between: [stopper(0, never)] }), {});
  const checkpoints = memoryStore();
  const controller = new AbortController();
  const stopping = experiment(still, { ...options, between: [stopper(30, controller)] });
  await assertRejects(() => run(stopping, { checkpoints, signal: controller.signal }), AbortedError);
  const resumed = await outcome(experiment(still, { ...options, between: [stopper(0, never)] }), {
    checkpoints,
  });
  assertEquals(resumed, whole);
  assert(whole.history.length < 9);
});

const OTHERS: readonly [name: string, change: Parameters<typeof experiment>[1], seed: number][] = [
  ["seed", {}, 1],
  ["batch size", { batchSize: 4 }, 0],
  ["number of epochs", { epochs: 5 }, 0],
  ["number of training images", { data: { train: 21 } }, 0],
  ["number of test images", { data: { test: 11 } }, 0],
  ["augmentation", { between: [circularShift({ max: 1 })] }, 0],
  ["image size", { data: { size: 4 } }, 0],
  ["content of the data set", { data: { seed: 1 } }, 0],
];
for (const [name, change, seed] of OTHERS) {
  Deno.test(`resume: a checkpoint of another ${name} is refused`, SANITIZED, async () => {
    const checkpoints = memoryStore();
    await outcome(experiment(adam(), { epochs: 1 }), { checkpoints });
    const before = tf.memory().numTensors;
    const other = experiment(adam(), { epochs: 1, ...change });
    const refused = await assertRejects(() => run(other, { seed, checkpoints }), PolyphaseError);
    assertMatch(refused.message, /^checkpoint last is of another run[^\n]*: resume with[^\n]*$/);
    assertEquals(tf.memory().numTensors, before);
  });
}

Deno.test(
  "resume: a checkpoint of other test labels, which choose the best evaluation, is refused",
  SANITIZED,
  async () => {
    const checkpoints = memoryStore();
    const options = { train: 20, test: 10 };
    const dataset = tinyDataset(options);
    const relabelled: Dataset = {
      ...dataset,
      async load(...given) {
        const data = await dataset.load(...given);
        return { ...data, test: { ...data.test, labels: data.test.labels.map((label) => (label + 1) % 3) } };
      },
    };
    const learn = (images: Dataset) =>
      pipe(
        load(images),
        tokenize(patches1d({ size: 4 })),
        train(tokenMeanMlp({ embed: 4, hidden: 6 }), { optimizer: adam(), epochs: 1 }),
      );
    const { params } = await run(learn(dataset), { checkpoints });
    disposeParams(params);
    await assertRejects(() => run(learn(relabelled), { checkpoints }), PolyphaseError, "of another run");
  },
);

Deno.test("resume: a checkpoint of another optimizer is refused", SANITIZED, async () => {
  const checkpoints = memoryStore();
  await outcome(experiment(adam(), { epochs: 1 }), { checkpoints });
  const other = experiment(adam({ beta2: 0.99 }), { epochs: 1 });
  await assertRejects(() => run(other, { checkpoints }), PolyphaseError, "of another run");
});

Deno.test("resume: a checkpoint that was cut short is refused in one line", SANITIZED, async () => {
  const checkpoints = memoryStore();
  await outcome(experiment(adam(), { epochs: 1 }), { checkpoints });
  const whole = checkpoints.files.get("last")!;
  for (const length of [0, 7, 100, whole.length - 1]) {
    checkpoints.files.set("last", whole.slice(0, length));
    const refused = await assertRejects(
      () => run(experiment(adam(), { epochs: 1 }), { checkpoints }),
      PolyphaseError,
    );
    assertMatch(refused.message, /^checkpoint last cannot be read as safetensors[^\n]*$/);
  }
});

Deno.test("resume: the optimizer's memory is part of the checkpoint, and matters", SANITIZED, async () => {
  const controller = new AbortController();
  const never = new AbortController();
  const optimizer = sgd({ learningRate: 0.1, momentum: 0.9 });
  const checkpoints = memoryStore();
  const stopping = experiment(optimizer, { between: [stopper(20, controller)] });
  await assertRejects(() => run(stopping, { checkpoints, signal: controller.signal }), AbortedError);
  const going = () => experiment(optimizer, { between: [stopper(0, never)] });
  const bytes = checkpoints.files.get("last")!;
  const resumed = await outcome(going(), { checkpoints });
  // The same file with the momentum set to zero: its arrays are the last ones.
  const forgotten = bytes.slice();
  forgotten.fill(0, forgotten.length - 4 * resumed.parameterCount);
  checkpoints.files.set("last", forgotten);
  assertNotEquals((await outcome(going(), { checkpoints })).bits, resumed.bits);
});
