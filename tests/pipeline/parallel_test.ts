/**
 * Data-parallel training: workers give what one thread gives but for rounding, and repeat and resume bit for bit.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { synthetic } from "../../datasets/synthetic.ts";
import type { BackendName } from "../../models/backend/select.ts";
import type { Architecture } from "../../models/model.ts";
import { adam } from "../../models/optimizers/adam.ts";
import { sgd } from "../../models/optimizers/sgd.ts";
import { decodeSafetensors } from "../../models/safetensors.ts";
import { tokenMeanMlp } from "../../models/token_mean_mlp.ts";
import { AbortedError } from "../../pipeline/errors.ts";
import { run, runConfig } from "../../pipeline/pipe.ts";
import { rebuild } from "../../pipeline/rebuild.ts";
import { registry } from "../../pipeline/registry.ts";
import type { TrainOptions } from "../../pipeline/train.ts";
import { pipelineOf } from "../../tasks/fmnist_adaptive/models.ts";
import { canRunRemote, runRemote } from "../support.ts";
import { memoryStore } from "./fixtures.ts";
import { experiment, greatestDifference, outcome, SANITIZED, workerTest } from "./parallel_experiment.ts";
import { mine, running } from "./parallel_registry.ts";

const REGISTRY = import.meta.resolve("./parallel_registry.ts");

for (const backend of ["wasm", "cpu"] satisfies BackendName[]) {
  for (const workers of [2, 3]) {
    workerTest(`${workers} workers on ${backend} repeat bit for bit and give what one does`, async () => {
      const one = await outcome({ workers: 1 }, { backend });
      const several = await outcome({ workers }, { backend });
      assertEquals(await outcome({ workers }, { backend }), several);
      assertEquals([one.workers, several.workers], [1, workers]);
      const difference = greatestDifference(one.bits, several.bits);
      assert(difference < 2e-6, `parameters differ by ${difference}`);
      assertEquals(several.history.length, one.history.length);
      several.history.forEach((row, place) => {
        const other = one.history[place];
        assertEquals([row.step, row.inputs, row.valAcc], [other.step, other.inputs, other.valAcc]);
        assert(Math.abs(row.trainLoss - other.trainLoss) < 1e-6, `${row.trainLoss} ≈ ${other.trainLoss}`);
        assert(Math.abs(row.valLoss - other.valLoss) < 1e-6, `${row.valLoss} ≈ ${other.valLoss}`);
      });
      // The bound says something only if training went much further than that.
      const another = await outcome({ workers: 1 }, { backend, seed: 5 });
      assert(greatestDifference(one.bits, another.bits) > 0.1);
      const shorter = await outcome({ workers: 1, epochs: 2 }, { backend });
      assert(greatestDifference(one.bits, shorter.bits) > 0.01);
    });
  }
}

workerTest("a batch with fewer images than workers leaves some without work", async () => {
  // 16 images in batches of 5: the last holds one, for three workers.
  const options = { data: { train: 8 }, batchSize: 5, epochs: 4 };
  const one = await outcome({ ...options, workers: 1 });
  const three = await outcome({ ...options, workers: 3 });
  assertEquals(three.history.map(({ inputs }) => inputs), [16, 32, 48, 64]);
  assert(greatestDifference(one.bits, three.bits) < 2e-6);
  assert(Math.abs(one.history[3].trainLoss - three.history[3].trainLoss) < 1e-6);
});

for (const optimizer of [sgd({ learningRate: 0.1 }), adam({ learningRate: 0.01 })]) {
  workerTest(`a run with ${optimizer.name} that is stopped goes on to the same bits`, async () => {
    const options = { optimizer, workers: 2, epochs: 6 };
    const whole = await outcome(options);
    const checkpoints = memoryStore();
    const controller = new AbortController();
    const stopped = await assertRejects(
      () =>
        outcome(options, {
          checkpoints,
          signal: controller.signal,
          progress: ({ done }) => done === 32 && controller.abort(),
        }),
      AbortedError,
    );
    assertMatch(stopped.message, /^Stopped after step 32 of 42: resume/);
    const told: string[] = [];
    const resumed = await outcome(options, {
      checkpoints,
      progress: ({ stage, text }) => stage === "train" && told.push(text),
    });
    assertEquals(resumed, whole);
    assertEquals(told, ["token-mean-mlp on 2 workers"].concat(told.slice(1)));
    // A finished run needs no workers to give its result again.
    const starting = globalThis.Worker;
    try {
      globalThis.Worker = class {
        constructor() {
          throw new Error("a worker was started");
        }
      } as unknown as typeof Worker;
      assertEquals(await outcome(options, { checkpoints }), whole);
    } finally {
      globalThis.Worker = starting;
    }
  });
}

workerTest("a signal in the middle of a step ends the run after that step", async () => {
  const controller = new AbortController();
  let calls = 0;
  // The clock is read before and after each step: the fourth reading comes when a step has just been begun.
  const now = () => {
    if (++calls === 4) queueMicrotask(() => controller.abort());
    return 0;
  };
  const checkpoints = memoryStore();
  const stopped = await assertRejects(
    () => outcome({ workers: 2 }, { now, signal: controller.signal, checkpoints }),
    AbortedError,
  );
  assertMatch(stopped.message, /^Stopped after step [12] of 21: resume/);
  assertEquals(checkpoints.saved, ["last"]);
});

workerTest("a signal while workers start ends the run before a step", async () => {
  const controller = new AbortController();
  let calls = 0;
  // The third reading of the clock comes when they have started.
  const now = () => (++calls === 3 && controller.abort(), 0);
  await assertRejects(
    () => outcome({ workers: 2 }, { now, signal: controller.signal }),
    AbortedError,
    "Stopped after step 0 of 21: run again",
  );
});

workerTest("a user's own model trains where its registry is named", async () => {
  const options = { model: mine(), epochs: 1 };
  const two = await outcome({ ...options, workers: 2, registryModule: REGISTRY });
  const one = await outcome({ ...options, workers: 1 });
  assert(greatestDifference(one.bits, two.bits) < 2e-6);
});

workerTest("buffers are the mean of what the workers' shares make of them, and are resumed", async () => {
  // 48 images in even shares: their means together are the mean of the batch.
  const options = {
    model: running(),
    data: { train: 24 },
    batchSize: 12,
    epochs: 4,
    registryModule: REGISTRY,
  };
  const one = await outcome({ ...options, workers: 1 });
  const two = await outcome({ ...options, workers: 2 });
  const steps = new Float32Array(Uint32Array.from(two.bits["statistics.steps"]).buffer);
  assertEquals([...steps], [16]);
  assert(greatestDifference(one.bits, two.bits) < 2e-6);
  const checkpoints = memoryStore();
  const controller = new AbortController();
  const now = () => (checkpoints.saved.includes("best") && controller.abort(), 0);
  await assertRejects(
    () => outcome({ ...options, workers: 2 }, { checkpoints, signal: controller.signal, now }),
    AbortedError,
  );
  assertEquals(await outcome({ ...options, workers: 2 }, { checkpoints }), two);
});

workerTest("schedules and clipping are those of one thread", async () => {
  const schedule = {
    name: "halving",
    config: { name: "halving" },
    factor: (step: number) => 0.5 ** (step / 4),
  };
  const options = { schedule, clip: { norm: 0.05 }, epochs: 2 };
  const one = await outcome({ ...options, workers: 1 });
  const two = await outcome({ ...options, workers: 2 });
  assert(greatestDifference(one.bits, two.bits) < 2e-6);
  const plain = await outcome({ epochs: 2, workers: 1 });
  assert(greatestDifference(one.bits, plain.bits) > 0.01);
});

/** A model whose steps are long enough for workers. */
const WIDE = tokenMeanMlp({ embed: 8, hidden: 4096 });

