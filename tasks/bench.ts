/**
 * `deno task bench`: what one training step of each model costs, with one thread, with two and on vanilla TensorFlow.js,
 * and what each operation costs on our kernels, beside vanilla TensorFlow.js and `@jax-js/jax`.
 *
 * @module
 */

import { sharedDataset } from "../datasets/dataset.ts";
import { datasetByName } from "../datasets/registry.ts";
import { selectBackend } from "../models/backend/select.ts";
import { tf } from "../models/backend/tf.ts";
import { crossEntropy } from "../models/losses.ts";
import { sgd } from "../models/optimizers/sgd.ts";
import { unflatten } from "../models/params.ts";
import { tokenMeanMlp } from "../models/token_mean_mlp.ts";
import { makeBatch } from "../pipeline/batch.ts";
import { run } from "../pipeline/pipe.ts";
import { foldIn, type Key, keyOf, randint } from "../pipeline/random.ts";
import type { Tokenized } from "../pipeline/records.ts";
import { decimals } from "../pipeline/report/format.ts";
import { tableText } from "../pipeline/report/table.ts";
import { initialState, type StepState, trainStep } from "../pipeline/train_step.ts";
import { type ChildSide, childSide } from "./bench/child_side.ts";
import { compareJax, jaxProcess, type JaxRow, jaxText } from "./bench/compare_jax.ts";
import { compareModels, type ModelRow, modelsText } from "./bench/compare_models.ts";
import { compareOps, type OpRow, opsText } from "./bench/compare_ops.ts";
import { compareTwins, type TwinRow, twinsText } from "./bench/compare_twins.ts";
import { type Contender, measure, type Measured } from "./bench/contender.ts";
import { JAX_CASES } from "./bench/jax_cases.ts";
import { MODEL_CASES } from "./bench/model_cases.ts";
import { stepsByTeam, stepsHere } from "./bench/model_steps.ts";
import { OPS } from "./bench/ops.ts";
import { plainBase } from "./bench/plain_tfjs.ts";
import { localSide, TURN_MS } from "./bench/side.ts";
import { LEAST_ROUNDS, SIDE_MS } from "./bench/turns.ts";
import { TWIN_CASES } from "./bench/twin_cases.ts";
import { command } from "./command.ts";
import { pickFlags } from "./common_flags.ts";
import type { FlagValues, Usage } from "./flag.ts";
import { parseFlags, UsageError } from "./flags.ts";
import { dataOf, type ModelName, MODELS } from "./fmnist_adaptive/models.ts";

/** Workers of the models that are trained with several. */
const WORKERS = 2;

/** Turns of whole training steps: long enough to be training, not a step between others'. */
const STEPS_TURN = { turnMs: 1000, unpaid: 2 } as const;

/** The models of `fmnist-adaptive`, as one of the choices of `--models`. */
const ADAPTIVE = "fmnist-adaptive";

