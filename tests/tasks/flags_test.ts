/**
 * Flags: values, types, refusals and the help text.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { BACKENDS } from "../../models/backend/select.ts";
import { COMMON_FLAGS, pickFlags, seedsOf } from "../../tasks/common_flags.ts";
import type { Usage } from "../../tasks/flag.ts";
import { HelpRequest, parseFlags, UsageError } from "../../tasks/flags.ts";
import { helpText } from "../../tasks/help.ts";

const USAGE = {
  task: "demo",
  summary: "Shows what flags can do.",
  flags: [
    ...pickFlags(["epochs", "seed", "seeds", "backend", "out", "json"], { epochs: 50 }),
    { name: "learning-rate", kind: "number", min: 0, max: 1, help: "Step size." },
    { name: "models", kind: "list", of: "string", choices: ["vit", "swin"], help: "What to train." },
    { name: "offsets", kind: "list", of: "integer", default: [1, 4], help: "Pixels to shift by." },
    { name: "shift", kind: "integer", help: "Shift by N pixels." },
    { name: "report", kind: "boolean", default: true, help: "Write no report." },
  ],
  notes: "Metrics:\n  val_acc  share of right answers, higher is better",
} as const satisfies Usage;

function parsed(...args: string[]) {
  return parseFlags(USAGE, args);
}

function refused(...args: string[]): string {
  return assertThrows(() => parsed(...args), UsageError).message;
}

Deno.test("flags that are not given have their default, or are undefined", () => {
  assertEquals(parsed(), {
    epochs: 50,
    seed: 0,
    seeds: undefined,
    backend: "wasm",
    out: "runs",
    json: false,
    learningRate: undefined,
    models: undefined,
    offsets: [1, 4],
    shift: undefined,
    report: true,
  });
});

Deno.test("both ways to write a value mean the same, and the last counts", () => {
  const args = [
    "--epochs",
    "3",
    "--learning-rate=1e-3",
    "--out",
    "a=b",
    "--json",
    "--no-report",
    "--epochs=4",
  ];
  const { epochs, learningRate, out, json, report } = parsed(...args);
  assertEquals([epochs, learningRate, out, json, report], [4, 1e-3, "a=b", true, false]);
});

Deno.test("a value may begin with a dash", () => {
  assertEquals(parsed("--shift", "-3").shift, -3);
  assertEquals(parsed("--shift=-3", "--offsets", "-1,2").offsets, [-1, 2]);
});

Deno.test("lists are separated by commas, or given several times", () => {
  const { models, offsets } = parsed("--models", "vit,swin", "--models=vit", "--offsets", "1, 2");
  assertEquals(models, ["vit", "swin", "vit"]);
  assertEquals(offsets, [1, 2]);
});

Deno.test("the types of the values follow from the description", () => {
  const flags = parsed();
  const epochs: number = flags.epochs;
  const backend: "wasm" | "webgpu" | "cpu" = flags.backend;
  const models: readonly ("vit" | "swin")[] | undefined = flags.models;
  const offsets: readonly number[] = flags.offsets;
  const report: boolean = flags.report;
  // @ts-expect-error it has no default
  const shift: number = flags.shift;
  // @ts-expect-error there is no such flag
  const nothing = flags.nothing;
  assertEquals([epochs, backend, models, offsets, report, shift, nothing], [
    50,
    "wasm",
    undefined,
    [1, 4],
    true,
    undefined,
    undefined,
  ]);
});

Deno.test("an unknown flag is refused with the nearest known name", () => {
  const cases: [string[], string][] = [
    [["--epoch", "3"], "Unknown flag --epoch: did you mean --epochs? See --help."],
    [["--epoch=3"], "Unknown flag --epoch: did you mean --epochs? See --help."],
    [["--learning_rate=3"], "Unknown flag --learning_rate: did you mean --learning-rate? See --help."],
    [["--learn"], "Unknown flag --learn: did you mean --learning-rate? See --help."],
    [["--no-reports"], "Unknown flag --no-reports: did you mean --no-report? See --help."],
    [["--help-me"], "Unknown flag --help-me: did you mean --help? See --help."],
    [["-e", "3"], "Unknown flag -e: did you mean --epochs? See --help."],
    [["--qqqqqqqqqqqqqqqq"], "Unknown flag --qqqqqqqqqqqqqqqq. See --help."],
    [["--no-json"], "Unknown flag --no-json: leave out --json instead. See --help."],
    [["epochs=3"], '"epochs=3" is not a flag: flags begin with two dashes. See --help.'],
    [["--", "x"], '"x" is not a flag: flags begin with two dashes. See --help.'],
  ];
  for (const [args, message] of cases) assertEquals(refused(...args), message);
});

Deno.test("a value that a flag cannot have is refused", () => {
  const cases: [string[], string][] = [
    [["--epochs", "many"], '--epochs: "many" is not an integer of 1 or more. See --help.'],
    [["--epochs=0"], '--epochs: "0" is not an integer of 1 or more. See --help.'],
    [["--epochs=1.5"], '--epochs: "1.5" is not an integer of 1 or more. See --help.'],
    [["--epochs=0x10"], '--epochs: "0x10" is not an integer of 1 or more. See --help.'],
    [["--seed", "-1"], '--seed: "-1" is not an integer from 0 to 4294967295. See --help.'],
    [["--seed", "4294967296"], '--seed: "4294967296" is not an integer from 0 to 4294967295. See --help.'],
    [["--learning-rate=2"], '--learning-rate: "2" is not a number from 0 to 1. See --help.'],
    [["--learning-rate=Infinity"], '--learning-rate: "Infinity" is not a number from 0 to 1. See --help.'],
    [["--shift=1e400"], '--shift: "1e400" is not an integer. See --help.'],
    [["--backend=gpu"], '--backend: "gpu" is not one of wasm, webgpu, cpu. See --help.'],
    [["--models=vit,resnet"], '--models: "resnet" is not one of vit, swin. See --help.'],
    [["--offsets=1,,2"], '--offsets: "" is not an integer. See --help.'],
    [["--epochs"], "--epochs needs a value: --epochs N. See --help."],
    [["--out="], "--out needs a value: --out DIR. See --help."],
    [["--out", ""], "--out needs a value: --out DIR. See --help."],
    [["--out", "--json"], "--out needs a value: --out DIR. See --help."],
    [["--json=yes"], '--json is on or off, not "yes": give it without a value. See --help.'],
    [["--json", "true"], '"true" is not a flag: write --json=true. See --help.'],
    [["--no-report=true"], "--no-report takes no value: write --no-report or --report=true. See --help."],
    [["--seed=1", "--seeds=1,2"], "--seeds and --seed exclude each other: give one of them. See --help."],
  ];
  for (const [args, message] of cases) assertEquals(refused(...args), message);
  assertEquals(parsed("--json=false", "--report=false").report, false);
});

Deno.test("--help and -h ask for the help text, whatever else is given", () => {
  for (const flag of ["--help", "-h"]) {
    assertEquals(assertThrows(() => parsed("--nonsense", flag), HelpRequest).message, helpText(USAGE));
  }
});

Deno.test("the help text has the flags by group, aligned, with values, choices and defaults", () => {
  const text = helpText(USAGE);
  const expected = `Usage: deno task demo [flags]

Shows what flags can do.

Training:
  --epochs N                 Passes over the training images. [default: 50]
  --seed N                   Seed of everything random: the same seed gives the same numbers.
                             [default: 0]
  --seeds N,…                Run once for each seed, and report mean and standard deviation too.
  --backend wasm|webgpu|cpu  What computes. [default: wasm]

Output:
  --out DIR                  Folder for results; each run makes <task>/version_N in it. [default:
                             runs]
  --json                     Print the results as one JSON document on standard output.
  --help                     Show this text and stop.

Options:
  --learning-rate N          Step size.
  --models NAME,…            What to train. One of vit, swin.
  --offsets N,…              Pixels to shift by. [default: 1,4]
  --shift N                  Shift by N pixels.
  --no-report                Write no report.

Metrics:
  val_acc  share of right answers, higher is better`;
  assertEquals(text.split("\n"), expected.split("\n"));
});

Deno.test("every common flag says what it does, and the backends are those that there are", () => {
  for (const flag of COMMON_FLAGS) assert(flag.help.length > 10, flag.name);
  assertEquals(COMMON_FLAGS.find((flag) => flag.name === "backend")?.choices, [...BACKENDS] as never);
});

Deno.test("pickFlags keeps the order, sets the task's defaults and refuses others", () => {
  const flags = pickFlags(["seed", "epochs"], { epochs: 3 });
  assertEquals(flags.map((flag) => [flag.name, flag.default]), [["seed", 0], ["epochs", 3]]);
  // @ts-expect-error no such default is picked
  const error = assertThrows(() => pickFlags(["seed"], { epochs: 3 }), RangeError);
  assertStringIncludes(error.message, "--epochs");
});

Deno.test("seedsOf gives each seed once", () => {
  assertEquals(seedsOf(parsed("--seeds", "3,1,3")), [3, 1]);
  assertEquals(seedsOf(parsed("--seed", "7")), [7]);
  assertEquals(seedsOf(parsed()), [0]);
});
