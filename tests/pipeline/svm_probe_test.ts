/**
 * The probe with support vectors: what it fits on, what it scores on, and that it is the same wherever it runs.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import type { Split } from "../../datasets/dataset.ts";
import { selectBackend } from "../../models/backend/select.ts";
import { tf } from "../../models/backend/tf.ts";
import type { Model } from "../../models/model.ts";
import { pixels } from "../../models/tokenizers/patches.ts";
import { AbortedError, PolyphaseError } from "../../pipeline/errors.ts";
import { load } from "../../pipeline/load.ts";
import { type ProgressEvent, run } from "../../pipeline/pipe.ts";
import type { Trained } from "../../pipeline/records.ts";
import { predictSvc } from "../../pipeline/svm/predict_svc.ts";
import { fitSvc } from "../../pipeline/svm/svc.ts";
import { type ProbeResult, svmProbe, type SvmProbeOptions } from "../../pipeline/svm_probe.ts";
import { permitted } from "../support.ts";
import { brightestPixel, tinyDataset } from "./fixtures.ts";

const SANITIZED = { sanitizeOps: true, sanitizeResources: true };

/** Its code is the pixels. */
const codingPixels: Model = {
  ...brightestPixel,
  apply(params, tokens, options) {
    const code = brightestPixel.apply(params, tokens, options);
    options?.collect?.("code", code);
    return code;
  },
};

/** Every seventh label is wrong, so that no score is perfect. */
const mislabelled = (split: Split): Split => ({
  ...split,
  labels: split.labels.map((label, row) => row % 7 === 3 ? (label + 1) % 3 : label),
});

/** Two hundred training and ninety test images. */
async function record(model: Model = codingPixels): Promise<Trained> {
  const data = await run(load(tinyDataset({ train: 200, test: 90, size: 3 })), { backend: "wasm" });
  const tokenizer = pixels();
  return {
    ...data,
    train: mislabelled(data.train),
    test: mislabelled(data.test),
    kind: "trained",
    tokenizer,
    grid: tokenizer.grid(data.image),
    model,
    params: {},
    parameterCount: 0,
    history: [],
    timing: { seconds: 0, msPerStep: 0 },
  };
}

/** The code of {@linkcode codingPixels}. */
const codes = (pixels: Uint8Array) => Float32Array.from(pixels, (byte) => byte / 255);

/** What the stage gives with a clock that moves a second at every look. */
async function probe(options: SvmProbeOptions, trained?: Trained): Promise<ProbeResult> {
  let seconds = 0;
  const done = await run(
    svmProbe(options),
    { backend: "wasm", now: () => 1000 * seconds++ },
    trained ?? await record(),
  );
  return done.probe;
}

Deno.test("svmProbe: fits on the first training images, scores on the test images", SANITIZED, async () => {
  const trained = await record();
  const { train, test } = trained;
  const before = tf.memory().numTensors;
  const result = await probe({ fitOn: 60, C: 0.5, worker: false }, trained);
  assertEquals(tf.memory().numTensors, before);
  assert(result.accuracy > 0.5 && result.accuracy < 1);
  const tested = codes(test.images.pixels);
  const score = async (features: Float32Array, labels: Uint8Array) => {
    const svc = await fitSvc(features, labels, { C: 0.5 });
    const predictions = await predictSvc(svc, tested);
    const right = predictions.filter((label, row) => label === test.labels[row]).length;
    return {
      accuracy: right / 90,
      rows: labels.length,
      supportVectors: svc.support.length,
      gamma: svc.gamma,
      fitSeconds: 1,
    };
  };
  assertEquals(result, {
    ...await score(codes(train.images.pixels.subarray(0, 60 * 9)), train.labels.subarray(0, 60)),
    dims: 9,
    resubstitution: await score(tested, test.labels),
  });
});

Deno.test("svmProbe: without resubstitution, and with fewer images than it may take", SANITIZED, async () => {
  const result = await probe({ resubstitution: false, worker: false });
  assertEquals(Object.keys(result).includes("resubstitution"), false);
  assertEquals(result.rows, 200);
  const whole = await probe({ worker: false });
  assertEquals({ ...whole, resubstitution: undefined }, { ...result, resubstitution: undefined });
  assertEquals(whole.resubstitution?.rows, 90);
});

