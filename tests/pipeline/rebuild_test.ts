/**
 * From a configuration back to a pipeline: the same configuration, the same id, the same result.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import { inChannels } from "../../datasets/channels.ts";
import { synthetic } from "../../datasets/synthetic.ts";
import { crossEntropy, l2 } from "../../models/losses.ts";
import { adam } from "../../models/optimizers/adam.ts";
import { sgd } from "../../models/optimizers/sgd.ts";
import { disposeParams } from "../../models/params.ts";
import { tokenMeanMlp } from "../../models/token_mean_mlp.ts";
import { adaptive } from "../../models/tokenizers/adaptive.ts";
import { patches1d, patches2d, pixels } from "../../models/tokenizers/patches.ts";
import { augment, circularShift, rolledCopies, zeroShift } from "../../pipeline/augment.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { evaluate } from "../../pipeline/evaluate.ts";
import type { Json, JsonObject } from "../../pipeline/json.ts";
import { load } from "../../pipeline/load.ts";
import { type AnyStage, describe, pipe, run, runConfig, runId, stage } from "../../pipeline/pipe.ts";
import { rebuild, type Registry } from "../../pipeline/rebuild.ts";
import type { Trained } from "../../pipeline/records.ts";
import { registry } from "../../pipeline/registry.ts";
import { type Shifted, shiftEval } from "../../pipeline/shift_eval.ts";
import { tokenize } from "../../pipeline/tokenize.ts";
import { train } from "../../pipeline/train.ts";
import { bitsOf } from "./fixtures.ts";

const tiny = synthetic({ size: 8, train: 30, test: 10, seed: 4 });

const small = pipe(
  load(tiny, { trainSize: 20 }),
  augment(rolledCopies({ max: 1 }), circularShift({ max: 2, axes: "flat" }), zeroShift({ min: 0, max: 1 })),
  tokenize(adaptive(patches1d({ size: 4 }), { order: "canonical" })),
  train(tokenMeanMlp({ embed: 3, hidden: 5 }), {
    optimizer: sgd({ learningRate: 0.1, momentum: 0.5 }),
    epochs: 1,
  }),
  evaluate(),
  shiftEval({ offsets: [0, 3], random: [1, 2], batchSize: 4 }),
);

const PIPELINES: Record<string, AnyStage & { readonly config: JsonObject }> = {
  "all stages": small,
  "load alone": pipe(load(tiny)),
  "every setting of train": pipe(
    load(tiny, { trainSize: 20, testSize: 5 }),
    tokenize(patches2d({ size: 2 })),
    train(tokenMeanMlp(), {
      optimizer: adam({ learningRate: 0.01, beta1: 0.8, beta2: 0.99, epsilon: 1e-6 }),
      loss: l2(),
      batchSize: 7,
      epochs: 3,
      maxInputs: 50,
      evaluateEvery: 2,
      monitor: "valAcc",
      patience: 4,
      keep: "best",
    }),
    evaluate({ loss: l2() }),
    shiftEval({ mode: "zero-2d", offsets: [-1, 1] }),
  ),
  "defaults": pipe(
    load(tiny),
    augment(),
    tokenize(adaptive(pixels())),
    train(tokenMeanMlp(), { optimizer: adam(), maxInputs: 10 }),
    evaluate({ loss: crossEntropy() }),
    shiftEval(),
  ),
  "other channels": pipe(load(inChannels(tiny, 3)), tokenize(patches2d({ size: 2 }))),
  "nested": pipe(load(tiny), tokenize(adaptive(patches2d({ size: 4 }), { order: "random" }))),
};

for (const [name, pipeline] of Object.entries(PIPELINES)) {
  Deno.test(`rebuild: the configuration, written out and read, gives the same configuration and id (${name})`, async () => {
    const read = JSON.parse(JSON.stringify(runConfig(pipeline, { seed: 3, backend: "cpu" })));
    const again = rebuild(read, registry);
    assertEquals(again.config, pipeline.config);
    assertEquals(describe(again), describe(pipeline));
    assertEquals(
      await runId(again, { seed: 3, backend: "cpu" }),
      await runId(pipeline, { seed: 3, backend: "cpu" }),
    );
  });
}

Deno.test("rebuild: the pipelines here have different ids", async () => {
  const ids = await Promise.all(Object.values(PIPELINES).map((pipeline) => runId(pipeline)));
  assertEquals(new Set(ids).size, ids.length);
});

Deno.test({
  name: "rebuild: gives the very same result",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    const again = rebuild(JSON.parse(JSON.stringify(small.config)), registry);
    const [first, second] = [
      await run(small, { seed: 2 }),
      await run(again, { seed: 2 }) as unknown as Trained & Shifted,
    ];
    assertEquals(await bitsOf(second.params), await bitsOf(first.params));
    assertEquals([second.history, second.shift], [first.history, first.shift]);
    disposeParams(first.params);
    disposeParams(second.params);
  },
});

/** The configuration of {@linkcode small} with a part of a stage changed. */
function changed(name: string, part: string, value: unknown): JsonObject {
  const copy = JSON.parse(JSON.stringify(small.config));
  copy.stages.find((each: { name: string }) => each.name === name).config[part] = value;
  return copy;
}

