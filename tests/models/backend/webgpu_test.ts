/**
 * The GPU gives what the CPU gives: losses, gradients and results under shift of every tokenizer, loss and optimizer,
 * with no tensor left behind; and where it cannot, it says so in one line.
 *
 * Without a GPU these tests are ignored, but for those of having none. On a build server, which sets `CI`, they fail.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { type BackendName, selectBackend } from "../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../models/backend/tf.ts";
import { crossEntropy, l2, type Loss } from "../../../models/losses.ts";
import { adam } from "../../../models/optimizers/adam.ts";
import type { Optimizer } from "../../../models/optimizers/optimizer.ts";
import { sgd } from "../../../models/optimizers/sgd.ts";
import { disposeParams, flatten, unflatten } from "../../../models/params.ts";
import { tokenMeanMlp } from "../../../models/token_mean_mlp.ts";
import { adaptive } from "../../../models/tokenizers/adaptive.ts";
import { patches1d, patches2d, pixels } from "../../../models/tokenizers/patches.ts";
import type { Tokenizer } from "../../../models/tokenizers/tokenizer.ts";
import { augment, circularShift } from "../../../pipeline/augment.ts";
import { makeBatch } from "../../../pipeline/batch.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { evaluate } from "../../../pipeline/evaluate.ts";
import { load } from "../../../pipeline/load.ts";
import { pipe, run } from "../../../pipeline/pipe.ts";
import { predict } from "../../../pipeline/predict.ts";
import { foldIn, keyOf } from "../../../pipeline/random.ts";
import { shiftEval } from "../../../pipeline/shift_eval.ts";
import { tokenize } from "../../../pipeline/tokenize.ts";
import { train } from "../../../pipeline/train.ts";
import { type StepState, trainStep } from "../../../pipeline/train_step.ts";
import { relativeError } from "../../golden.ts";
import { tinyDataset } from "../../pipeline/fixtures.ts";
import { canRunTasks, inTempFolder, permitted, runTask } from "../../support.ts";

/** How far the backends may be apart, relative to the greatest number. */
const TOLERANCE = 1e-4;

/** Steps of training that are compared: what is wrong in one shows in the losses after it. */
const STEPS = 4;

const BATCH = 16;

const hasAdapter = await navigator.gpu?.requestAdapter() != null;
const isBuildServer = permitted({ name: "env", variable: "CI" }) &&
  !["", "false"].includes(Deno.env.get("CI") ?? "");

/** A test that needs a GPU, and perhaps `more`. */
function gpuTest(name: string, fn: () => Promise<void>, more = { needs: "", granted: true }): void {
  Deno.test({
    name: `webgpu: ${name} (needs a GPU${more.needs})`,
    ignore: !more.granted || !(hasAdapter || isBuildServer),
    sanitizeOps: true,
    sanitizeResources: true,
    async fn() {
      await useBackend("webgpu");
      await fn();
    },
  });
}

/** Selects a backend; the GPU then computes small tensors too, which TensorFlow.js would leave to the CPU. */
async function useBackend(name: BackendName): Promise<void> {
  await selectBackend(name);
  if (name === "webgpu") tf.env().set("WEBGPU_CPU_FORWARD", false);
}

/** What is trained, and how. */
interface Recipe {
  readonly tokenizer: Tokenizer;
  readonly loss?: Loss;
  readonly optimizer?: Optimizer;
}

const RECIPES: Readonly<Record<string, Recipe>> = {
  "patches of a flattened image": { tokenizer: patches1d({ size: 4 }) },
  "patches": { tokenizer: patches2d({ size: 2 }) },
  "pixels": { tokenizer: pixels() },
  "adaptive patches": { tokenizer: adaptive(patches1d({ size: 4 })) },
  "adaptive square patches": { tokenizer: adaptive(patches2d({ size: 2 })) },
  "adaptive patches in canonical order": {
    tokenizer: adaptive(patches1d({ size: 4 }), { order: "canonical" }),
  },
  "adaptive patches in random order": { tokenizer: adaptive(patches2d({ size: 4 }), { order: "random" }) },
  "squared differences": { tokenizer: patches2d({ size: 4 }), loss: l2() },
  "momentum": {
    tokenizer: patches2d({ size: 4 }),
    optimizer: sgd({ learningRate: 0.05, momentum: 0.9, nesterov: true, weightDecay: 1e-2 }),
  },
  // A large epsilon: where a gradient is all but zero, Adam would make a whole step of its rounding.
  "Adam": { tokenizer: patches2d({ size: 4 }), optimizer: adam({ learningRate: 0.01, epsilon: 1e-3 }) },
};

