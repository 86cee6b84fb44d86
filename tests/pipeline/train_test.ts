/**
 * Training: what it learns, where it stops, what it hands on, and what it refuses.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import type { Optimizer } from "../../models/optimizers/optimizer.ts";
import { adam } from "../../models/optimizers/adam.ts";
import { sgd } from "../../models/optimizers/sgd.ts";
import { crossEntropy, l2 } from "../../models/losses.ts";
import { disposeParams } from "../../models/params.ts";
import { tokenMeanMlp } from "../../models/token_mean_mlp.ts";
import { adaptive } from "../../models/tokenizers/adaptive.ts";
import { patches1d } from "../../models/tokenizers/patches.ts";
import { augment, circularShift, rolledCopies } from "../../pipeline/augment.ts";
import { decodeModel } from "../../pipeline/checkpoint.ts";
import { PolyphaseError, StageError } from "../../pipeline/errors.ts";
import { evaluateOn } from "../../pipeline/evaluate.ts";
import { load } from "../../pipeline/load.ts";
import { pipe, run, type RunOptions } from "../../pipeline/pipe.ts";
import { keyOf } from "../../pipeline/random.ts";
import type { Trained } from "../../pipeline/records.ts";
import { tokenize } from "../../pipeline/tokenize.ts";
import { train, type TrainOptions } from "../../pipeline/train.ts";
import { bitsOf, memoryStore, tinyDataset, type TinyOptions } from "./fixtures.ts";

const SANITIZED = { sanitizeOps: true, sanitizeResources: true };
const MODEL = tokenMeanMlp({ embed: 4, hidden: 8 });

/** Fifty images in batches of 16: three whole batches and one of two images an epoch. */
function experiment(options: Partial<TrainOptions>, data: TinyOptions = {}) {
  return pipe(
    load(tinyDataset(data)),
    tokenize(patches1d({ size: 4 })),
    train(MODEL, { optimizer: sgd({ learningRate: 0.2 }), batchSize: 16, ...options }),
  );
}

/** Runs on WASM and frees the parameters. */
async function trained(
  options: Partial<TrainOptions>,
  runOptions: RunOptions = {},
  data?: TinyOptions,
): Promise<Trained> {
  const record = await run(experiment(options, data), runOptions);
  disposeParams(record.params);
  return record;
}

for (const backend of ["wasm", "cpu"] as const) {
  Deno.test(`train: lowers the loss and beats chance on ${backend}`, SANITIZED, async () => {
    const { history, timing, parameterCount } = await trained({ epochs: 25, loss: crossEntropy() }, {
      backend,
    });
    assertEquals(history.length, 25);
    assert(
      history[24].trainLoss < 0.3 * history[0].trainLoss,
      `${history[0].trainLoss} → ${history[24].trainLoss}`,
    );
    assert(history[24].valAcc > 0.9, `accuracy ${history[24].valAcc}, chance is 0.33`);
    assertEquals(parameterCount, 4 * 4 + 4 + 16 * 8 + 8 + 8 * 3 + 3);
    assert(timing.seconds > 0 && timing.msPerStep > 0);
  });
}

Deno.test("train: the same seed gives the same bits, another seed others", SANITIZED, async () => {
  const bits = async (seed: number) => {
    const record = await run(experiment({ epochs: 2 }), { seed });
    const all = await bitsOf(record.params);
    disposeParams(record.params);
    return { all, history: record.history };
  };
  const first = await bits(5);
  assertEquals(await bits(5), first);
  assertNotEquals((await bits(6)).all, first.all);
});

Deno.test(
  "train: the row of an epoch counts every image once, the smaller last batch too",
  SANITIZED,
  async () => {
    // Nothing is learned, so the mean over the batches has to be the mean over the images.
    const record = await run(experiment({ epochs: 2, optimizer: sgd({ learningRate: 0 }) }), {});
    const whole = await evaluateOn(record, record.train, 3, crossEntropy(), keyOf(0));
    disposeParams(record.params);
    assertEquals(record.history.map(({ epoch, step, inputs }) => [epoch, step, inputs]), [[1, 4, 50], [
      2,
      8,
      100,
    ]]);
    for (const { trainLoss } of record.history) assert(Math.abs(trainLoss / whole.loss - 1) < 1e-6);
  },
);

