/**
 * `deno task shift-vit`: its names, models, recipes and budgets.
 *
 * @module
 */

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { shiftImages } from "../../datasets/shift.ts";
import { synthetic } from "../../datasets/synthetic.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import type { JsonObject } from "../../pipeline/json.ts";
import { type AnyStage, runConfig } from "../../pipeline/pipe.ts";
import { budgets, equalTimeInputs } from "../../tasks/shift_vit/equal_time.ts";
import {
  ablations,
  ADAPTIVE_MODULES,
  BASE_NAMES,
  isAdaptive,
  isSeparable,
  parseModelName,
} from "../../tasks/shift_vit/model_names.ts";
import { namedModel } from "../../tasks/shift_vit/models.ts";
import { pipelineOf } from "../../tasks/shift_vit/pipeline.ts";
import { PRESET_NAMES, PRESETS, TRAINING_IMAGES } from "../../tasks/shift_vit/presets.ts";
import { scatterPlot } from "../../tasks/shift_vit/scatter.ts";
import { shiftedDataset } from "../../tasks/shift_vit/shifted_dataset.ts";
import shiftVit, { modelOf, settingsOf, type SweepInput } from "../../tasks/shift_vit/sweep.ts";
import { inTempFolder, permitted } from "../support.ts";

const FASHION: SweepInput = {
  preset: "fashion",
  models: ["vit"],
  dataset: "fashion-mnist",
  data: null,
  trainSizes: [null],
  testSize: 2000,
  epochs: null,
  maxInputs: 40_000,
  inputsOf: {},
  batchSize: 32,
  offsetImages: 50,
  shiftTrain: false,
  workers: null,
  trained: null,
};

const CIFAR: SweepInput = {
  ...FASHION,
  preset: "cifar10",
  dataset: "cifar10",
  testSize: null,
  epochs: 250,
  maxInputs: null,
  batchSize: 256,
};

/** The configurations of the stages of a model, by name. */
function stagesOf(name: string, input: SweepInput = FASHION): Record<string, JsonObject> {
  const model = modelOf(name, input);
  const settings = settingsOf(name, model, input.trainSizes[0], input, synthetic({ size: model.size }));
  const { stages } = runConfig(pipelineOf(model, settings) as AnyStage);
  return Object.fromEntries(
    (stages as readonly JsonObject[]).map(({ name, config }) => [String(name), config as JsonObject]),
  );
}

Deno.test("shift-vit: a name says model, modules, shifts and averaging", () => {
  assertEquals(parseModelName("a-swin-no-windows+shift+zeroshift2+average"), {
    text: "a-swin-no-windows+shift+zeroshift2+average",
    base: "a-swin",
    modules: ["tokens", "merge", "positions"],
    shifts: [{ kind: "circular" }, { kind: "zero", max: 2 }],
    average: "phases",
  });
  assertEquals(parseModelName("a-mvit-v2-only-keys").modules, ["keys"]);
  assertEquals(parseModelName("swin+canonical+shift").modules, ["canonical"]);
  assertEquals(parseModelName("a-vit+pixels+l1+least").energy, { of: "pixels", p: 1, take: "least" });
  assertEquals(parseModelName("vit+canonical+lmax").energy, { p: "max" });
  assertEquals(parseModelName("a-swin+l2.5").energy, { p: 2.5 });
  assertEquals(parseModelName("vit+blur").blur, true);
  const { energy, modules } = parseModelName("a-vit+random");
  assertEquals([energy, modules], ["random", ["positions"]]);
  for (const base of BASE_NAMES) {
    assertEquals(parseModelName(base).modules, isAdaptive(base) ? [...ADAPTIVE_MODULES[base]] : []);
  }
});

