/**
 * Sweeps as YAML files: names, values, stages, and refusals of what would do nothing.
 *
 * @module
 */

import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { PolyphaseError } from "../../pipeline/errors.ts";
import type { Json, JsonObject } from "../../pipeline/json.ts";
import { stage } from "../../pipeline/pipe.ts";
import { rebuild, type Registry } from "../../pipeline/rebuild.ts";
import { registry } from "../../pipeline/registry.ts";
import { configSource, configSweep } from "../../pipeline/sweep/config_sweep.ts";
import { runSweep } from "../../pipeline/sweep/run.ts";
import { loadSweep } from "../../pipeline/sweep/source.ts";
import { yamlSource, yamlSweep } from "../../pipeline/sweep/yaml_sweep.ts";
import { permitted } from "../support.ts";
import { memoryStores } from "./sweep_support.ts";

/** A sweep with what a test is about in the place of `matrix`, and perhaps of other keys. */
const file = (matrix: string, more = "") => `
matrix: ${matrix}
load: {dataset: {name: synthetic, size: 8, train: 40, test: 20}}
tokenize: {name: patches-2d, size: 4}
train: {model: token-mean-mlp, optimizer: {name: sgd, learningRate: \${rate}}, maxInputs: 64}
${more}`;

const cellsOf = (text: string) => yamlSweep({ text, file: "folder/test.yaml" }).cells();

const stageOf = (config: JsonObject, name: string): JsonObject => {
  const stages = config.stages as { name: string; config: JsonObject }[];
  return stages.find((stage) => stage.name === name)!.config;
};

function refusal(text: string): string {
  return assertThrows(() => cellsOf(text), PolyphaseError).message;
}

/** The YAML block of the documentation of a module. */
async function documented(): Promise<string> {
  const text = await Deno.readTextFile(new URL("../../pipeline/sweep/yaml_sweep.ts", import.meta.url));
  const [, block] = text.match(/^ \* ```yaml\n((?: \*.*\n)*?) \* ```$/m)!;
  return block.replaceAll(/^ \* ?/gm, "");
}

Deno.test({
  name: "sweep file: the documented example has its cells (needs --allow-read)",
  ignore: !permitted({ name: "read" }),
  fn: async () => {
    const sweep = yamlSweep({ text: await documented(), file: "x.yaml" });
    assertEquals(sweep.name, "patches");
    const cells = sweep.cells();
    assertEquals(cells.length, 11);
    assertEquals(cells[0].slug, "patch=2_rate=0.1_seed=0");
    assertEquals(cells[10].slug, "patch=7_rate=0.05_seed=0");
    const { tokenizer } = stageOf(cells[10].config, "tokenize") as { tokenizer: JsonObject };
    assertEquals(tokenizer, { name: "patches-2d", size: 7 });
    assertEquals((stageOf(cells[10].config, "train").model as JsonObject).embed, 56);
    assertEquals(stageOf(cells[0].config, "train").maxInputs, 2000);
    assertEquals(stageOf(cells[0].config, "evaluate"), { loss: { name: "cross-entropy" } });
  },
});

/** The cells of a file with one stage, `note`, that takes any options. */
function noted(text: string) {
  const noting: Registry = {
    stage: { note: (config) => stage("note", config, () => ({ kind: "noted" as const })) },
  };
  return yamlSweep({ text, file: "folder/test.yaml" }, noting).cells().map((
    { slug, values, seed, config },
  ) => ({
    slug,
    values,
    seed,
    note: stageOf(config, "note"),
  }));
}

Deno.test("sweep file: values keep their writing in names and text, and are what they are elsewhere", () => {
  const cells = noted(`
matrix:
  rate: [0.10, 1e-2]
  flag: [True]
  grouped: [1_000]
  list: [[32, 48], {ch: 3}]
  text: ["0.0", a b/c]
note:
  rate: \${rate}
  flow: {deep: [\${ rate }, \${flag}]}
  quoted: "\${rate}"
  mixed: rate of \${rate}
  joined: 1\${grouped}
  sum: \${grouped + rate * 0}
  worked: at \${grouped // 10}
  list: \${list}
  text: \${text}
`);
  assertEquals(cells.length, 8);
  assertEquals(cells[0], {
    slug: "rate=0.10_flag=True_grouped=1_000_list=32,48_text=0.0",
    values: { rate: 0.1, flag: true, grouped: 1000, list: [32, 48], text: "0.0" },
    seed: 0,
    note: {
      rate: 0.1,
      flow: { deep: [0.1, true] },
      quoted: "0.10",
      mixed: "rate of 0.10",
      joined: 11000,
      sum: 1000,
      worked: "at 100",
      list: [32, 48],
      text: "0.0",
    },
  });
  assertEquals(cells[7].slug, "rate=1e-2_flag=True_grouped=1_000_list=ch3_text=abc");
  assertEquals([cells[7].note.list, cells[7].note.text], [{ ch: 3 }, "a b/c"]);
});