/** What a few steps of training came to, as numbers. */
interface Course {
  /** Loss before each step. */
  readonly losses: number[];
  /** Gradient of each parameter before the first step. */
  readonly gradients: Map<string, Float32Array>;
  /** Logits of the test images after the last step, `[count, classes]`. */
  readonly logits: Float32Array;
  /** What TensorFlow.js holds before anything, after each step, and after all is disposed of. */
  readonly memory: { readonly before: Memory; readonly steps: readonly Memory[]; readonly after: Memory };
}

/** Tensors and bytes that are held; on a GPU the buffers that are in use, and those kept to be used again. */
interface Memory {
  readonly tensors: number;
  readonly bytes: number;
  readonly gpu?: number;
  readonly gpuKept?: number;
}

function memory(): Memory {
  const { numTensors, numBytes, ...rest } = tf.memory();
  const { numBytesInGPU, numBytesAllocatedInGPU } = rest as Record<string, unknown> & {
    numBytesInGPU?: number;
    numBytesAllocatedInGPU?: number;
  };
  return { tensors: numTensors, bytes: numBytes, gpu: numBytesInGPU, gpuKept: numBytesAllocatedInGPU };
}

/** Trains on a backend, step by step. */
async function trainOn(backend: BackendName, recipe: Recipe, steps = STEPS): Promise<Course> {
  const { tokenizer, loss = crossEntropy(), optimizer = sgd({ learningRate: 0.1 }) } = recipe;
  const prepare = pipe(load(tinyDataset()), augment(circularShift({ max: 2 })), tokenize(tokenizer));
  const data = await run(prepare, { backend });
  await useBackend(backend);
  const before = memory();
  const key = keyOf(7);
  const model = tokenMeanMlp({ embed: 8, hidden: 24 }).build({
    grid: data.grid,
    classes: data.classes.length,
  });
  const entries = flatten(model.init(key));
  const names = entries.map(([name]) => name);
  const leaves = entries.map(([, leaf]) => leaf);
  let state: StepState = { names, leaves, optimizer: optimizer.init(leaves) };
  const params = () => unflatten(state.leaves.map((leaf, index) => [names[index], leaf]));

  const losses: number[] = [];
  const gradients = new Map<string, Float32Array>();
  const held: Memory[] = [];
  for (let step = 0; step < steps; step++) {
    const picks = Uint32Array.from(
      { length: BATCH },
      (_, index) => (step * BATCH + index) % data.train.images.count,
    );
    const batch = await makeBatch(data, picks, foldIn(key, step), { model, params: params() });
    if (step === 0) {
      const { value, grads } = tf.valueAndGrads((...values: Tensor[]) => {
        const tree = unflatten(values.map((each, index) => [names[index], each]));
        return loss.apply(model.apply(tree, batch.tokens, { training: true }), batch.labels).asScalar();
      })([...state.leaves]);
      for (const [index, name] of names.entries()) {
        gradients.set(name, await grads[index].data() as Float32Array);
      }
      tf.dispose([value, grads]);
    }
    const done = await trainStep({ model, loss, optimizer }, state, batch, foldIn(key, step));
    state = done.state;
    tf.dispose([batch.tokens, batch.labels]);
    losses.push(done.loss);
    held.push(memory());
  }
  const logits = await predict({ ...data, model, params: params() }, data.test.images, key);
  disposeParams(params());
  tf.dispose(Object.values(state.optimizer.slots).flat());
  return { losses, gradients, logits, memory: { before, steps: held, after: memory() } };
}

function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  const error = relativeError(actual, expected);
  assert(error < TOLERANCE, `${what}: ${error} apart`);
}