Deno.test("shift-vit: names that mean nothing are refused in a line that says what does", () => {
  const cases: [string, RegExp][] = [
    ["a-vitt", /did you mean a-vit\?/],
    ["vit+shft", /did you mean \+shift\?/],
    ["vit+shift0", /\+shift/],
    ["a-vit-only-windows", /expected tokens, positions/],
    ["vit-no-tokens", /write vit$/],
    ["resnet18-aps-no-padding", /write resnet18-aps$/],
    ["resnet18+canonical", /resnet18 sees pixels: write vit$/],
    ["a-mvit-v2+blur", /sees pixels/],
    ["vit+pixels", /that of vit is not: write a-vit$/],
    ["a-swin-no-tokens+least", /is not: write a-vit$/],
    ["a-vit+l0", /Known are/],
    ["a-vit+random+least", /in one way alone: write a-vit\+random$/],
    ["vit+canonical+random", /in one way alone/],
  ];
  for (const [name, message] of cases) {
    assertMatch(assertThrows(() => parseModelName(name), PolyphaseError).message, message);
  }
});

Deno.test("shift-vit: ablations switch each module alone and off, and nothing twice", () => {
  assertEquals(ablations("a-vit"), ["a-vit-only-tokens", "a-vit-only-positions"]);
  assertEquals(ablations("a-swin").length, 8);
  assertEquals(ablations("swin"), []);
  for (const base of BASE_NAMES.filter(isSeparable)) {
    const switched = ablations(base).map((name) => parseModelName(name).modules.join());
    assertEquals(new Set(switched).size, switched.length);
    assert(!switched.includes("") && !switched.includes(ADAPTIVE_MODULES[base].join()));
  }
});

Deno.test("shift-vit: every model of every preset can be built for the images it takes", () => {
  for (const preset of PRESET_NAMES) {
    const { sizes, models, dataset } = PRESETS[preset];
    const channels = dataset.startsWith("cifar") ? 3 : 1;
    for (const name of [...BASE_NAMES, ...BASE_NAMES.flatMap(ablations), ...models]) {
      const { architecture, tokenizer, size } = namedModel(parseModelName(name), sizes);
      const grid = tokenizer.grid({ height: size, width: size, channels });
      assertEquals(architecture.build({ grid, classes: 10 }).name, architecture.name);
    }
  }
});

Deno.test("shift-vit: twins differ by what is adaptive and by nothing else", () => {
  const { sizes } = PRESETS.fashion;
  const configOf = (name: string) => namedModel(parseModelName(name), sizes).architecture.config;
  for (const [plain, twin] of [["swin", "a-swin"], ["swin-v2", "a-swin-v2"], ["cvt", "a-cvt"]]) {
    const differing = Object.keys({ ...configOf(plain), ...configOf(twin) }).filter((key) =>
      JSON.stringify(configOf(plain)[key]) !== JSON.stringify(configOf(twin)[key])
    );
    assert(differing.every((key) => key === "adaptive" || key === "energy"), `${twin}: ${differing}`);
    assert(differing.includes("adaptive"), twin);
  }
  const { positions, ...vit } = configOf("a-vit");
  assertEquals([positions, vit], ["circular", configOf("vit")]);
  const energyOf = (name: string) => (configOf(name).energy as JsonObject).window;
  assertEquals([energyOf("a-swin"), energyOf("a-swin-box")], ["hann", "box"]);
  const tokenizerOf = (name: string) => namedModel(parseModelName(name), sizes).tokenizer.name;
  assertEquals(
    ["vit", "a-vit", "a-vit-only-positions", "a-swin-only-tokens"].map(tokenizerOf),
    ["patches-2d", "adaptive", "patches-2d", "adaptive"],
  );
  const canonical = namedModel(parseModelName("vit+canonical"), sizes);
  assertEquals(canonical.tokenizer.config.order, "canonical");
  assertEquals(canonical.architecture.config, configOf("vit"));
  const tokenizer = (name: string) => namedModel(parseModelName(name), sizes).tokenizer.config;
  assertEquals(tokenizer("a-vit+pixels").energy, { of: "pixels", p: 2, take: "most" });
  assertEquals(tokenizer("a-vit").energy, undefined);
  assertEquals(tokenizer("a-vit+random").name, "random-phase");
  assertEquals(tokenizer("vit+blur"), { name: "blurred", patches: tokenizer("vit"), size: 3 });
});

