/**
 * `deno task sweep`: what it writes, failures, and that what was stopped or killed goes on to the same numbers.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { readCsv } from "../../tasks/csv.ts";
import {
  canRunTasks,
  inTempFolder,
  permitted,
  runTask,
  type TaskOptions,
  type TaskResult,
} from "../support.ts";

const hasSignals = Deno.build.os !== "windows";

/** Two short cells and two long ones; an epoch has ten steps, so the first line on a cell comes with a checkpoint. */
const YAML = `
name: lengths
matrix:
  inputs: [160, 3_000]
  seed: [0, 1]
load: {dataset: {name: synthetic, size: 8, train: 40, test: 20}}
augment: [{name: circular-shift, max: 2}]
tokenize: {name: patches-2d, size: 4}
train:
  model: {name: token-mean-mlp, embed: 4, hidden: 8}
  optimizer: {name: adam, learningRate: 0.01}
  batchSize: 4
  maxInputs: \${inputs}
evaluate:
`;

const CELLS = ["inputs=160_seed=0", "inputs=160_seed=1", "inputs=3_000_seed=0", "inputs=3_000_seed=1"];

function sweepTest(
  name: string,
  fn: (t: Deno.TestContext, folder: string) => Promise<void>,
  also = true,
): void {
  Deno.test({
    name: `deno task sweep ${name} (needs --allow-run --allow-read --allow-write)`,
    ignore: !canRunTasks() || !permitted({ name: "write" }) || !also,
    sanitizeOps: true,
    sanitizeResources: true,
    fn: (t) => inTempFolder((folder) => fn(t, folder)),
  });
}

function sweep(args: string, options?: TaskOptions): Promise<TaskResult> {
  return runTask("tasks/sweep.ts", args.split(" "), options);
}

function namesIn(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
}

async function rowsOf(path: string): Promise<Record<string, string>[]> {
  return readCsv(await Deno.readTextFile(path)).map((row) => ({ ...row, seconds: "", ms_per_step: "" }));
}

/** A finished run in `folder` whose every number is that of the run in `reference`. */
async function assertSame(folder: string, reference: string): Promise<void> {
  assertEquals(namesIn(folder), namesIn(reference));
  assertEquals(await rowsOf(`${folder}/results.csv`), await rowsOf(`${reference}/results.csv`));
  for (const cell of CELLS) {
    assertEquals(namesIn(`${folder}/${cell}`), namesIn(`${reference}/${cell}`));
    for (const name of ["model.safetensors", "best.safetensors", "history.csv", "config.json"]) {
      const [mine, theirs] = [`${folder}/${cell}/${name}`, `${reference}/${cell}/${name}`];
      assertEquals(await Deno.readFile(mine), await Deno.readFile(theirs), mine);
    }
  }
}

/** The bytes of a file and when it was written. */
async function markOf(path: string): Promise<[string, number | undefined]> {
  return [await Deno.readTextFile(path), (await Deno.stat(path)).mtime?.getTime()];
}

