/**
 * `deno task bench`: what one training step of each model costs, beside the base model written in plain TensorFlow.js,
 * and what each operation costs on our kernels, beside vanilla TensorFlow.js.
 *
 * @module
 */

import { sharedDataset } from "../datasets/dataset.ts";
import { datasetByName } from "../datasets/registry.ts";
import { selectBackend } from "../models/backend/select.ts";
import { tf } from "../models/backend/tf.ts";
import { crossEntropy } from "../models/losses.ts";
import { sgd } from "../models/optimizers/sgd.ts";
import { flatten, unflatten } from "../models/params.ts";
import { tokenMeanMlp } from "../models/token_mean_mlp.ts";
import { makeBatch } from "../pipeline/batch.ts";
import { run } from "../pipeline/pipe.ts";
import { foldIn, type Key, keyOf, randint } from "../pipeline/random.ts";
import type { Tokenized } from "../pipeline/records.ts";
import { decimals } from "../pipeline/report/format.ts";
import { tableText } from "../pipeline/report/table.ts";
import { type StepState, trainStep } from "../pipeline/train_step.ts";
import { compareOps, type OpRow, opsText } from "./bench/compare_ops.ts";
import { type Contender, measure, type Measured } from "./bench/contender.ts";
import { localSide, TURN_MS } from "./bench/op_side.ts";
import { OPS } from "./bench/ops.ts";
import { plainBase } from "./bench/plain_tfjs.ts";
import { vanillaSide } from "./bench/vanilla_side.ts";
import { command } from "./command.ts";
import { pickFlags } from "./common_flags.ts";
import type { FlagValues, Usage } from "./flag.ts";
import { parseFlags, UsageError } from "./flags.ts";
import { dataOf, type ModelName, MODELS } from "./fmnist_adaptive/models.ts";

const USAGE = {
  task: "bench",
  summary:
    "Times one training step of each model of fmnist-adaptive, the making of its batch included, beside the base " +
    "model in plain TensorFlow.js; all take turns in one process. Then times operations one by one on our kernels and, " +
    "in turns, on vanilla TensorFlow.js in a process of its own. Run it with nothing else running.",
  flags: [
    {
      name: "rounds",
      kind: "integer",
      default: 20,
      min: 1,
      group: "Timing",
      help: "Rounds; the median over them counts.",
    },
    {
      name: "repeats",
      kind: "integer",
      default: 50,
      min: 1,
      group: "Timing",
      help: `Steps of each model in a round, and runs of each op, of which none begins after ${TURN_MS} ms.`,
    },
    {
      name: "only",
      kind: "string",
      choices: ["models", "ops"],
      group: "Timing",
      help: "Time the models alone, or the ops alone; ops are timed on the backend wasm.",
    },
    {
      name: "ops",
      kind: "list",
      of: "string",
      choices: OPS.map(({ name }) => name),
      group: "Timing",
      help: "Time these ops; without it all.",
    },
    ...pickFlags(["dataset", "data", "batch-size", "seed", "backend", "json"], { "batch-size": 32 }),
  ],
  notes: [
    "Columns of the models (lower is better): ms of a step, median and least over the rounds; ratio to base in the",
    "same round.",
    "Columns of the ops: ms of a run, median and least over the rounds, and GFLOPS at the median, ours and vanilla's;",
    "ratio of vanilla's ms to ours in the same round (higher is better); our tensors and bytes before and after. Vanilla",
    "composes gelu, layer-norm and the optimizers of its operations, and has no kernel for what shows a dash.",
  ].join("\n"),
} as const satisfies Usage;

type Flags = FlagValues<typeof USAGE.flags>;

await command(async (signal) => {
  const flags = parseFlags(USAGE, Deno.args);
  expectTogether(flags);
  const backend = await selectBackend(flags.backend);
  const { rows, leaked }: ModelTimes = flags.only === "ops"
    ? { rows: [], leaked: 0 }
    : await timeModels(flags, signal);
  if (!flags.json && flags.only !== "ops") {
    console.log(tableText({
      caption:
        `One training step of ${flags.batchSize} images on ${backend.description}; ${leaked} tensors leaked.`,
      columns: [
        { key: "model", label: "model" },
        { key: "median_ms", label: "median ms", format: decimals(3) },
        { key: "min_ms", label: "min ms", format: decimals(3) },
        { key: "ratio", label: "ratio to base", format: decimals(2) },
      ],
      rows,
    }));
  }
  const ops = flags.only === "models" || flags.backend !== "wasm" ? [] : await timeOps(flags, signal);
  if (flags.json) {
    const { batchSize } = flags;
    console.log(JSON.stringify({ task: "bench", backend, batchSize, leaked, results: rows, ops }, null, 2));
  } else if (ops.length > 0) {
    console.log(`${flags.only === "ops" ? "" : "\n"}${opsText(ops)}`);
  }
});