Deno.test("shift-vit: training shifts are all there are, or as many pixels as the name says", () => {
  const augmentationsOf = (name: string) => stagesOf(name).augment.augmentations as readonly JsonObject[];
  assertEquals(augmentationsOf("vit"), []);
  assertEquals(augmentationsOf("vit+shift"), [{ name: "circular-shift", min: 0, max: 27, axes: "2d" }]);
  assertEquals(augmentationsOf("resnet18+shift"), [{ name: "circular-shift", min: 0, max: 31, axes: "2d" }]);
  assertEquals(augmentationsOf("vit+shift4"), [{ name: "circular-shift", min: -4, max: 4, axes: "2d" }]);
  assertEquals(augmentationsOf("vit+zeroshift"), [{ name: "zero-shift", min: -3, max: 3, axes: "2d" }]);
});

Deno.test("shift-vit: the recipe for Fashion-MNIST warms up for a tenth of its 1250 steps", () => {
  const { train, normalize, shiftEval } = stagesOf("a-swin");
  const { optimizer, schedule, clip, batchSize, evaluateEvery, maxInputs, epochs } = train;
  const { learningRate, weightDecay, name } = optimizer as JsonObject;
  assertEquals([name, learningRate, weightDecay], ["adamw", 1e-3, 0.05]);
  const { name: rising, steps, schedule: falling } = schedule as JsonObject;
  assertEquals([rising, steps, (falling as JsonObject).name], ["linear-warmup", 125, "cosine-annealing"]);
  assertEquals([clip, batchSize, maxInputs, epochs], [{ norm: 1 }, 32, 40_000, null]);
  // Five evaluations, 250 steps apart, of 1875 an epoch.
  assertAlmostEquals(evaluateEvery as number, 250 / 1875, 1e-12);
  assertEquals(normalize, { mean: [0.286], std: [0.353] });
  assertEquals([shiftEval.offsets, shiftEval.images], ["all", 50]);
});

Deno.test("shift-vit: the recipes for CIFAR are the published ones", () => {
  const resnet = stagesOf("resnet18-aps", CIFAR);
  const { learningRate, momentum, weightDecay } = resnet.train.optimizer as JsonObject;
  assertEquals([learningRate, momentum, weightDecay], [0.1, 0.9, 5e-4]);
  // 100 epochs of 50,000 images in batches of 256.
  assertEquals(resnet.train.schedule, { name: "step", every: 19_600, gamma: 0.1 });
  assertEquals((resnet.augment.augmentations as readonly JsonObject[])[0].name, "random-horizontal-flip");
  const { schedule, optimizer, loss } = stagesOf("a-swin", CIFAR).train;
  assertEquals((optimizer as JsonObject).learningRate, 5e-4);
  // 20 of 300 epochs, of the 250 here.
  assertEquals((schedule as JsonObject).steps, Math.round(250 * 196 * 20 / 300));
  assertEquals((loss as JsonObject).labelSmoothing, 0.1);
});

Deno.test("shift-vit: the last batches of epochs count where warm-up and evaluations are timed", () => {
  // 6000 of 1000 images in batches of 32: six epochs of 32 steps, not the 188 that 6000 would fill.
  const { schedule, evaluateEvery } = stagesOf("vit", {
    ...FASHION,
    trainSizes: [1000],
    maxInputs: 6000,
    batchSize: 32,
  }).train;
  assertEquals((schedule as JsonObject).steps, Math.round(0.1 * 192));
  assertAlmostEquals(evaluateEvery as number, 39 / 32, 1e-12);
});

Deno.test("shift-vit: averaging is over the phases of the coarsest map, or over all shifts", () => {
  const offsetsOf = (name: string) => stagesOf(name).averageShifts?.offsets;
  assertEquals(offsetsOf("vit"), undefined);
  assertEquals((offsetsOf("vit+average") as readonly unknown[]).length, 4 * 4);
  assertEquals((offsetsOf("resnet18+average") as readonly unknown[]).length, 8 * 8);
  assertEquals(offsetsOf("swin+average-all"), "all");
  assertEquals(stagesOf("vit+average").shiftEval.images, 12);
});

Deno.test("shift-vit: one number of images is no axis, several are one", () => {
  const namesOf = (trainSizes: readonly number[]) =>
    shiftVit({ ...FASHION, trainSizes }).cells({ seeds: [0] }).map(({ slug }) => slug);
  assertEquals(namesOf([500]), ["model=vit"]);
  assertEquals(namesOf([500, 1000]), ["model=vit_train_size=500", "model=vit_train_size=1000"]);
});