Deno.test("sweep file: plain text is what YAML makes of it", () => {
  const values: [string, Json][] = [
    ["3e-4", 0.0003],
    ["2_000_000", 2000000],
    ["0.", 0],
    ["-.5", -0.5],
    ["0x10", 16],
    ["true", true],
    ["~", null],
    ["yes", "yes"],
    ["1_a", "1_a"],
    ["(3, 28)", "(3, 28)"],
    ["'1'", "1"],
  ];
  for (const [text, value] of values) {
    assertEquals(noted(`note: {value: [${text.replace(/^\(.*\)$/, '"$&"')}]}`)[0].note.value, [value], text);
  }
  assertEquals(noted("note: {one: &b {a: 1}, two: *b}")[0].note, {
    one: { a: 1 },
    two: { a: 1 },
  });
});

Deno.test("sweep file: the filter, what is included, and seeds", () => {
  const text = `
matrix:
  a: [1, 2, 3]
  b: [1, 2]
  $filter: \${a} != 2 and b <= a
include:
  - {b: 5}
  - {a: 9, b: 9}
note: {a: \${a}, b: \${b}}
seed: \${10 * a}
`;
  assertEquals(noted(text).map(({ slug, seed }) => [slug, seed]), [
    ["a=1_b=1", 10],
    ["a=3_b=1", 30],
    ["a=3_b=2", 30],
    ["a=1_b=5", 10],
    ["a=9_b=9", 90],
  ]);
  assertEquals(noted("matrix: {seed: [4, 5]}\nnote:").map(({ seed }) => seed), [4, 5]);
  assertEquals(noted("seed: 6\nnote:")[0], { slug: "only", values: {}, seed: 6, note: {} });
});

Deno.test("sweep file: stages are those of the configuration that a run writes", () => {
  const [cell] = cellsOf(`
load: {dataset: synthetic, trainSize: 40}
augment: [{name: circular-shift, max: 2}]
tokenize: {name: adaptive, patches: {name: patches-1d, size: 4}, order: canonical}
train: {model: token-mean-mlp, optimizer: {name: sgd, learningRate: 0.1}, epochs: 1}
evaluate: {loss: l2}
shiftEval: {offsets: [1, 4]}
backend: cpu
`);
  const { stages, backend } = rebuild(cell.config, registry).stages.length === 6
    ? cell.config
    : { stages: null, backend: null };
  assertEquals((stages as { name: string }[]).map(({ name }) => name), [
    "load",
    "augment",
    "tokenize",
    "train",
    "evaluate",
    "shiftEval",
  ]);
  assertEquals(backend, "cpu");
  assertEquals(rebuild(cell.config, registry).config.stages, stages as Json);
});