/** Trains for a run of many long steps, but stops it at once; gives back what the checkpoint says of workers. */
async function chosen(model: Architecture, checkpoints = memoryStore()) {
  const controller = new AbortController();
  const told: string[] = [];
  let calls = 0;
  const options = {
    checkpoints,
    signal: controller.signal,
    now: () => (++calls === 6 && controller.abort(), 0),
    progress: ({ text }: { text: string }) => told.push(text),
  };
  const target = experiment({ model, data: { train: 512, size: 16 }, batchSize: 512, epochs: 500 });
  await assertRejects(() => run(target, options), AbortedError);
  const { metadata } = decodeSafetensors(checkpoints.files.get("last")!, "last");
  return { progress: JSON.parse(metadata.progress), told, checkpoints };
}

workerTest("without a number, long steps take all cores, and a resumed run those it began with", async () => {
  const cores = navigator.hardwareConcurrency;
  const { progress, checkpoints } = await chosen(WIDE);
  assertEquals(progress.workers, cores);
  assert(progress.step >= 1);
  // As on a machine with one core more.
  const real = Object.getOwnPropertyDescriptor(Navigator.prototype, "hardwareConcurrency")!;
  try {
    Object.defineProperty(Navigator.prototype, "hardwareConcurrency", {
      get: () => cores + 1,
      configurable: true,
    });
    assertEquals((await chosen(WIDE, checkpoints)).progress.workers, cores);
  } finally {
    Object.defineProperty(Navigator.prototype, "hardwareConcurrency", real);
  }
});