const USAGE = {
  task: "bench",
  summary:
    "Times one training step of each model of fmnist-adaptive, the making of its batch included, beside the base " +
    "model in plain TensorFlow.js; all take turns in one process. Then times whole steps model by model, in one thread " +
    "and with two workers, then steps of models beside those of their plain twins, then operations one by one, and then " +
    "operations that @jax-js/jax has too; vanilla TensorFlow.js and @jax-js/jax take turns with ours in processes of " +
    "their own. Run it with nothing else running: " +
    "all of it takes some minutes, most of them the others'.",
  flags: [
    {
      name: "rounds",
      kind: "integer",
      default: 20,
      min: 1,
      group: "Timing",
      help:
        `Rounds; the median over them counts. A side that has taken ${
          SIDE_MS / 1000
        } s for a model or an op sits ` +
        `out those after round ${LEAST_ROUNDS}, but not in the table of ${ADAPTIVE}.`,
    },
    {
      name: "repeats",
      kind: "integer",
      default: 50,
      min: 1,
      group: "Timing",
      help:
        `Steps or runs in a round, of which none begins after ${TURN_MS} ms, or ${STEPS_TURN.turnMs} ms where whole steps ` +
        `are timed; in the table of ${ADAPTIVE} all are taken.`,
    },
    {
      name: "only",
      kind: "string",
      choices: ["models", "twins", "ops", "jax"],
      group: "Timing",
      help:
        "Time the models alone, the models beside their plain twins, the ops, or what @jax-js/jax does too; all but " +
        "fmnist-adaptive on the backend wasm.",
    },
    {
      name: "models",
      kind: "list",
      of: "string",
      choices: [ADAPTIVE, ...MODEL_CASES.map(({ name }) => name)],
      group: "Timing",
      help: `Time these models, of which ${ADAPTIVE} is a table of its own; without it all.`,
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
    `Columns of ${ADAPTIVE} (lower is better): ms of a step, median and least over the rounds; ratio to base in the`,
    "same round. Data set, batch size, seed and backend are those of this table alone.",
    "Columns model by model: ms of a step, median and least over the rounds, and images a second at the median, for one",
    `thread and for ${WORKERS} workers; the speed-up by workers; vanilla's ms, and its ratio to each of ours in the same`,
    "round (higher is better); our tensors and bytes before and after. Images are random.",
    "Columns of the twins: median ms of a step of a model of shift-vit, sized for Fashion-MNIST, and of its plain twin in the",
    "same rounds, and their ratio (lower is better).",
    "Columns of the ops: ms of a run, median and least over the rounds, and GFLOPS at the median, ours and vanilla's;",
    "ratio of vanilla's ms to ours in the same round (higher is better); our tensors and bytes before and after. Vanilla",
    "composes gelu, layer-norm and the optimizers of its operations, and has no kernel for what shows a dash.",
    "Columns of jax: as those of the ops, each ratio to ours on one core; @jax-js/jax in its own layout, compiled by jit,",
    "on one thread and on one for each core. Its numbers are compared with ours first: the greatest difference, relative",
    "to the greatest number of a result.",
  ].join("\n"),
} as const satisfies Usage;

type Flags = FlagValues<typeof USAGE.flags>;

await command(async (signal) => {
  const flags = parseFlags(USAGE, Deno.args);
  expectTogether(flags);
  const backend = await selectBackend(flags.backend);
  const isAsked = (part: Flags["only"]) => flags.only === undefined || flags.only === part;
  const isWasm = flags.backend === "wasm";
  let isFirst = true;
  const show = (text: string) => {
    if (!flags.json) console.log(isFirst ? text : `\n${text}`);
    isFirst = false;
  };
  const { rows, leaked }: ModelTimes = isAsked("models") && (flags.models?.includes(ADAPTIVE) ?? true)
    ? await timeModels(flags, signal)
    : { rows: [], leaked: 0 };
  if (rows.length > 0) {
    show(tableText({
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
  const models = isWasm && isAsked("models") ? await timeSteps(flags, signal) : [];
  if (models.length > 0) show(modelsText(models, WORKERS));
  const twins = isWasm && isAsked("twins") ? await timeTwins(flags, signal) : [];
  if (twins.length > 0) show(twinsText(twins));
  const ops = isWasm && isAsked("ops") ? await timeOps(flags, signal) : [];
  if (ops.length > 0) show(opsText(ops));
  const jax = isWasm && isAsked("jax") ? await timeJax(flags, signal) : [];
  if (jax.length > 0) show(jaxText(jax, navigator.hardwareConcurrency));
  if (flags.json) {
    const { batchSize } = flags;
    const results = { task: "bench", backend, batchSize, leaked, results: rows, models, twins, ops, jax };
    console.log(JSON.stringify(results, null, 2));
  }
});

/** @throws {UsageError} if flags are given that contradict each other */
function expectTogether({ backend, only, ops, models }: Flags): void {
  for (const [part, names] of [["models", models], ["ops", ops]] as const) {
    if (only !== undefined && only !== part && names !== undefined) {
      throw new UsageError(`--only ${only} and --${part} exclude each other: give one of them. See --help.`);
    }
  }
  if (backend === "wasm") return;
  if (only !== undefined && only !== "models" || ops !== undefined) {
    throw new UsageError(
      `Twins and ops are timed on the backend wasm, not ${backend}: leave out --backend. See --help.`,
    );
  }
  const named = models?.find((name) => name !== ADAPTIVE);
  if (named !== undefined) {
    throw new UsageError(
      `${named} is timed on the backend wasm, not ${backend}: leave out --backend. See --help.`,
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

async function timeSteps(
  { models: names, rounds, repeats }: Flags,
  signal: AbortSignal,
): Promise<ModelRow[]> {
  const cases = MODEL_CASES.filter(({ name }) => names?.includes(name) ?? true);
  if (cases.length === 0) return [];
  const vanilla = childSide("vanilla TensorFlow.js", new URL("bench/vanilla_models.ts", import.meta.url));
  const ours = localSide(cases.map(stepsHere), STEPS_TURN);
  const workers = localSide(cases.map((each) => stepsByTeam(each, WORKERS)), STEPS_TURN);
  try {
    return await compareModels({ cases, ours, workers, vanilla, rounds, repeats }, signal);
  } finally {
    await vanilla.end();
  }
}

async function timeTwins({ rounds, repeats }: Flags, signal: AbortSignal): Promise<TwinRow[]> {
  const named = (which: "twin" | "plain") =>
    TWIN_CASES.map((each) => ({ ...stepsHere(each[which]), name: each.name }));
  const [twins, plain] = [localSide(named("twin"), STEPS_TURN), localSide(named("plain"), STEPS_TURN)];
  return await compareTwins({ cases: TWIN_CASES, twins, plain, rounds, repeats }, signal);
}

async function timeOps({ ops: names, rounds, repeats }: Flags, signal: AbortSignal): Promise<OpRow[]> {
  const ops = OPS.filter(({ name }) => names === undefined || names.includes(name));
  const vanilla = vanillaOps();
  try {
    return await compareOps({ ops, ours: localSide(ops), vanilla, rounds, repeats }, signal);
  } finally {
    await vanilla.end();
  }
}

async function timeJax({ rounds, repeats }: Flags, signal: AbortSignal): Promise<JaxRow[]> {
  const vanilla = vanillaOps();
  const [jax, jaxThreads] = [1, navigator.hardwareConcurrency].map(jaxProcess);
  const ours = localSide(JAX_CASES);
  try {
    return await compareJax({ cases: JAX_CASES, ours, vanilla, jax, jaxThreads, rounds, repeats }, signal);
  } finally {
    for (const side of [vanilla, jax, jaxThreads]) await side.end();
  }
}

/** Vanilla TensorFlow.js, for operations. */
function vanillaOps(): ChildSide {
  return childSide("vanilla TensorFlow.js", new URL("bench/vanilla_ops.ts", import.meta.url));
}

/** Training steps of a model of Polyphase, one after another. */
function polyphaseStep(name: ModelName, data: Tokenized, batchSize: number, key: Key): Contender {
  const model = tokenMeanMlp().build({ grid: data.grid, classes: data.classes.length });
  const rule = { model, loss: crossEntropy(), optimizer: sgd({ learningRate: 0.1 }) };
  let state: StepState = initialState(rule, key);
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