Deno.test("sweep file: what is not known, not used or not heeded is refused, with the nearest name", () => {
  const cases: [string, RegExp][] = [
    [file("{rat: [1]}"), /^folder\/test.yaml: the matrix has no variable "rate": did you mean rat\?$/],
    [
      file("{rate: [1], patch: [2]}"),
      /no stage uses the variable "patch" of the matrix: write \$\{patch\} where/,
    ],
    [file("{rate: [1], $filter: rte == 1}"), /no variable "rte": did you mean rate\?/],
    [
      file("{rate: [1], $fliter: rate == 1}"),
      /has a variable "\$fliter": take a name .* besides there is \$filter/,
    ],
    [file("{rate: [1], $filter: rate = 1}"), /Cannot read "rate = 1"/],
    [file("{rate: 1}"), /rate of the matrix is no list/],
    [file("3"), /matrix is no map/],
    [file("{rate: [1]}", "include: {rate: 2}"), /include is no list/],
    [file("{rate: [1]}", "include: [{rat: 2}]"), /"rat", which is no axis: did you mean rate\?/],
    [file("{rate: [1]}", "evaluat: {}"), /No stage is called "evaluat": did you mean evaluate\?/],
    [file("{rate: [1]}", "backend: wsam"), /backend "wsam": did you mean wasm\?/],
    [file("{rate: [1]}", "evaluate: 3"), /evaluate: 3, expected a map of its options/],
    [file("{rate: [1]}", "seed: 0.5"), /seed 0.5 is not an integer/],
    [
      file("{rate: [1]}").replace("maxInputs", "maxInput"),
      /train has no option "maxInput": did you mean maxInputs\?/,
    ],
    [file("{rate: [1]}").replace("learningRate", "learnRate"), /sgd has no option "learnRate"/],
    [
      file("{rate: [1]}").replace("optimizer", "optimiser"),
      /train has no optimizer: give one by name \(known: .*sgd/,
    ],
    [file("{rate: [1]}").replace("name: sgd", "type: sgd"), /has the optimizer .* which has no name/],
    [
      file("{rate: [1]}").replace("token-mean-mlp", "mlp"),
      /No model is called "mlp" \(known: token-mean-mlp/,
    ],
    [file("{rate: [.inf]}"), /\.inf is no number that a configuration can hold/],
    ["matrix: {a: [1]}", /no stages: write load, tokenize, train/],
    ["- a", /no map of keys/],
    ["load: a ${b", /"a \$\{b" has a "\$\{" without its "\}"/],
    ["", /^folder\/test.yaml.*: /],
    ["a: 1\n---\nb: 1", /^folder\/test.yaml/],
    ["[a]: 1", /^folder\/test.yaml:1 is no YAML \(a key is no name\)/],
    ["a: !!js/function 'f'", /^folder\/test.yaml:1 is no YAML/],
    ["a: [1", /^folder\/test.yaml:1 is no YAML/],
    ["note: 1\nnote: 2", /^folder\/test.yaml:\d is no YAML \(duplicated mapping key/],
  ];
  for (const [text, line] of cases) {
    const message = refusal(text);
    assertMatch(message, line);
    assertEquals(message.split("\n").length, 1);
  }
});

Deno.test({
  name: "sweep file: it runs, in one thread and by the source that workers take",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    const input = { text: file("{rate: [0.1, 0.5]}"), file: "test.yaml" };
    const source = yamlSource(input);
    assertEquals(JSON.parse(JSON.stringify(source)), source);
    const results = [];
    for (const sweep of [yamlSweep(input), await loadSweep(source)]) {
      const outcome = await runSweep(sweep.cells(), { store: memoryStores().store });
      assertEquals(outcome.failures, []);
      results.push(outcome.results.map(({ slug, history }) => [slug, history]));
    }
    assertEquals(results[0], results[1]);
    assertEquals(results[0].map(([slug]) => slug), ["rate=0.1", "rate=0.5"]);
  },
});

Deno.test({
  name: "sweep of configurations: the cells of a sweep come again from what they wrote down",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    const input = { text: file("{rate: [0.1, 0.5]}", "seed: 3"), file: "test.yaml" };
    const cells = yamlSweep(input).cells();
    const again = {
      name: "again",
      cells: cells.map(({ slug, config, values }) => ({ slug, config, values })),
    };
    const rebuilt = (await loadSweep(configSource(again))).cells();
    assertEquals(
      rebuilt.map(({ slug, seed, config }) => [slug, seed, config]),
      cells.map(({ slug, seed, config }) => [slug, seed, config]),
    );
    const [mine, theirs] = [
      await runSweep([cells[1]], { store: memoryStores().store }),
      await runSweep([rebuilt[1]], { store: memoryStores().store }),
    ];
    assertEquals(mine.results[0].history, theirs.results[0].history);
    const lacking = { stages: [{ name: "load", config: { dataset: { name: "synthetic" } } }] };
    const { message } = assertThrows(
      () => configSweep({ name: "old", cells: [{ slug: "a", config: lacking }] }).cells(),
      PolyphaseError,
    );
    assertMatch(
      message,
      /^Sweep old: the registry makes another pipeline of the configuration of a: complete it/,
    );
  },
});
