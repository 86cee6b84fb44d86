/**
 * The folder of a run: version numbers, whole files, and which run is resumed.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { createRunFolder, differences, resumeRunFolder, type RunFolder } from "../../tasks/run_folder.ts";
import { permitted } from "../support.ts";

const TASK = "fmnist-adaptive";
const CONFIG = { epochs: 2, stages: [{ name: "train", config: { rate: 0.1 } }], seed: 0 };

function folderTest(name: string, fn: (out: string) => Promise<void>, also = true): void {
  Deno.test({
    name: `${name} (needs --allow-read --allow-write)`,
    ignore: !permitted({ name: "read" }, { name: "write" }) || !also,
    sanitizeOps: true,
    sanitizeResources: true,
    fn: async () => {
      const out = await Deno.makeTempDir();
      try {
        await fn(out);
      } finally {
        await Deno.remove(out, { recursive: true });
      }
    },
  });
}

/** The folder of a new run, released at once as if its process had ended. */
async function create(...options: Parameters<typeof createRunFolder>): Promise<RunFolder> {
  const folder = await createRunFolder(...options);
  await folder.release();
  return folder;
}

async function goOn(...options: Parameters<typeof resumeRunFolder>): Promise<RunFolder> {
  const folder = await resumeRunFolder(...options);
  await folder.release();
  return folder;
}

async function namesIn(path: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(path), ({ name }) => name)).sort();
}

async function textOf(folder: RunFolder, name: string): Promise<string> {
  return new TextDecoder().decode(await folder.read(name));
}

async function messageOf(fn: () => Promise<unknown>): Promise<string> {
  const { message } = await assertRejects(fn, PolyphaseError);
  assertEquals(message.split("\n").length, 1);
  return message;
}