gpuTest("is started, names its adapter and prints nothing", async () => {
  const said: unknown[] = [];
  const { log, warn, error } = console;
  console.log = console.warn = console.error = (...words: unknown[]) => said.push(...words);
  try {
    const { name, description } = await selectBackend("webgpu");
    assertEquals([name, tf.getBackend()], ["webgpu", "webgpu"]);
    assertMatch(description, /^WebGPU on (?!undefined)\S.+$/);
    const info = (await navigator.gpu.requestAdapter({ powerPreference: "high-performance" }))!.info;
    assertEquals(description.endsWith(", in software on the CPU"), info.isFallbackAdapter);
    assertStringIncludes(description, info.description);
  } finally {
    Object.assign(console, { log, warn, error });
  }
  assertEquals(said, []);
});

for (const [name, recipe] of Object.entries(RECIPES)) {
  gpuTest(`losses, gradients and logits are those of WASM: ${name}`, async () => {
    const expected = await trainOn("wasm", recipe);
    const actual = await trainOn("webgpu", recipe);
    assert(actual.memory.steps[0].gpu! > 0, "nothing was computed on the GPU");
    assert(expected.losses.every((loss, step) => step === 0 || loss !== expected.losses[step - 1]));
    for (const [step, loss] of expected.losses.entries()) {
      assertClose([actual.losses[step]], [loss], `loss ${step + 1}`);
    }
    assertEquals([...actual.gradients.keys()], [...expected.gradients.keys()]);
    for (const [param, gradient] of expected.gradients) {
      assert(gradient.some((value) => value !== 0), `the gradient of ${param} is zero`);
      assertClose(actual.gradients.get(param)!, gradient, `gradient of ${param}`);
    }
    assertClose(actual.logits, expected.logits, "logits");
  });
}

/** No tensor and no byte more with every step, and none at all at the end. */
async function assertNoLeak(backend: BackendName): Promise<void> {
  const recipe = {
    tokenizer: adaptive(patches1d({ size: 4 })),
    optimizer: sgd({ learningRate: 0.1, momentum: 0.9 }),
  };
  // The first run fills the stock of buffers that the backend keeps to use again.
  await trainOn(backend, recipe, 2);
  const { before, steps, after } = (await trainOn(backend, recipe, 8)).memory;
  for (const each of steps) assertEquals(each, steps[0]);
  assertEquals({ ...after, gpuKept: undefined }, { ...before, gpuKept: undefined });
}

gpuTest("no tensor and no GPU memory leaks", () => assertNoLeak("webgpu"));

for (const backend of ["cpu", "wasm"] as const) {
  Deno.test({
    name: `${backend}: no tensor leaks`,
    sanitizeOps: true,
    sanitizeResources: true,
    fn: () => assertNoLeak(backend),
  });
}

gpuTest("a whole pipeline gives what it gives on WASM", async () => {
  const experiment = pipe(
    load(tinyDataset()),
    augment(circularShift({ max: 2 })),
    tokenize(adaptive(patches1d({ size: 4 }))),
    train(tokenMeanMlp({ embed: 8, hidden: 24 }), {
      optimizer: sgd({ learningRate: 0.1 }),
      batchSize: BATCH,
      epochs: 2,
      keep: "best",
    }),
    evaluate(),
    shiftEval({ offsets: [-3, 3] }),
  );
  const expected = await run(experiment, { seed: 3, backend: "wasm" });
  const actual = await run(experiment, { seed: 3, backend: "webgpu" });
  assertEquals(actual.history.length, 2);
  for (const [row, { trainLoss, valLoss, valAcc }] of expected.history.entries()) {
    assertClose([actual.history[row].trainLoss], [trainLoss], `training loss ${row}`);
    assertClose([actual.history[row].valLoss], [valLoss], `validation loss ${row}`);
    assertEquals(actual.history[row].valAcc, valAcc);
  }
  assertEquals(actual.evaluation.confusion, expected.evaluation.confusion);
  assertEquals(actual.shift, expected.shift);
  disposeParams(expected.params);
  disposeParams(actual.params);
});

gpuTest("what the GPU refuses is thrown by the next read, and by no other", async () => {
  const { device } = tf.backend() as unknown as { device: GPUDevice };
  const ones = tf.ones([64, 64]);
  const twos = tf.add(ones, 1);
  // No buffer can be mapped both for reading and for writing.
  device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.MAP_WRITE });
  const { message } = await assertRejects(() => twos.data(), PolyphaseError);
  assertMatch(message, /^The GPU could not do its work \([^\n]+\): use a smaller batch[^\n]+$/);
  const threes = tf.add(twos, 1);
  assertEquals(new Set(await threes.data()), new Set([3]));
  tf.dispose([ones, twos, threes]);
});