/** @throws {UsageError} if flags are given that contradict each other */
function expectTogether({ backend, only, ops }: Flags): void {
  if (only === "models" && ops !== undefined) {
    throw new UsageError("--only models and --ops exclude each other: give one of them. See --help.");
  }
  if (backend !== "wasm" && (only === "ops" || ops !== undefined)) {
    throw new UsageError(
      `Ops are timed on the backend wasm, not ${backend}: leave out --backend. See --help.`,
    );
  }
}

/** What training steps took, as rows, and the tensors that leaked meanwhile. */
interface ModelTimes {
  readonly rows: readonly { model: string; median_ms: number; min_ms: number; ratio: number }[];
  readonly leaked: number;
}

async function timeModels(flags: Flags, signal: AbortSignal): Promise<ModelTimes> {
  const dataset = sharedDataset(datasetByName(flags.dataset, { size: 14, dir: flags.data }));
  const key = keyOf(flags.seed);
  const data = new Map<ModelName, Tokenized>();
  for (const model of MODELS) data.set(model, await run(dataOf(model, { dataset }), flags));

  const plain = plainBase();
  let plainSteps = 0;
  const contenders: Contender[] = [
    ...MODELS.map((name) => polyphaseStep(name, data.get(name)!, flags.batchSize, foldIn(key, name))),
    {
      name: "base in plain TensorFlow.js",
      async run() {
        const at = foldIn(key, plainSteps++);
        const base = data.get("base")!;
        const batch = await makeBatch(base, picks(base, flags.batchSize, at), at);
        await selectBackend(flags.backend, { kernels: false });
        const loss = await plain.step(batch);
        await selectBackend(flags.backend);
        tf.dispose([batch.tokens, batch.labels]);
        return loss;
      },
    },
  ];
  const before = tf.memory().numTensors;
  const measured: Measured[] = await measure(contenders, flags, signal);
  const leaked = tf.memory().numTensors - before;
  const rows = measured.map(({ name, median, min, ratio }) => ({
    model: name,
    median_ms: median,
    min_ms: min,
    ratio,
  }));
  return { rows, leaked };
}

async function timeOps({ ops: names, rounds, repeats }: Flags, signal: AbortSignal): Promise<OpRow[]> {
  const ops = OPS.filter(({ name }) => names === undefined || names.includes(name));
  const vanilla = vanillaSide();
  try {
    return await compareOps({ ops, ours: localSide(), vanilla, rounds, repeats }, signal);
  } finally {
    await vanilla.end();
  }
}

/** Training steps of a model of Polyphase, one after another. */
function polyphaseStep(name: ModelName, data: Tokenized, batchSize: number, key: Key): Contender {
  const model = tokenMeanMlp().build({ grid: data.grid, classes: data.classes.length });
  const rule = { model, loss: crossEntropy(), optimizer: sgd({ learningRate: 0.1 }) };
  const leaves = flatten(model.init(key));
  let state: StepState = {
    names: leaves.map(([leaf]) => leaf),
    leaves: leaves.map(([, tensor]) => tensor),
    optimizer: rule.optimizer.init(leaves.map(([, tensor]) => tensor)),
  };
  let steps = 0;
  return {
    name,
    async run() {
      const at = foldIn(key, steps++);
      const params = unflatten(state.leaves.map((leaf, index) => [state.names[index], leaf]));
      const batch = await makeBatch(data, picks(data, batchSize, at), at, { model, params });
      const done = await trainStep(rule, state, batch, at);
      tf.dispose([batch.tokens, batch.labels]);
      state = done.state;
      return done.loss;
    },
  };
}

/** Random training images. */
function picks(data: Tokenized, batchSize: number, key: Key): Uint32Array {
  return Uint32Array.from(randint(foldIn(key, "picks"), batchSize, 0, data.train.images.count));
}