Deno.test("train: an epoch sees every image once, in another order each time", SANITIZED, async () => {
  const seen: number[][] = [];
  const spy = {
    name: "spy",
    config: { name: "spy" },
    copies: 1,
    apply: (images: Parameters<ReturnType<typeof circularShift>["apply"]>[0]) => {
      seen.push(
        Array.from(
          { length: images.count },
          (_, row) => images.pixels[row * 64] * 256 + images.pixels[row * 64 + 1],
        ),
      );
      return images;
    },
  };
  const dataset = tinyDataset();
  const record = await run(
    pipe(
      load(dataset),
      augment(spy),
      tokenize(patches1d({ size: 4 })),
      train(MODEL, { optimizer: sgd({ learningRate: 0.1 }), batchSize: 16, epochs: 2 }),
    ),
    {},
  );
  disposeParams(record.params);
  assertEquals(seen.map((batch) => batch.length), [16, 16, 16, 2, 16, 16, 16, 2]);
  const { train: { images } } = await dataset.load();
  const all = Array.from(
    { length: 50 },
    (_, row) => images.pixels[row * 64] * 256 + images.pixels[row * 64 + 1],
  );
  const [first, second] = [seen.slice(0, 4).flat(), seen.slice(4).flat()];
  assertEquals(first.toSorted(), all.toSorted());
  assertEquals(second.toSorted(), all.toSorted());
  assertNotEquals(first, second);
});

const STOPS: readonly [name: string, options: Partial<TrainOptions>, step: number, inputs: number][] = [
  ["epochs", { epochs: 2 }, 8, 100],
  ["maxInputs in the middle of an epoch", { maxInputs: 32 }, 2, 32],
  ["maxInputs that is no multiple of the batch", { maxInputs: 33 }, 3, 48],
  ["maxInputs of a whole epoch", { maxInputs: 50 }, 4, 50],
  ["maxInputs after an epoch", { maxInputs: 60 }, 5, 66],
  ["the earlier of epochs and maxInputs, epochs", { epochs: 1, maxInputs: 99 }, 4, 50],
  ["the earlier of epochs and maxInputs, maxInputs", { epochs: 3, maxInputs: 99 }, 8, 100],
];
for (const [name, options, step, inputs] of STOPS) {
  Deno.test(`train: stops at ${name}`, SANITIZED, async () => {
    const last = (await trained(options)).history.at(-1)!;
    assertEquals([last.step, last.inputs], [step, inputs]);
    assertEquals(last.epoch, step / 4);
  });
}

Deno.test("train: copies of an augmentation make an epoch longer", SANITIZED, async () => {
  const record = await run(
    pipe(
      load(tinyDataset()),
      augment(rolledCopies({ max: 2 })),
      tokenize(patches1d({ size: 4 })),
      train(MODEL, { optimizer: sgd({ learningRate: 0.1 }), batchSize: 16, epochs: 1 }),
    ),
    {},
  );
  disposeParams(record.params);
  assertEquals([record.history[0].step, record.history[0].inputs], [10, 150]);
});

Deno.test("train: evaluates every so many epochs and at the end", SANITIZED, async () => {
  const { history } = await trained({ epochs: 5, evaluateEvery: 2 });
  assertEquals(history.map(({ epoch }) => epoch), [2, 4, 5]);
});

Deno.test(
  "train: patience ends training after so many evaluations without a new best",
  SANITIZED,
  async () => {
    const still = sgd({ learningRate: 0 });
    assertEquals((await trained({ epochs: 9, optimizer: still, patience: 3 })).history.length, 4);
    assertEquals(
      (await trained({ epochs: 9, optimizer: still, patience: 3, monitor: "valAcc" })).history.length,
      4,
    );
    assertEquals((await trained({ epochs: 9, optimizer: still })).history.length, 9);
  },
);

/** Goes downhill for some steps and uphill from then on, so that the best evaluation is known to be in the middle. */
function turning(at: number): Optimizer {
  return {
    name: "turning",
    config: { name: "turning", at },
    init: () => ({ step: 0, slots: {} }),
    update: (params, gradients, { step }) => ({
      params: params.map((param, index): Tensor =>
        tf.sub(param, tf.mul(gradients[index], step < at ? 0.3 : -0.3))
      ),
      state: { step: step + 1, slots: {} },
    }),
  };
}

for (const withStore of [true, false]) {
  Deno.test(
    `train: keep "best" hands on the best evaluation, ${withStore ? "with" : "without"} a store`,
    SANITIZED,
    async () => {
      const store = withStore ? memoryStore() : undefined;
      const record = await run(experiment({ epochs: 6, optimizer: turning(12), keep: "best" }), {
        checkpoints: store,
      });
      const { loss } = await evaluateOn(record, record.test, 3, crossEntropy(), keyOf(0));
      const losses = record.history.map(({ valLoss }) => valLoss);
      const kept = await bitsOf(record.params);
      if (store) {
        const best = decodeModel(store.files.get("best")!, "best", record.params);
        assertEquals(await bitsOf(best), kept);
        disposeParams(best);
      }
      disposeParams(record.params);
      assertEquals(losses.indexOf(Math.min(...losses)), 2);
      assertEquals(loss, losses[2]);
      const last = await run(experiment({ epochs: 6, optimizer: turning(12) }), {});
      assertNotEquals(await bitsOf(last.params), kept);
      disposeParams(last.params);
    },
  );
}