Deno.test({
  name: "webgpu: having no GPU is said in one line, and the backend in use stays",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    await selectBackend("cpu");
    const { gpu } = navigator;
    const cases = [
      [{ requestAdapter: () => Promise.resolve(null) }, "no GPU adapter was found"],
      [undefined, "this runtime has no WebGPU"],
    ] as const;
    try {
      for (const [stand, reason] of cases) {
        Object.defineProperty(navigator, "gpu", { value: stand, configurable: true });
        const { message } = await assertRejects(() => selectBackend("webgpu"), PolyphaseError, reason);
        assertMatch(message, /^Backend "webgpu" does not start here \([^\n]+\): install the driver [^\n]+$/);
        assertEquals(tf.getBackend(), "cpu");
      }
    } finally {
      Object.defineProperty(navigator, "gpu", { value: gpu, configurable: true });
    }
  },
});

Deno.test({
  name:
    "webgpu: nothing reads a tensor in the middle of a call, where Deno has no GPU to ask (needs --allow-read)",
  ignore: !permitted({ name: "read" }),
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    const root = new URL("../../../", import.meta.url);
    const seen: string[] = [];
    const offenders: string[] = [];
    const search = async (folder: URL): Promise<void> => {
      for await (const { name, isDirectory } of Deno.readDir(folder)) {
        const place = new URL(isDirectory ? `${name}/` : name, folder);
        if (isDirectory) await search(place);
        else if (name.endsWith(".ts")) {
          seen.push(name);
          const text = await Deno.readTextFile(place);
          if (/\b(data|array|buffer|read)Sync\(/.test(text)) {
            offenders.push(place.href.slice(root.href.length));
          }
        }
      }
    };
    for (const room of ["models/", "pipeline/", "tasks/"]) await search(new URL(room, root));
    assert(seen.includes("train_step.ts") && seen.includes("select.ts"), "the search is broken");
    assertEquals(offenders, []);
  },
});

const canWriteTasks = canRunTasks() && permitted({ name: "write" });

/** The flags of the smallest run that trains, evaluates and shifts. */
const SMALLEST =
  "--dataset synthetic --train-size 40 --test-size 10 --epochs 1 --models adaptive-polyphase --json";

Deno.test({
  name: "webgpu: without a driver a task ends with one line (needs --allow-run --allow-read --allow-write)",
  ignore: !canWriteTasks,
  sanitizeOps: true,
  sanitizeResources: true,
  fn: () =>
    inTempFolder(async (out) => {
      const flags = [...SMALLEST.split(" "), "--backend", "webgpu", "--out", out];
      // Deno then asks for an interface that this system does not have, whatever GPUs and drivers there are.
      const env = { DENO_WEBGPU_BACKEND: Deno.build.os === "darwin" ? "dx12" : "metal" };
      const { code, stdout, stderr } = await runTask("tasks/fmnist_adaptive.ts", flags, { env });
      assertEquals([code, stdout], [1, ""]);
      // Libraries that look for a driver may write lines of their own before.
      assertMatch(
        stderr.trimEnd().split("\n").at(-1)!,
        /^error: Backend "webgpu" does not start here \(no GPU adapter was found\): install the driver /,
      );
      assert(!stderr.includes("This is a bug"), stderr);
    }),
});

gpuTest(
  "deno task fmnist-adaptive gives what it gives on WASM, and ends",
  () =>
    inTempFolder(async (out) => {
      const rows = [];
      for (const backend of ["wasm", "webgpu"]) {
        const flags = [...SMALLEST.split(" "), "--backend", backend, "--out", out];
        const { code, stdout, stderr } = await runTask("tasks/fmnist_adaptive.ts", flags, { seconds: 60 });
        assertEquals(code, 0, stderr);
        rows.push(JSON.parse(stdout).results[0]);
      }
      const [expected, actual] = rows.map((
        { seconds: _, ms_per_step: __, train_loss, val_loss, ...rest },
      ) => ({
        losses: [train_loss, val_loss],
        rest,
      }));
      assertClose(actual.losses, expected.losses, "losses");
      assertEquals(actual.rest, expected.rest);
    }),
  { needs: " --allow-run --allow-read --allow-write", granted: canWriteTasks },
);