sweepTest(
  "goes on with --resume after a sudden end and after Ctrl-C, to the same numbers",
  async (t, folder) => {
    await Deno.writeTextFile(`${folder}/lengths.yaml`, YAML);
    const start = (name: string, flags: string, options?: TaskOptions) =>
      sweep(`${folder}/lengths.yaml --out ${folder}/${name} ${flags}`, options);
    const reference = `${folder}/whole/sweep/version_1`;

    await t.step("uninterrupted, one cell after the other", async () => {
      const whole = await start("whole", "--jobs 1 --quiet --json");
      assertEquals([whole.code, whole.stderr], [0, ""]);
      const document = JSON.parse(whole.stdout);
      assertEquals([document.task, document.version, document.out, document.seed], ["sweep", 1, reference, [
        0,
        1,
      ]]);
      assertEquals(document.results.map(({ cell }: { cell: string }) => cell), CELLS);
      assertEquals(namesIn(reference), ["config.json", ...CELLS, "report.html", "results.csv"].sort());
      assertEquals(namesIn(`${reference}/${CELLS[0]}`), [
        "best.safetensors",
        "config.json",
        "history.csv",
        "model.safetensors",
        "result.json",
      ]);
      const page = await Deno.readTextFile(`${reference}/report.html`);
      for (
        const part of [
          "4 of 4 cells finished",
          "data-sortable",
          "Over seeds",
          "inputs 3000, seed 1",
          "<script>",
        ]
      ) {
        assertStringIncludes(page, part);
      }
      assert(!/(?:src|href)="https?:/.test(page), "the page needs a network");
      const header = (await Deno.readTextFile(`${reference}/results.csv`)).split("\r\n")[0];
      assertEquals(
        header,
        "model,params,seed,epochs,train_loss,val_loss,val_acc,seconds,ms_per_step,cell,inputs",
      );
    });

    await t.step("killed with two cells running", async () => {
      const path = `${folder}/killed/sweep/version_1`;
      const killed = await start("killed", "--jobs 2", {
        signals: [{ after: `train: ${CELLS[2]}`, signal: "SIGKILL" }],
      });
      assertEquals([killed.code, killed.stdout], [137, ""]);
      const finished = CELLS.filter((cell) => {
        try {
          return namesIn(`${path}/${cell}`).includes("result.json");
        } catch {
          return false;
        }
      });
      assert(finished.length > 0 && finished.every((cell) => cell.startsWith("inputs=160")), `${finished}`);
      assert(namesIn(`${path}/${CELLS[2]}`).includes("last.safetensors"));
      const marks = await Promise.all(finished.map((cell) => markOf(`${path}/${cell}/result.json`)));
      // Had it died in the middle of a file, this would be there too.
      await Deno.writeTextFile(`${path}/${CELLS[2]}/.model.safetensors.tmp`, "half");

      const other = await start("killed", "--resume --epochs 3");
      assertEquals(other.code, 1);
      assertMatch(
        other.stderr,
        /no unfinished run of this configuration .* version_1, differs in cells\.0\.stages/,
      );

      const resumed = await start("killed", "--jobs 2 --resume");
      assertEquals(resumed.code, 0, resumed.stderr);
      for (const cell of finished) {
        assert(!resumed.stderr.includes(`train: ${cell}`), `${cell} was trained again`);
        assertStringIncludes(resumed.stderr, `, ${cell} before`);
      }
      const [, step] = resumed.stderr.match(/train: inputs=3_000_seed=0 token-mean-mlp, (\d[\d,]*) of 750/) ??
        [];
      assert(Number(step?.replace(",", "")) > 10, `it started anew: the first line is at step ${step}`);
      assertEquals(await Promise.all(finished.map((cell) => markOf(`${path}/${cell}/result.json`))), marks);
      await assertSame(path, reference);

      const again = await start("killed", "--resume");
      assertEquals(again.code, 1);
      assertMatch(again.stderr, /version_1 in .* is this configuration and is finished/);
    });

    await t.step("Ctrl-C with two cells running", async () => {
      const path = `${folder}/sigint/sweep/version_1`;
      const stopped = await start("sigint", "--jobs 2", {
        signals: [{ after: `train: ${CELLS[2]}`, signal: "SIGINT" }],
      });
      assertEquals([stopped.code, stopped.stdout], [130, ""], stopped.stderr);
      const last = stopped.stderr.trimEnd().split("\n").at(-1)!;
      assertMatch(last, /^Stopped with [12] of 4 cells finished: resume to go on from there \(--resume\)$/);
      assertEquals(namesIn(path).includes("results.csv"), true);
      assert(!namesIn(`${path}/${CELLS[2]}`).includes("error.txt"), "to be stopped is no failure");
      const resumed = await start("sigint", "--jobs 1 --resume");
      assertEquals(resumed.code, 0, resumed.stderr);
      await assertSame(path, reference);
    });
  },
  hasSignals,
);

sweepTest("finishes the other cells when one fails, and tries it again", async (_, folder) => {
  const yaml = YAML.replace("inputs: [160, 3_000]", "inputs: [160]\n  rate: [1e30, 0.01]").replace(
    "{name: adam, learningRate: 0.01}",
    "{name: sgd, learningRate: ${rate}}",
  );
  await Deno.writeTextFile(`${folder}/failing.yaml`, yaml);
  const start = (flags: string) => sweep(`${folder}/failing.yaml --out ${folder} --quiet ${flags}`);
  const path = `${folder}/sweep/version_1`;
  const first = await start("--json --jobs 2");
  assertEquals(first.code, 1);
  assertMatch(
    first.stderr,
    /^error: 2 of 4 cells failed, the first, inputs=160_rate=1e30_seed=0, so: Cannot run stage "train": loss .*--resume tries again\)\n$/,
  );
  assertEquals(JSON.parse(first.stdout).results.map(({ rate }: { rate: number }) => rate), [0.01, 0.01]);
  const failed = `${path}/inputs=160_rate=1e30_seed=1`;
  assertMatch(await Deno.readTextFile(`${failed}/error.txt`), /^Cannot run stage "train": loss .*\n$/);
  assert(!namesIn(failed).includes("result.json"));
  assertStringIncludes(await Deno.readTextFile(`${path}/report.html`), "2 of 4 cells finished, 2 failed");

  const mark = await markOf(`${path}/inputs=160_rate=0.01_seed=0/result.json`);
  await Deno.writeTextFile(`${failed}/error.txt`, "of before");
  const second = await start("--resume --jobs 1");
  assertEquals(second.code, 1);
  assertMatch(await Deno.readTextFile(`${failed}/error.txt`), /^Cannot run/);
  assertEquals(await markOf(`${path}/inputs=160_rate=0.01_seed=0/result.json`), mark);
  assertEquals(namesIn(`${folder}/sweep`), ["version_1"]);
});

