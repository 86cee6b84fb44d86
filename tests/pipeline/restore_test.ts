/**
 * `restore`: a trained model comes back to the bit, and what is no file of this model is refused.
 *
 * @module
 */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { tf } from "../../models/backend/tf.ts";
import { sgd } from "../../models/optimizers/sgd.ts";
import { disposeParams } from "../../models/params.ts";
import { tokenMeanMlp } from "../../models/token_mean_mlp.ts";
import { patches2d } from "../../models/tokenizers/patches.ts";
import { encodeModel } from "../../pipeline/checkpoint.ts";
import { AbortedError, PolyphaseError } from "../../pipeline/errors.ts";
import { evaluate } from "../../pipeline/evaluate.ts";
import { load } from "../../pipeline/load.ts";
import { pipe, run } from "../../pipeline/pipe.ts";
import { rebuild } from "../../pipeline/rebuild.ts";
import { registry } from "../../pipeline/registry.ts";
import { restore } from "../../pipeline/restore.ts";
import { tokenize } from "../../pipeline/tokenize.ts";
import { train } from "../../pipeline/train.ts";
import { tinyDataset } from "./fixtures.ts";

const STRICT = { sanitizeOps: true, sanitizeResources: true };

const data = pipe(load(tinyDataset()), tokenize(patches2d({ size: 4 })));
const options = { seed: 3, backend: "wasm" } as const;

/** A trained model's file as an address that holds its own content, and how the model evaluates. */
async function trainedModel() {
  const learned = train(tokenMeanMlp(), { optimizer: sgd({ learningRate: 0.1 }), epochs: 2 });
  const { params, evaluation, parameterCount } = await run(pipe(data, learned, evaluate()), options);
  const bytes = await encodeModel(params);
  disposeParams(params);
  return { weights: addressOf(bytes), evaluation, parameterCount };
}

function addressOf(bytes: Uint8Array): string {
  return `data:application/octet-stream;base64,${bytes.toBase64()}`;
}

Deno.test(
  "restore: a model comes back to the bit, without a history, and leaves no tensors",
  STRICT,
  async () => {
    const { weights, evaluation, parameterCount } = await trainedModel();
    const before = tf.memory().numTensors;
    const restored = await run(pipe(data, restore(tokenMeanMlp(), { weights }), evaluate()), options);
    assertEquals(restored.evaluation, evaluation);
    assertEquals([restored.kind, restored.parameterCount, restored.history], ["trained", parameterCount, []]);
    disposeParams(restored.params);
    assertEquals(tf.memory().numTensors, before);
  },
);

Deno.test("restore: its configuration makes it again", STRICT, async () => {
  const { weights } = await trainedModel();
  const { config } = restore(tokenMeanMlp(), { weights });
  const { stages: [again] } = rebuild({ stages: [{ name: "restore", config }] }, registry);
  assertEquals([again.name, again.config], ["restore", config]);
});

Deno.test(
  "restore: files of other models, broken ones and none at all are refused in a line",
  STRICT,
  async () => {
    const { weights } = await trainedModel();
    const before = tf.memory().numTensors;
    const tried = (options: { hidden?: number; weights: string }) =>
      run(pipe(data, restore(tokenMeanMlp({ hidden: options.hidden }), options)), { backend: "wasm" });
    await assertRejects(() => tried({ hidden: 7, weights }), PolyphaseError, "build the model of this file");
    await assertRejects(() => tried({ weights: addressOf(new Uint8Array(9)) }), PolyphaseError);
    await assertRejects(
      () => tried({ weights: "file:///nowhere/model.safetensors" }),
      PolyphaseError,
      "No weights at file:///nowhere/model.safetensors",
    );
    assertEquals(tf.memory().numTensors, before);
    assertThrows(
      () => restore(tokenMeanMlp(), { weights: "model.safetensors" }),
      PolyphaseError,
      'restore got weights "model.safetensors", expected an address',
    );
  },
);

Deno.test("restore: stops where the run is to stop", STRICT, async () => {
  const { weights } = await trainedModel();
  const stopped = { ...options, signal: AbortSignal.abort() };
  await assertRejects(() => run(pipe(data, restore(tokenMeanMlp(), { weights })), stopped), AbortedError);
});