Deno.test({
  name: "svmProbe: a worker gives the same as the main thread (needs --allow-read)",
  ignore: !permitted({ name: "read" }),
  ...SANITIZED,
  async fn() {
    assertEquals(await probe({ gamma: 2 }), await probe({ gamma: 2, worker: false }));
  },
});

Deno.test("svmProbe: tells how far it is", SANITIZED, async () => {
  const events: ProgressEvent[] = [];
  await run(
    svmProbe({ fitOn: 50, worker: false }),
    { backend: "wasm", progress: (event) => events.push(event) },
    await record(),
  );
  assert(events.every(({ stage }) => stage === "svmProbe"));
  const texts = events.map(({ text }) => text);
  assertEquals([...new Set(texts)], [
    "code of training images",
    "code of test images",
    "fitting pairs of classes on training images",
    "scoring the fit on training images",
    "fitting pairs of classes on test images",
    "scoring the fit on test images",
  ]);
  const pairs = events.filter(({ text }) => text === "fitting pairs of classes on training images");
  assertEquals(pairs.map(({ done, total }) => `${done}/${total}`), ["0/3", "1/3", "2/3", "3/3"]);
});

/** Where the stage is told to stop, and whether it has a worker then. */
const STOPS = [
  ["code of training images", false],
  ["code of test images", false],
  ["fitting pairs of classes on training images", false],
  ["fitting pairs of classes on test images", true],
] as const;
for (const [place, worker] of STOPS) {
  Deno.test({
    name: `svmProbe: stops at "${place}" ${worker ? "in a worker (needs --allow-read)" : "in place"}`,
    ignore: worker && !permitted({ name: "read" }),
    ...SANITIZED,
    async fn() {
      const controller = new AbortController();
      const seen = new Set<string>();
      const stopped = await assertRejects(
        async () =>
          await run(svmProbe({ worker }), {
            backend: "wasm",
            signal: controller.signal,
            progress: ({ text }) => {
              seen.add(text);
              if (text === place) controller.abort();
            },
          }, await record()),
        AbortedError,
      );
      assertEquals(stopped.message, 'Stopped in stage "svmProbe": resume to go on after the training');
      assertEquals([...seen].at(-1), place);
    },
  });
}

Deno.test("svmProbe: the configuration holds what determines the result", () => {
  assertEquals(svmProbe().config, {
    C: 1,
    gamma: "scale",
    tolerance: 1e-3,
    fitOn: 10_000,
    resubstitution: true,
  });
  assertEquals(svmProbe({ C: 3, gamma: 0.1, tolerance: 1e-4, fitOn: 7, resubstitution: false }).config, {
    C: 3,
    gamma: 0.1,
    tolerance: 1e-4,
    fitOn: 7,
    resubstitution: false,
  });
  assertEquals(svmProbe({ worker: false }).config, svmProbe().config);
});

Deno.test("svmProbe: what cannot be probed is refused in one line", async () => {
  await selectBackend("wasm");
  for (const fitOn of [1, 2.5, NaN]) {
    assertThrows(() => svmProbe({ fitOn }), PolyphaseError, `fitOn ${fitOn} is no number of images`);
  }
  const trained = await record();
  const { test } = trained;
  const alone = { ...trained, test: { ...test, labels: new Uint8Array(90) } };
  await assertRejects(() => probe({ worker: false }, alone), PolyphaseError, "90 rows are of one class, 0");
  const codeless = await assertRejects(async () => probe({}, await record(brightestPixel)), PolyphaseError);
  assertMatch(codeless.message, /^Model "brightest-pixel" hands no code/);
  const diverged = {
    ...codingPixels,
    apply: (...[params, tokens, options]: Parameters<Model["apply"]>) => {
      const code = tf.mul(brightestPixel.apply(params, tokens), NaN);
      options?.collect?.("code", code);
      return code;
    },
  };
  await assertRejects(
    async () => probe({ worker: false }, await record(diverged)),
    PolyphaseError,
    "feature 0 is NaN",
  );
  // Before anything is trained.
  const settings: [SvmProbeOptions, string][] = [
    [{ C: -1 }, "C -1 is no number greater than 0"],
    [{ gamma: 0 }, "gamma 0 is no number greater than 0"],
    [{ tolerance: NaN }, "tolerance NaN is no number greater than 0"],
  ];
  for (const [options, line] of settings) assertThrows(() => svmProbe(options), PolyphaseError, line);
});