Deno.test("train: saves `best` at a new best and `last` at every evaluation", SANITIZED, async () => {
  const store = memoryStore();
  await trained({ epochs: 5, optimizer: turning(8) }, { checkpoints: store });
  assertEquals(store.saved, ["best", "last", "best", "last", "last", "last", "last"]);
});

Deno.test(
  "train: a loss that is not finite ends in one line that says where and what to do",
  SANITIZED,
  async () => {
    const before = tf.memory().numTensors;
    const failed = await assertRejects(
      () => trained({ epochs: 3, optimizer: sgd({ learningRate: 1e30 }), loss: l2() }),
      StageError,
    );
    assertMatch(
      failed.message,
      /^Cannot run stage "train": loss (NaN|Infinity) at step \d+ \(epoch 1\), expected a finite number: lower the learning rate[^\n]*$/,
    );
    assertEquals(tf.memory().numTensors, before);
  },
);

Deno.test("train: neither epochs nor maxInputs is refused", SANITIZED, async () => {
  const failed = await assertRejects(() => trained({}), StageError, "neither epochs nor maxInputs");
  assertEquals(failed.fault.stage, "train");
});

const SENSELESS: readonly Partial<TrainOptions>[] = [
  { epochs: 1, batchSize: 0 },
  { epochs: 1, batchSize: 2.5 },
  { epochs: 0 },
  { epochs: 0.3 },
  { maxInputs: 0 },
  { maxInputs: Number.NaN },
  { epochs: 1, evaluateEvery: 0 },
  { epochs: 1, patience: 0 },
];
for (const options of SENSELESS) {
  const { optimizer: _, loss: __, ...shown } = options;
  Deno.test(`train: ${JSON.stringify(shown)} is refused`, SANITIZED, async () => {
    // Without a check some of these train for ever: the clock pulls the plug.
    const controller = new AbortController();
    let ticks = 0;
    const now = () => {
      if (++ticks > 200) controller.abort();
      return 0;
    };
    const refused = await assertRejects(
      async () => await trained(options, { now, signal: controller.signal }),
      PolyphaseError,
    );
    assertEquals(controller.signal.aborted, false, `trained on until it was stopped: ${refused.message}`);
  });
}

Deno.test("train: neither tensors nor bytes pile up over steps, and none are left", SANITIZED, async () => {
  for (const optimizer of [sgd({ learningRate: 0.1 }), sgd({ learningRate: 0.1, momentum: 0.9 }), adam()]) {
    const before = tf.memory();
    const seen: string[] = [];
    const record = await run(
      pipe(
        load(tinyDataset()),
        augment(circularShift({ max: 2 })),
        tokenize(adaptive(patches1d({ size: 4 }), { order: "random" })),
        train(MODEL, { optimizer, batchSize: 1, epochs: 3 }),
      ),
      {
        progress: ({ stage }) => {
          const { numTensors, numBytes } = tf.memory();
          if (stage === "train") seen.push(`${numTensors} tensors, ${numBytes} bytes`);
        },
      },
    );
    // Four turns of the event loop, at steps 32, 64, 96 and 128, and three evaluations.
    assertEquals(seen, new Array(7).fill(seen[0]));
    disposeParams(record.params);
    assertEquals(tf.memory().numTensors, before.numTensors);
    assertEquals(tf.memory().numBytes, before.numBytes);
  }
});

Deno.test("train: a step that fails leaves no tensors", SANITIZED, async () => {
  const before = tf.memory().numTensors;
  let steps = 0;
  const breaking: typeof MODEL = {
    ...MODEL,
    build: (shape) => {
      const model = MODEL.build(shape);
      return {
        ...model,
        apply: (params, tokens, options) => {
          if (++steps === 3) throw new Error("broken on purpose");
          return model.apply(params, tokens, options);
        },
      };
    },
  };
  const broken = pipe(
    load(tinyDataset()),
    tokenize(patches1d({ size: 4 })),
    train(breaking, { optimizer: adam(), batchSize: 16, epochs: 1 }),
  );
  await assertRejects(() => run(broken, {}), Error, "broken on purpose");
  assertEquals(tf.memory().numTensors, before);
});