Deno.test("rebuild: names that are not known are refused with those that are", () => {
  const { message } = assertThrows(
    () => rebuild(changed("train", "optimizer", { name: "sdg" }), registry),
    PolyphaseError,
  );
  assertMatch(
    message,
    /^No optimizer is called "sdg" \(known: [^\n]*sgd[^\n]*\): add its builder to the registry$/,
  );
  const unknown: readonly [config: JsonObject, says: string][] = [
    [{ stages: [{ name: "lode", config: {} }] }, 'No stage is called "lode"'],
    [changed("load", "dataset", { name: "imagenet" }), 'No dataset is called "imagenet"'],
    [
      changed("tokenize", "tokenizer", { name: "adaptive", patches: { name: "hexagons" } }),
      'No tokenizer is called "hexagons"',
    ],
    [changed("augment", "augmentations", [{ name: "blur" }]), 'No augmentation is called "blur"'],
    [changed("train", "model", { name: "resnet-9000" }), 'No model is called "resnet-9000"'],
    [changed("train", "loss", { name: "hinge" }), 'No loss is called "hinge"'],
    // What every object has is no builder either.
    [{ stages: [{ name: "constructor", config: {} }] }, 'No stage is called "constructor"'],
    [changed("train", "loss", { name: "toString" }), 'No loss is called "toString"'],
  ];
  for (const [config, says] of unknown) assertThrows(() => rebuild(config, registry), PolyphaseError, says);
});

Deno.test("rebuild: what is no configuration of a run is refused in one line", () => {
  const listless: JsonObject[] = [{}, { stages: [] }, { stages: "load" }, { stages: null }];
  for (const config of listless) {
    assertThrows(
      () => rebuild(config, registry),
      PolyphaseError,
      "The configuration lists no stages: give the config.json",
    );
  }
  const nameless: Json[] = [null, 3, "load", {}, { name: 5 }];
  for (const part of nameless) {
    const { message } = assertThrows(() => rebuild({ stages: [part] }, registry), PolyphaseError);
    assertMatch(
      message,
      /^A stage of the configuration has no name: [^\n]+; give the config\.json of a run$/,
    );
  }
  assertThrows(
    () => rebuild(changed("train", "loss", null), registry),
    PolyphaseError,
    "A loss of the configuration has no name",
  );
});

Deno.test("rebuild: a registry is extended by spreading it", async () => {
  const mine: Registry = {
    ...registry,
    stage: { ...registry.stage, count: ({ to }) => stage("count", { to }, () => ({ to })) },
  };
  const config = { stages: [{ name: "count", config: { to: 5 } }] };
  assertEquals(await run(rebuild(config, mine), { backend: "cpu" }), { to: 5 });
  assertThrows(() => rebuild(config, registry), PolyphaseError, 'No stage is called "count"');
  assertNotEquals(mine.stage, registry.stage);
  assert("load" in mine.stage);
});