Deno.test("shift-vit: equal times are whole batches in inverse ratio to the time of a step", () => {
  assertEquals(budgets({ a: 10, b: 20, c: 4 }, 6400, 64), { a: 6400, b: 3200, c: 16_000 });
  assertEquals(budgets({ a: 10, b: 1e9 }, 6400, 64).b, 64);
});

Deno.test({
  name:
    "shift-vit: steps are timed once for models that train alike, and kept (needs --allow-read --allow-write)",
  ignore: !permitted({ name: "read" }, { name: "write" }),
  fn: () =>
    inTempFolder(async (folder) => {
      const input: SweepInput = {
        ...FASHION,
        preset: "quick",
        models: ["vit", "vit+average", "a-vit"],
        dataset: "synthetic",
        trainSizes: [32],
        maxInputs: 640,
        batchSize: 8,
      };
      const options = {
        backend: "wasm",
        file: `${folder}/deep/step_times.json`,
        signal: new AbortController().signal,
        progress: () => {},
      } as const;
      const first = await equalTimeInputs(input, { ...options, reuse: false });
      assertEquals([first.vit, first["vit+average"]], [640, 640]);
      assert(first["a-vit"] > 0 && first["a-vit"] % 8 === 0);
      const times = JSON.parse(await Deno.readTextFile(options.file));
      assertEquals(Object.keys(times).length, 2);
      // Times that cannot have been measured: they come from the file.
      const [plain, adaptive] = Object.keys(times);
      await Deno.writeTextFile(options.file, JSON.stringify({ [plain]: 1, [adaptive]: 4 }));
      assertEquals((await equalTimeInputs(input, { ...options, reuse: true }))["a-vit"], 160);
    }),
});

Deno.test("shift-vit: shifted data hold the same images, each at a place that is always the same", async () => {
  const plain = synthetic({ size: 8, train: 12, test: 5 });
  const shifted = shiftedDataset(plain);
  const [before, after, again] = [await plain.load(), await shifted.load(), await shifted.load()];
  assertNotEquals(shifted.config, plain.config);
  assertEquals(after.train.images.pixels, again.train.images.pixels);
  assertEquals(after.test.labels, before.test.labels);
  const size = 64;
  const places = new Set<string>();
  for (let index = 0; index < 12; index++) {
    const bytes = (pixels: Uint8Array) => pixels.subarray(index * size, (index + 1) * size).join();
    const found = Array.from({ length: size }, (_, at) => ({ dy: Math.floor(at / 8), dx: at % 8 })).find((
      offset,
    ) =>
      bytes(shiftImages(before.train.images, [offset], "circular-2d").pixels) ===
        bytes(after.train.images.pixels)
    );
    assert(found, `image ${index} is no shift of what it was`);
    places.add(`${found.dy},${found.dx}`);
  }
  assert(places.size > 6, [...places].join(" "));
});

Deno.test("shift-vit: the number of training images is right where it is said to be known", async () => {
  const { train } = await synthetic({ size: 4 }).load();
  assertEquals(train.images.count, TRAINING_IMAGES.synthetic);
});

Deno.test("shift-vit: a scatter plot names every dot, and no name stands on another", async () => {
  const names = ["a-vit", "a-swin", "resnet18-aps", "vit"];
  const dots = names.map((name, index) => ({ name, x: 1, y: index === 3 ? 0.2 : 0.5, filled: index < 3 }));
  const plot = () =>
    scatterPlot({ title: "T & U", dots, x: { label: "x", percent: true }, y: { label: "y", percent: true } });
  const svg = await plot();
  assertEquals(svg, await plot());
  assertStringIncludes(svg, "T &amp; U");
  const heights = names.map((name) => Number(svg.match(new RegExp(`y="([\\d.]+)"[^>]*>${name}<`))![1]));
  for (const [index, height] of heights.entries()) {
    for (const other of heights.slice(0, index)) assert(Math.abs(height - other) >= 14, heights.join());
  }
  assertStringIncludes(
    await scatterPlot({ title: "T", dots: [], x: { label: "x" }, y: { label: "y" } }),
    "No data",
  );
});