folderTest(
  "versions count up from 1, above the highest, and config.json holds the configuration",
  async (out) => {
    const first = await create(`${out}/runs`, TASK, CONFIG);
    assertEquals([first.path, first.version], [`${out}/runs/${TASK}/version_1`, 1]);
    assertEquals(await namesIn(first.path), ["config.json"]);
    assertEquals(JSON.parse(await textOf(first, "config.json")), CONFIG);
    assertMatch(await textOf(first, "config.json"), /^\{\n {2}"epochs": 2,\n/);
    await Deno.mkdir(`${out}/runs/${TASK}/version_9`);
    await Deno.mkdir(`${out}/runs/${TASK}/version_old`);
    assertEquals((await create(`${out}/runs`, TASK, CONFIG)).version, 10);
    assertEquals((await create(`${out}/runs`, "other", CONFIG)).version, 1);
  },
);

folderTest("runs that begin together get a folder each", async (out) => {
  const folders = await Promise.all(Array.from({ length: 8 }, () => create(out, TASK, CONFIG)));
  assertEquals(folders.map((folder) => folder.version).sort((a, b) => a - b), [1, 2, 3, 4, 5, 6, 7, 8]);
});

folderTest("files are written, replaced, read and removed", async (out) => {
  const folder = await create(out, TASK, CONFIG);
  await folder.write("results.csv", "a,b\r\n");
  await folder.write("results.csv", "c\r\n");
  assertEquals(await textOf(folder, "results.csv"), "c\r\n");
  const bytes = Uint8Array.from({ length: 3_000_000 }, (_, index) => index * 7);
  await folder.write("model.safetensors", bytes);
  assertEquals(await folder.read("model.safetensors"), bytes);
  assertEquals(await namesIn(folder.path), ["config.json", "model.safetensors", "results.csv"]);
  await folder.remove("model.safetensors");
  await folder.remove("model.safetensors");
  assertEquals(await folder.read("model.safetensors"), undefined);
});

folderTest("a name that leads elsewhere is refused", async (out) => {
  const folder = await create(out, TASK, CONFIG);
  for (const name of ["../x", "a/b", "", ".hidden", "/etc/x"]) {
    await assertRejects(() => folder.write(name, "x"), RangeError, "is no file name");
  }
});

folderTest("a write that fails leaves what was there, and nothing beside it", async (out) => {
  const folder = await create(out, TASK, CONFIG);
  // A folder of that name: the file is written beside it in full, and then cannot take the name.
  await Deno.mkdir(`${folder.path}/report.html`);
  await Deno.writeTextFile(`${folder.path}/report.html/kept`, "kept");
  assertMatch(
    await messageOf(() => folder.write("report.html", "new")),
    /report\.html" is a folder where a file is needed/,
  );
  assertEquals(await namesIn(folder.path), ["config.json", "report.html"]);
  assertEquals(await Deno.readTextFile(`${folder.path}/report.html/kept`), "kept");
});

folderTest("a full disk is said in one line, and the old file stays", async (out) => {
  const folder = await create(out, TASK, CONFIG);
  await folder.write("results.csv", "old");
  await Deno.symlink("/dev/full", `${folder.path}/.results.csv.tmp`);
  const message = await messageOf(() => folder.write("results.csv", "new"));
  assertEquals(
    message,
    `Cannot write "${folder.path}/results.csv": the disk is full; free some space or write elsewhere with --out DIR`,
  );
  assertEquals(await textOf(folder, "results.csv"), "old");
  assertEquals(await namesIn(folder.path), ["config.json", "results.csv"]);
}, Deno.build.os === "linux");

folderTest("checkpoints are files of the folder", async (out) => {
  const { checkpoints, path } = await create(out, TASK, CONFIG);
  assertEquals(await checkpoints.load("checkpoint-vit"), undefined);
  await checkpoints.save("checkpoint-vit", new Uint8Array([1, 2, 3]));
  assertEquals(await checkpoints.load("checkpoint-vit"), new Uint8Array([1, 2, 3]));
  assertEquals(await namesIn(path), ["checkpoint-vit.safetensors", "config.json"]);
});

folderTest("the newest unfinished run of the same configuration is resumed", async (out) => {
  const first = await create(out, TASK, CONFIG);
  const second = await create(out, TASK, CONFIG);
  const third = await create(out, TASK, CONFIG);
  await create(out, TASK, { ...CONFIG, epochs: 50 });
  await third.write("report.html", "<!doctype html>");
  await second.write("history.csv", "epoch\r\n");
  await Deno.writeTextFile(`${second.path}/.model.safetensors.tmp`, "half of it");
  const reordered = { seed: 0, stages: CONFIG.stages, epochs: 2 };
  const resumed = await goOn(out, TASK, reordered);
  assertEquals(resumed.path, second.path);
  assertNotEquals(resumed.path, first.path);
  assertEquals(await namesIn(resumed.path), ["config.json", "history.csv"]);
});

folderTest("--resume with nothing to resume says what there is", async (out) => {
  const resume = () => messageOf(() => goOn(out, TASK, CONFIG));
  assertEquals(await resume(), `--resume: no run in ${out}/${TASK}: start without --resume`);
  // A process that died before it wrote its configuration, and one whose configuration was spoilt since.
  await Deno.mkdir(`${out}/${TASK}/version_1`, { recursive: true });
  await Deno.mkdir(`${out}/${TASK}/version_2`);
  await Deno.writeTextFile(`${out}/${TASK}/version_2/config.json`, "{");
  assertEquals(await resume(), `--resume: no run in ${out}/${TASK}: start without --resume`);
  await create(out, TASK, { ...CONFIG, epochs: 50 });
  assertEquals(
    await resume(),
    `--resume: no unfinished run of this configuration in ${out}/${TASK}; the newest, version_3, differs in epochs (50, not 2): start without --resume, or set that as it was`,
  );
  const done = await create(out, TASK, CONFIG);
  await done.write("report.html", "<!doctype html>");
  assertEquals(
    await resume(),
    `--resume: version_4 in ${out}/${TASK} is this configuration and is finished: start without --resume`,
  );
});

folderTest("an output folder that is a file, or below one, is said in one line", async (out) => {
  await Deno.writeTextFile(`${out}/file`, "");
  for (const path of [`${out}/file`, `${out}/file/below`]) {
    assertMatch(
      await messageOf(() => create(path, TASK, CONFIG)),
      /^".*\/fmnist-adaptive" leads over a file where a folder is needed: /,
    );
  }
});

folderTest("an output folder that may not be written to is said in one line", async () => {
  // Where not even root may write: some systems say that it is forbidden, others that it is read-only.
  assertMatch(
    await messageOf(() => create("/sys/polyphase", TASK, CONFIG)),
    /^(No permission for|Cannot write) "\/sys\/polyphase\/fmnist-adaptive": .*--out DIR/,
  );
}, Deno.build.os === "linux");

Deno.test("differences names the places, what is there and what was asked for", () => {
  const seen = { epochs: 50, stages: [{ name: "load" }, { name: "train" }], seed: 0 };
  assertEquals(differences(seen, { ...seen, epochs: 2 }), "epochs (50, not 2)");
  assertEquals(
    differences(seen, { epochs: 50, stages: [{ name: "load" }, { name: "eval" }], seed: 0, extra: [] }),
    'stages.1.name ("train", not "eval"), extra (absent, not [])',
  );
  assertEquals(
    differences({ a: 1, b: 2, c: 3, d: 4, e: 5 }, {}).endsWith(", c (3, not absent) and 2 more"),
    true,
  );
  assert(differences(seen, seen) === "");
});

folderTest("a run that another process is at is not gone on with", async (out) => {
  const folder = await createRunFolder(out, TASK, CONFIG);
  const message = await messageOf(() => resumeRunFolder(out, TASK, CONFIG));
  assertMatch(message, /version_1 is being written by another process: wait until it has ended/);
  await folder.release();
  const again = await resumeRunFolder(out, TASK, CONFIG);
  assertEquals(again.version, 1);
  await again.release();
});