sweepTest("runs a module, some of its cells first and the rest later", async (_, folder) => {
  const file = "tests/pipeline/sweep_fixture.ts";
  const listed = await sweep(`${file} --dry-run`);
  assertEquals(listed.code, 0, listed.stderr);
  assertMatch(
    listed.stdout,
    /^cell +rate +seed +stages\n.*\nrate=0.1_seed=0 +0.1 +0 +load → augment → tokenize → train\n/,
  );
  assertMatch(listed.stdout, /\n4 cells of rates\. Nothing was run\.\n$/);

  const some = await sweep(`${file} --out ${folder} --only rate=0.2_seed=1 --max-inputs 30 --quiet`);
  assertEquals([some.code, some.stderr], [0, ""]);
  const path = `${folder}/sweep/version_1`;
  assertEquals(namesIn(path), ["config.json", "rate=0.2_seed=1", "report.html", "results.csv"]);
  const rest = await sweep(`${file} --out ${folder} --max-inputs 30 --quiet --resume --jobs 2`);
  assertEquals([rest.code, rest.stderr], [0, ""]);
  const rows = await rowsOf(`${path}/results.csv`);
  assertEquals(rows.map(({ cell, tenfold, nothing }) => [cell, tenfold, nothing]), [
    ["rate=0.1_seed=0", "1", ""],
    ["rate=0.1_seed=1", "1", ""],
    ["rate=0.2_seed=0", "2", ""],
    ["rate=0.2_seed=1", "2", ""],
  ]);

  // As if it had been killed between the last cell and the table.
  const table = await Deno.readTextFile(`${path}/results.csv`);
  await Deno.writeTextFile(`${path}/results.csv`, table.replace(/\S+\r\n$/, ""));
  await Deno.remove(`${path}/report.html`);
  const tables = await sweep(`${file} --out ${folder} --max-inputs 30 --quiet --resume`);
  assertEquals([tables.code, tables.stderr], [0, ""]);
  assertEquals(await Deno.readTextFile(`${path}/results.csv`), table);
  assertStringIncludes(await Deno.readTextFile(`${path}/report.html`), "4 of 4 cells finished");
  const again = await sweep(`${file} --out ${folder} --max-inputs 30 --quiet --resume`);
  assertEquals(again.code, 1);
  assertMatch(again.stderr, /^error: --resume: version_1 .* is finished: start without --resume\n$/);
});

sweepTest("says what is wrong with its command line in one line", async (_, folder) => {
  await Deno.writeTextFile(`${folder}/empty.ts`, "export const a = 1;\n");
  await Deno.writeTextFile(`${folder}/none.yaml`, YAML.replace("synthetic, size: 8", "synthetic, size: 0"));
  const cases: [string, number, RegExp][] = [
    ["--jobs 2", 2, /^error: no FILE: write deno task sweep FILE \[flags\]\. See --help\.\n$/],
    ["missing.yaml", 1, /^error: There is no "missing\.yaml": check the path\n$/],
    ["missing.ts", 1, /^error: There is no "missing\.ts": check the path\n$/],
    [`${folder}/empty.ts`, 1, /^error: file:.*empty\.ts exports no sweep: .*\n$/],
    [`${folder}/none.yaml --out ${folder}/out`, 1, /^error: .*none\.yaml: .*size.*\n$/],
    [
      "tests/pipeline/sweep_fixture.ts --only rate=0.1",
      1,
      /has no cell "rate=0\.1": did you mean rate=0\.1_seed=/,
    ],
    [
      "tests/pipeline/sweep_fixture.ts --seed 3",
      1,
      /has an axis "seed" already: leave --seed and --seeds out\n$/,
    ],
    ["tests/pipeline/sweep_fixture.ts --job 3", 2, /did you mean --jobs\?/],
  ];
  for (const [args, code, line] of cases) {
    const seen = await sweep(args);
    assertEquals([seen.code, seen.stdout], [code, ""], seen.stderr);
    assertMatch(seen.stderr, line);
  }
  assertEquals(namesIn(folder), ["empty.ts", "none.yaml"]);
});
