/**
 * What training can be told beyond how long: buffers of a model, schedules, clipping, evaluations in the middle of an
 * epoch, and evaluations as others did them.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import type { Model } from "../../models/model.ts";
import type { Optimizer } from "../../models/optimizers/optimizer.ts";
import { selectBackend } from "../../models/backend/select.ts";
import { sgd } from "../../models/optimizers/sgd.ts";
import { disposeParams } from "../../models/params.ts";
import { patches1d } from "../../models/tokenizers/patches.ts";
import { tokenMeanMlp } from "../../models/token_mean_mlp.ts";
import { evaluate } from "../../pipeline/evaluate.ts";
import { load } from "../../pipeline/load.ts";
import { normalize } from "../../pipeline/normalize.ts";
import { pipe, run, runConfig } from "../../pipeline/pipe.ts";
import { rebuild } from "../../pipeline/rebuild.ts";
import { registry } from "../../pipeline/registry.ts";
import { StageError } from "../../pipeline/errors.ts";
import { tokenize } from "../../pipeline/tokenize.ts";
import { train, type TrainOptions } from "../../pipeline/train.ts";
import { bitsOf, brightestPixel, brightestPixelRecord, dots, tinyDataset } from "./fixtures.ts";
import { running } from "./parallel_registry.ts";

const SANITIZED = { sanitizeOps: true, sanitizeResources: true };
const SMALL = tokenMeanMlp({ embed: 4, hidden: 8 });

/** Trains on fifty images in batches of 16, four steps an epoch, and gives back the bits and the history. */
async function trained(options: Partial<TrainOptions>, model = SMALL) {
  const pipeline = pipe(
    load(tinyDataset()),
    tokenize(patches1d({ size: 4 })),
    train(model, { optimizer: sgd({ learningRate: 0.2 }), batchSize: 16, epochs: 2, workers: 1, ...options }),
  );
  const record = await run(pipeline, { seed: 3 });
  const bits = await bitsOf(record.params);
  disposeParams(record.params);
  return { bits, history: record.history, parameterCount: record.parameterCount };
}

/** An optimizer that changes nothing and notes the rates and gradients it is given. */
function spy() {
  const rates: number[] = [];
  const norms: number[] = [];
  const optimizer: Optimizer = {
    name: "spy",
    config: { name: "spy" },
    init: () => ({ step: 0, slots: {} }),
    update(params, gradients, { step }, rate = NaN) {
      rates.push(rate);
      const squares = tf.addN(gradients.map((each) => tf.sum(tf.square(each))));
      norms.push(Math.sqrt(squares.dataSync()[0]));
      return { params: params.map((each) => tf.clone(each)), state: { step: step + 1, slots: {} } };
    },
  };
  return { optimizer, rates, norms };
}

Deno.test(
  "train: buffers move with every batch, are saved, and are neither trained nor counted",
  SANITIZED,
  async () => {
    const { bits, parameterCount } = await trained({}, running());
    const plain = await trained({});
    assertEquals(parameterCount, plain.parameterCount);
    assertEquals(Object.keys(bits).length, Object.keys(plain.bits).length + 2);
    const [mean, steps] = ["mean", "steps"].map((name) =>
      new Float32Array(Uint32Array.from(bits[`statistics.${name}`]).buffer)[0]
    );
    assertEquals(steps, 8);
    assert(mean > 0.1, `${mean}`);
  },
);

Deno.test("train: the optimizer is told the factor of each step", SANITIZED, async () => {
  const { optimizer, rates } = spy();
  const seen: number[] = [];
  const factor = (step: number, steps: number) => (seen.push(steps), 1 - step / steps);
  await trained({ optimizer, schedule: { name: "linear", config: { name: "linear" }, factor } });
  assertEquals(rates, [0, 1, 2, 3, 4, 5, 6, 7].map((step) => 1 - step / 8));
  assertEquals(new Set(seen), new Set([8]));
  const unscheduled = spy();
  await trained({ optimizer: unscheduled.optimizer });
  assertEquals(unscheduled.rates, new Array(8).fill(1));
});

