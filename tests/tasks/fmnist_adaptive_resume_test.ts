/**
 * `deno task fmnist-adaptive`, stopped and resumed: the outcome is that of a run that nothing interrupted.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { TaskResult } from "../support.ts";
import { assertRefused, namesIn, RUNS, table, task, taskTest, timeless } from "./fmnist_adaptive_runs.ts";

const hasSignals = Deno.build.os !== "windows";

/** An epoch has 30 steps, fewer than lie between two reports of progress: the first line comes with a checkpoint. */
const LONG = `--models base,adaptive-notebook ${RUNS} --epochs 24`;
const TABLES = ["history.csv", "offsets.csv"];
const MODELS = ["model-base.safetensors", "model-adaptive-notebook.safetensors"];

/** The files of a run but for its best checkpoints. */
function filesIn(folder: string): string[] {
  return namesIn(folder).filter((name) => !name.startsWith("best-"));
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for (const name of namesIn(from)) await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
}

/** A finished run in `folder` whose every number is that of the run in `reference`. */
async function assertSame(folder: string, reference: string): Promise<void> {
  assertEquals(filesIn(folder), filesIn(reference));
  assertEquals(
    timeless(await table(`${folder}/results.csv`)),
    timeless(await table(`${reference}/results.csv`)),
  );
  for (const name of [...TABLES, ...MODELS]) {
    assertEquals(await Deno.readFile(`${folder}/${name}`), await Deno.readFile(`${reference}/${name}`), name);
  }
}

/** What a stopped run says last: one line, with the flag that goes on. */
function assertStopped({ code, stdout, stderr }: TaskResult): void {
  assertEquals([code, stdout], [130, ""], stderr);
  const [stopping, last] = stderr.trimEnd().split("\n").filter((line) => /^Stop/.test(line));
  assertEquals(stopping, "Stopping after this step; again to stop at once.");
  assertEquals(stderr.trimEnd().split("\n").at(-1), last);
  assertMatch(last, /^Stopped .*resume/, `it does not say how to go on: ${last}`);
}

taskTest(
  "goes on with --resume after Ctrl-C and after a sudden end, to the same numbers",
  async (t, folder) => {
    const uninterrupted = await task(`${LONG} --quiet --out ${folder}/whole`);
    assertEquals([uninterrupted.code, uninterrupted.stderr], [0, ""]);
    const reference = `${folder}/whole/fmnist-adaptive/version_1`;
    /** Starts a run, and ends it with the first line that says this. */
    const stop = (name: string, signal: Deno.Signal, after: string) =>
      task(`${LONG} --out ${folder}/${name}`, { signals: [{ after, signal }] });
    const resume = (name: string, more = "") => task(`${LONG}${more} --out ${folder}/${name} --resume`);

    await t.step("Ctrl-C in the second training", async () => {
      assertStopped(await stop("sigint", "SIGINT", "train: adaptive-notebook"));
      const path = `${folder}/sigint/fmnist-adaptive/version_1`;
      const names = namesIn(path);
      assert(names.includes("last-adaptive-notebook.safetensors"), `no checkpoint among ${names}`);
      assert(
        names.includes("model-base.safetensors") && !names.includes("last-base.safetensors"),
        `${names}`,
      );
      assert(!names.includes("report.html"), "it was finished before the signal came");
      assertEquals((await table(`${path}/results.csv`)).map(({ model }) => model), ["base"]);

      const other = await resume("sigint", " --epochs 25");
      assertRefused(
        other,
        1,
        /no unfinished run of this configuration .* version_1, differs in .*epochs \(24, not 25\)/,
      );
      assertEquals(namesIn(path), names);

      const { code, stderr, stdout } = await resume("sigint");
      assertEquals(code, 0, stderr);
      assert(!stderr.includes("train: base"), "a finished model was trained again");
      const [, first] = stderr.match(/train: adaptive-notebook token-mean-mlp, (\d+) of 720/) ?? [];
      assert(Number(first) > 30, `it started anew: the first line is at step ${first}`);
      assertMatch(stdout, /^model .*\n.*\nbase .*\nadaptive-notebook /);
      await assertSame(path, reference);
      assertEquals(namesIn(`${folder}/sigint/fmnist-adaptive`), ["version_1"]);

      assertRefused(await resume("sigint"), 1, /version_1 in .* is this configuration and is finished/);
    });

    await t.step("Ctrl-C in the evaluation under shift", async () => {
      const path = `${folder}/shift/fmnist-adaptive/version_1`;
      const stopped = await stop("shift", "SIGINT", "shiftEval: adaptive-notebook");
      assertEquals(filesIn(path).filter((name) => name.startsWith("last-")), [
        "last-adaptive-notebook.safetensors",
      ]);
      const { code, stderr } = await resume("shift");
      assertEquals(code, 0, stderr);
      assert(!stderr.includes("train: "), "what was trained was trained again");
      await assertSame(path, reference);
      assertStopped(stopped);
    });

    await t.step("the process is killed in the second training", async () => {
      const path = `${folder}/killed/fmnist-adaptive/version_1`;
      const { code, stdout } = await stop("killed", "SIGKILL", "train: adaptive-notebook");
      assertEquals([code, stdout], [137, ""]);
      assert(namesIn(path).includes("last-adaptive-notebook.safetensors"));
      // Had it died in the middle of a file, this would be there too.
      await Deno.writeTextFile(`${path}/.model-base.safetensors.tmp`, "half");
      await copyFolder(path, `${folder}/between/fmnist-adaptive/version_1`);
      const resumed = await resume("killed");
      assertEquals(resumed.code, 0, resumed.stderr);
      await assertSame(path, reference);
    });

    await t.step(
      "the process is killed when a result is kept and its checkpoint not yet removed",
      async () => {
        const path = `${folder}/between/fmnist-adaptive/version_1`;
        await Deno.copyFile(`${path}/last-adaptive-notebook.safetensors`, `${path}/last-base.safetensors`);
        const resumed = await resume("between");
        assertEquals(resumed.code, 0, resumed.stderr);
        await assertSame(path, reference);
      },
    );
  },
  hasSignals,
);

taskTest("--resume is refused where there is nothing to go on with", async (_, folder) => {
  const line = /--resume: no run in .*: start without --resume/;
  assertRefused(await task(`${RUNS} --out ${folder}/none --resume`), 1, line);
  assertEquals(namesIn(folder), []);
});