workerTest("without a number, what cannot travel trains on one core and says so", async () => {
  const { progress, told } = await chosen({ ...WIDE, name: "own", config: { name: "own" } });
  assertEquals(progress.workers, 1);
  if (navigator.hardwareConcurrency > 1) {
    assertMatch(told.join("\n"), /^own on one core: .*No model is called "own"/m);
  }
});

workerTest("without a number, short steps stay on one core with the bits of one", async () => {
  const free = await outcome({});
  assertEquals(free.workers, 1);
  assertEquals(free, await outcome({ workers: 1 }));
});

Deno.test("parallel: the number of workers is part of the configuration where it is given", () => {
  const configOf = (options: Partial<TrainOptions>) =>
    runConfig(experiment(options)).stages as { config: unknown }[];
  assertEquals(Object.hasOwn(configOf({})[3].config as object, "workers"), false);
  assertEquals((configOf({ workers: 2 })[3].config as { workers: number }).workers, 2);
  assertNotEquals(configOf({ workers: 1 }), configOf({}));
  const fmnist = pipelineOf("base", { dataset: synthetic({ size: 14 }), batchSize: 32, workers: 2 });
  const config = runConfig(fmnist);
  assertMatch(JSON.stringify(config), /"workers":2/);
  assertEquals(runConfig(rebuild(config, registry)), config);
});

Deno.test({
  name: "parallel: workers start from a URL, and the process ends " +
    "(needs --allow-run --allow-read --allow-write --allow-net)",
  ignore: !canRunRemote(),
  ...SANITIZED,
  async fn() {
    const script = `import * as pp from "https://raw.githubusercontent.com/polyphase/polyphase/main/mod.ts";
const { workers, history } = await pp.run(pp.pipe(
  pp.load(pp.synthetic({ size: 14, train: 64, test: 16 })),
  pp.tokenize(pp.patches1d({ size: 4 })),
  pp.train(pp.tokenMeanMlp(), { optimizer: pp.sgd({ learningRate: 0.1 }), epochs: 1, workers: 2 }),
), { seed: 0 });
console.log(workers, history.length);
`;
    assertEquals(await runRemote(script, [], { seconds: 60 }), { code: 0, stdout: "2 1\n", stderr: "" });
  },
});
