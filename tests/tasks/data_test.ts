/**
 * `deno task data`: which files were used, what is said of them, and the command itself.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { hostSystem, type System } from "../../datasets/system.ts";
import { sha256 } from "../../pipeline/json.ts";
import { summarize, summaryText } from "../../tasks/data/summary.ts";
import { watchFiles } from "../../tasks/data/used_files.ts";
import { canRunTasks, runTask } from "../support.ts";

const CONTENT = new TextEncoder().encode("the content");

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** A machine with these files, on which every address can be fetched. */
function machine(files: Record<string, Uint8Array<ArrayBuffer>>, saves = true): System {
  return {
    ...hostSystem(),
    readFile: (path) => Promise.resolve(files[path]),
    saveFile: () => saves ? Promise.resolve() : Promise.reject(new Error("the disk is full")),
    fetch: (url) => Promise.resolve(new Response(null, { status: url.includes("gone") ? 404 : 200 })),
  };
}

Deno.test("a file that was read is told with its place and the SHA-256 of its content", async () => {
  const files = {
    "/a/labels": CONTENT,
    "/a/images.gz": await gzip(CONTENT),
    "/a/all.tar.gz": await gzip(CONTENT),
  };
  const { system, used } = watchFiles(machine(files));
  for (const path of [...Object.keys(files), "/a/absent"]) await system.readFile(path);
  const hash = await sha256(CONTENT);
  assertEquals(used(), [
    { name: "all.tar.gz", path: "/a/all.tar.gz", sha256: await sha256(files["/a/all.tar.gz"]) },
    { name: "images", path: "/a/images.gz", sha256: hash },
    { name: "labels", path: "/a/labels", sha256: hash },
  ]);
});

Deno.test("the last place counts: a damaged file is passed over for the one that was fetched and kept", async () => {
  const damaged = (await gzip(CONTENT)).slice(0, 20);
  const { system, used } = watchFiles(machine({ "/cache/images.gz": damaged }));
  await system.readFile("/cache/images.gz");
  assertEquals(used(), [{ name: "images", path: "/cache/images.gz", sha256: null }]);
  const { signal } = new AbortController();
  await system.fetch("https://mirror.example/images.gz", { signal });
  await system.fetch("https://mirror.example/gone/labels.gz", { signal });
  assertEquals(used(), [{ name: "images", path: null, sha256: null }]);
  await system.saveFile("/new/images.gz", await gzip(CONTENT));
  assertEquals(used(), [{ name: "images", path: "/new/images.gz", sha256: await sha256(CONTENT) }]);
});

Deno.test("a file that could not be kept has no place", async () => {
  const { system, used } = watchFiles(machine({}, false));
  await assertRejects(() => system.saveFile("/cache/images", CONTENT), Error, "the disk is full");
  assertEquals(used(), [{ name: "images", path: null, sha256: null }]);
});

Deno.test("the summary counts the images of each class and lists the files by how they were checked", () => {
  const split = (labels: number[]) => ({
    images: {
      count: labels.length,
      height: 2,
      width: 3,
      channels: 1,
      pixels: new Uint8Array(6 * labels.length),
    },
    labels: Uint8Array.from(labels),
  });
  const summaries = summarize({
    train: split([0, 1, 1, 1]),
    test: split([1]),
    classes: ["Bag", "Ankle boot"],
  });
  assertEquals(summaries[0], {
    split: "train",
    count: 4,
    height: 2,
    width: 3,
    channels: 1,
    classes: [{ name: "Bag", count: 1 }, { name: "Ankle boot", count: 3 }],
  });
  assertEquals(summaries[1].classes, [{ name: "Bag", count: 0 }, { name: "Ankle boot", count: 1 }]);
  const files = [
    { name: "images", path: "/a/images.gz", sha256: "abc" },
    { name: "labels", path: null, sha256: null },
    { name: "test.bin", path: "/a/test.bin", sha256: "def" },
  ];
  assertEquals(summaryText("demo", files, summaries).split("\n"), [
    "demo: 4 training and 1 test images, 2 × 3, grey, 2 classes",
    "",
    "Files with the published SHA-256 (of the uncompressed bytes):",
    "  abc  /a/images.gz",
    "  labels: fetched, and not kept",
    "",
    "Files of the right structure (no SHA-256 is published):",
    "  def  /a/test.bin",
    "",
    "  class         train     test",
    "  Bag               1        0",
    "  Ankle boot        3        1",
  ]);
});

function taskTest(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name: `deno task data ${name} (needs --allow-run --allow-read)`,
    ignore: !canRunTasks(),
    sanitizeOps: true,
    sanitizeResources: true,
    fn,
  });
}

taskTest("--json prints one document, and nothing else on standard output", async () => {
  const { code, stdout } = await runTask("tasks/data.ts", ["--dataset", "synthetic", "--json", "--quiet"]);
  assertEquals(code, 0);
  const { task, dataset, files, results } = JSON.parse(stdout);
  assertEquals([task, dataset, files, results[0].split, results[0].count], [
    "data",
    "synthetic",
    [],
    "train",
    2000,
  ]);
  const counts = results[0].classes.map((each: { count: number }) => each.count);
  assertEquals([counts.length, counts.reduce((a: number, b: number) => a + b)], [10, 2000]);
});

taskTest("prints a table", async () => {
  const { code, stdout, stderr } = await runTask("tasks/data.ts", ["--dataset=synthetic", "--quiet"]);
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^synthetic: 2,000 training and 500 test images, 28 × 28, grey, 10 classes\n/);
  assertMatch(stdout, /\n {2}T-shirt\/top +\d+ +\d+\n/);
});

taskTest("names the mend where a folder has not the files, or the name is unknown", async () => {
  const empty = await runTask("tasks/data.ts", ["--data", "tests/golden"]);
  assertEquals([empty.code, empty.stdout], [1, ""]);
  assertMatch(empty.stderr, /^error: No train-images-idx3-ubyte or .* in tests\/golden: .*\n$/);
  const unknown = await runTask("tasks/data.ts", ["--dataset", "fashon-mnist"]);
  assertEquals(unknown.code, 1);
  assertStringIncludes(unknown.stderr, "did you mean fashion-mnist?");
});

taskTest("--help says where files are looked for", async () => {
  const { code, stdout } = await runTask("tasks/data.ts", ["--help"]);
  assertEquals(code, 0);
  for (const part of ["Usage: deno task data", "--dataset", "--data DIR", "--json", "$POLYPHASE_DATA"]) {
    assertStringIncludes(stdout, part);
  }
  assert(!stdout.includes("--epochs"), "a flag that does nothing is offered");
});