Deno.test("train: gradients are clipped before the optimizer sees them", SANITIZED, async () => {
  const free = spy();
  await trained({ optimizer: free.optimizer });
  const limit = Math.min(...free.norms) / 2;
  const clipped = spy();
  await trained({ optimizer: clipped.optimizer, clip: { norm: limit } });
  for (const norm of clipped.norms) assertAlmostEquals(norm / limit, 1, 1e-4);
});

Deno.test("train: a fraction of an epoch between evaluations", SANITIZED, async () => {
  const { history } = await trained({ evaluateEvery: 0.5 });
  assertEquals(history.map(({ step, epoch }) => [step, epoch]), [[2, 0.5], [4, 1], [6, 1.5], [8, 2]]);
  // The evaluations in between change nothing.
  const seldom = await trained({});
  assertEquals((await trained({ evaluateEvery: 0.5 })).bits, seldom.bits);
  await assertRejects(() => trained({ evaluateEvery: 0 }), StageError, "evaluateEvery 0");
});

Deno.test("evaluate: with batches as in training, and the mean of their means", SANITIZED, async () => {
  /** Logits less their mean over the batch in training: what the others in the batch are matters. */
  const centred: Model = {
    ...brightestPixel,
    apply: (params, tokens, options): Tensor => {
      const logits = brightestPixel.apply(params, tokens);
      return options?.training ? tf.sub(logits, tf.mean(logits, 0)) : logits;
    },
  };
  const record = { ...brightestPixelRecord(dots([0, 1, 3], 2, 2), [0, 1, 2]), model: centred };
  const of = async (protocol: Parameters<typeof evaluate>[0]) => {
    const { evaluation } = await run(evaluate(protocol), { backend: "wasm" }, record);
    return evaluation;
  };
  const plain = await of({});
  const bright = 200 / 255;
  const right = Math.log(Math.exp(bright) + 3) - bright;
  const wrong = right + bright;
  assertAlmostEquals(plain.loss, (2 * right + wrong) / 3, 1e-6);
  const means = await of({ protocol: { batchSize: 2, lossMean: "batches" } });
  assertAlmostEquals(means.loss, (right + wrong) / 2, 1e-6);
  const training = await of({ protocol: { batchSize: 3, training: true } });
  assertNotEquals(training.loss, plain.loss);
  // An image alone, less itself, says nothing.
  const alone = await of({ protocol: { batchSize: 1, training: true } });
  assertAlmostEquals(alone.loss, Math.log(4), 1e-6);
  assertEquals([...alone.predictions], [0, 0, 0]);
});

Deno.test("train: schedules, clipping, protocols and normalization rebuild from their configuration", () => {
  const protocol = { batchSize: 64, training: true, lossMean: "batches" } as const;
  const pipeline = pipe(
    load(tinyDataset()),
    normalize({ mean: [0.3], std: [0.5] }),
    tokenize(patches1d({ size: 4 })),
    train(SMALL, {
      optimizer: sgd({ learningRate: 0.1 }),
      epochs: 1,
      clip: { norm: 1 },
      evaluation: protocol,
    }),
    evaluate({ protocol }),
  );
  const config = runConfig(pipeline);
  const withTiny = { ...registry, dataset: { ...registry.dataset, tiny: () => tinyDataset() } };
  assertEquals(runConfig(rebuild(config, withTiny)), config);
});

Deno.test("train: an error in the optimizer leaves no tensors", SANITIZED, async () => {
  await selectBackend("wasm");
  const before = tf.memory().numTensors;
  const update = (): never => {
    throw new Error("broken on purpose");
  };
  await assertRejects(
    () => trained({ optimizer: { ...spy().optimizer, update } }, running()),
    Error,
    "broken on purpose",
  );
  assertEquals(tf.memory().numTensors, before);
});
