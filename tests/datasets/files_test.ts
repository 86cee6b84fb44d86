import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import type { LoadProgress } from "../../datasets/dataset.ts";
import { cacheFolder, type FileSet, resolveFiles, type ResolveOptions } from "../../datasets/files.ts";
import { AbortedError, PolyphaseError } from "../../pipeline/errors.ts";
import { sha256 } from "../../pipeline/json.ts";
import { type Bytes, bytesOf, type Fake, fakeSystem, gzip } from "./fake_system.ts";

const options = { sanitizeOps: true, sanitizeResources: true };
const images = bytesOf("the images");
const labels = bytesOf("the labels");
const wrong = bytesOf("something else");

const SET: FileSet = {
  name: "cloth",
  title: "Cloth",
  files: [
    { name: "images", sha256: await sha256(images) },
    { name: "labels", sha256: await sha256(labels) },
  ],
  subfolders: ["Cloth/raw"],
  mirrors: ["https://one.example/", "https://two.example/data/"],
  debian: { name: "dataset-cloth", folder: "/usr/share/datasets/cloth" },
};
const ENV = { HOME: "/home/u" };
const CACHE = "/home/u/.cache/polyphase/cloth";
const SYSTEM = "/usr/share/datasets/cloth";

function map(entries: Record<string, Bytes>): Map<string, Bytes> {
  return new Map(Object.entries(entries));
}

async function resolve(fake: Fake, more: ResolveOptions = {}) {
  const system = fakeSystem({ env: ENV, ...fake });
  const told: LoadProgress[] = [];
  const work = resolveFiles(SET, { system, progress: (event) => told.push(event), ...more });
  return { system, told, found: await work };
}

async function refusal(fake: Fake, more: ResolveOptions = {}): Promise<string> {
  return (await assertRejects(() => resolve(fake, more), PolyphaseError)).message;
}

function bothFound(found: ReadonlyMap<string, Bytes>): void {
  assertEquals(found.get("images"), images);
  assertEquals(found.get("labels"), labels);
}

Deno.test("the user's folder is the only place that is looked at, plain or gzipped", options, async () => {
  const files = map({ "/d/images": images, "/d/labels.gz": await gzip(labels), [`${CACHE}/images`]: images });
  const { found, system } = await resolve({ files }, { dir: "/d" });
  bothFound(found);
  assert(system.log.every((line) => line.startsWith("read /d/")));
});

Deno.test("torchvision's folder below the user's is found", options, async () => {
  const files = map({ "/d/Cloth/raw/images": images, "/d/Cloth/raw/labels": labels });
  bothFound((await resolve({ files }, { dir: "/d" })).found);
});

Deno.test("a file missing from the user's folder is an error, though the cache has it", options, async () => {
  const files = map({ "/d/images": images, [`${CACHE}/labels`]: labels });
  assertEquals(
    await refusal({ files }, { dir: "/d" }),
    "No labels or labels.gz in /d: put the files of Cloth there, or leave out --data to fetch them",
  );
});

Deno.test("a wrong checksum in the user's folder is an error that names the file", options, async () => {
  const message = await refusal({ files: map({ "/d/images": wrong }) }, { dir: "/d" });
  assertMatch(
    message,
    /^\/d\/images has a wrong checksum \(SHA-256 [0-9a-f]{12}…, expected [0-9a-f]{12}…\): replace it/,
  );
});

Deno.test("a truncated gzip file in the user's folder is an error that names the file", options, async () => {
  const files = map({ "/d/images.gz": (await gzip(images)).slice(0, 15) });
  assertStringIncludes(
    await refusal({ files }, { dir: "/d" }),
    "/d/images.gz is cut short or damaged: replace",
  );
});

Deno.test("a user's folder that may not be read names the flag", options, async () => {
  assertStringIncludes(await refusal({ denies: () => true }, { dir: "/d" }), "add --allow-read=/d");
});

Deno.test("a file of the user's that the system keeps locked is named", options, async () => {
  const message = await refusal({ locked: ["/d/images"] }, { dir: "/d" });
  assertStringIncludes(message, "/d/images cannot be read (Permission denied (os error 13))");
});

Deno.test("the cache comes before the system folder, and no address is asked", options, async () => {
  const files = map({
    [`${CACHE}/images`]: images,
    [`${CACHE}/labels.gz`]: await gzip(labels),
    [`${SYSTEM}/images`]: images,
  });
  const { found, system } = await resolve({ files });
  bothFound(found);
  assertEquals(system.log, [
    `read ${CACHE}/images`,
    `read ${CACHE}/labels`,
    `read ${CACHE}/labels.gz`,
  ]);
});

Deno.test("files may come from several sources", options, async () => {
  const files = map({ [`${CACHE}/labels`]: labels, [`${SYSTEM}/images.gz`]: await gzip(images) });
  const { found, system } = await resolve({ files });
  bothFound(found);
  assert(!system.log.some((line) => line.startsWith("fetch")));
});

Deno.test("a wrong file in the cache is reported and passed over", options, async () => {
  const files = map({
    [`${CACHE}/images`]: wrong,
    [`${SYSTEM}/images`]: images,
    [`${SYSTEM}/labels`]: labels,
  });
  const { found, told } = await resolve({ files });
  bothFound(found);
  assertMatch(told[0].text, new RegExp(`^passing over ${CACHE}/images: it has a wrong checksum`));
});

Deno.test("a gzip file cut short in the cache is reported and fetched again", options, async () => {
  const packed = await gzip(images);
  const files = map({ [`${CACHE}/images.gz`]: packed.slice(0, 15), [`${CACHE}/labels`]: labels });
  const web = { "https://one.example/images.gz": () => new Response(packed) };
  const { found, told, system } = await resolve({ files, web });
  bothFound(found);
  assertEquals(told[0].text, `passing over ${CACHE}/images.gz: it is cut short or damaged`);
  assertEquals(system.files.get(`${CACHE}/images.gz`), packed);
});

Deno.test("downloads are verified, reported and kept in the cache", options, async () => {
  const packed = [await gzip(images), await gzip(labels)];
  const web = {
    "https://one.example/images.gz": () =>
      new Response(packed[0], { headers: { "content-length": `${packed[0].length}` } }),
    "https://one.example/labels.gz": () => new Response(packed[1]),
  };
  const { found, system, told } = await resolve({ web });
  bothFound(found);
  assertEquals(system.log.filter((line) => line.startsWith("save")), [
    `save ${CACHE}/images.gz`,
    `save ${CACHE}/labels.gz`,
  ]);
  assertEquals(
    told.find((event) => event.done! > 0),
    { text: "downloading images.gz", done: packed[0].length, total: packed[0].length },
  );
});

Deno.test("a server that decompresses on its way is understood", options, async () => {
  const web = {
    "https://one.example/images.gz": () => new Response(images),
    "https://one.example/labels.gz": () => new Response(labels),
  };
  const { found, system } = await resolve({ web });
  bothFound(found);
  assertEquals(system.files.get(`${CACHE}/images`), images);
});

Deno.test(
  "a mirror that is down is asked once, and one with a wrong file is passed over",
  options,
  async () => {
    const good = { "https://two.example/data/images.gz": () => new Response(images) };
    const { system, found } = await resolve({
      web: { ...good, "https://two.example/data/labels.gz": () => new Response(labels) },
    });
    bothFound(found);
    assertEquals(system.log.filter((line) => line.startsWith("fetch https://one")).length, 1);

    const mended = await resolve({
      web: {
        "https://one.example/images.gz": () => new Response(wrong),
        "https://one.example/labels.gz": () => new Response(labels),
        ...good,
      },
    });
    bothFound(mended.found);
    assertEquals(mended.system.files.get(`${CACHE}/images`), images);
  },
);

Deno.test("a download that breaks off leaves nothing in the cache", options, async () => {
  const broken = () => {
    let sent = false;
    return new Response(
      new ReadableStream({
        pull(controller) {
          if (sent) controller.error(new Error("connection reset"));
          else controller.enqueue(images.slice(0, 4));
          sent = true;
        },
      }),
    );
  };
  const system = fakeSystem({ env: ENV, web: { "https://one.example/images.gz": broken } });
  const error = await assertRejects(() => resolveFiles(SET, { system }), PolyphaseError);
  assertStringIncludes(error.message, "https://one.example/images.gz: broke off: connection reset");
  assertEquals(system.files.size, 0);
});

Deno.test("a cache that cannot be written to is told, and does not stop the run", options, async () => {
  const web = {
    "https://one.example/images.gz": () => new Response(images),
    "https://one.example/labels.gz": () => new Response(labels),
  };
  for (
    const [fake, why] of [
      [{ web, readOnly: true }, "Read-only file system (os error 30)"],
      [{ web, denies: (access) => "write" in access }, "no permission to write: add --allow-write"],
    ] satisfies [Fake, string][]
  ) {
    const { found, told } = await resolve(fake);
    bothFound(found);
    assertEquals(told.at(-1)!.text, `not kept for later, ${CACHE}/labels: ${why}`);
  }
});

/** Programs of a Debian system whose package holds these files. */
function debian(content: Record<string, Bytes>, known = true): Fake["programs"] {
  let listed = known;
  return {
    "apt-get": (args, cwd, files) => {
      if (args.includes("update")) {
        listed = args.includes(`Dir::State::lists=${cwd}/lists`);
        // A third-party source that is down fails the update.
        return { success: false, errors: "E: Failed to fetch" };
      }
      if (!listed) return { success: false, errors: "E: Unable to locate package dataset-cloth\n" };
      files.set(`${cwd}/dataset-cloth_1_all.deb`, bytesOf("deb"));
      return { success: true, errors: "" };
    },
    "dpkg-deb": (args, cwd, files) => {
      assertEquals(args, ["-x", "dataset-cloth_1_all.deb", "root"]);
      for (const [name, bytes] of Object.entries(content)) files.set(`${cwd}/root${SYSTEM}/${name}`, bytes);
      return { success: true, errors: "" };
    },
  };
}

Deno.test("Debian's package is the last source, and its files are kept in the cache", options, async () => {
  const packed = await gzip(images);
  const { found, system, told } = await resolve({ programs: debian({ "images.gz": packed, labels }) });
  bothFound(found);
  assertEquals([...system.files.keys()].sort(), [`${CACHE}/images.gz`, `${CACHE}/labels`]);
  assertEquals(system.log.filter((line) => !line.startsWith("read")), [
    "fetch https://one.example/images.gz",
    "fetch https://two.example/data/images.gz",
    "run apt-get download dataset-cloth",
    "run dpkg-deb -x dataset-cloth_1_all.deb root",
    `save ${CACHE}/images.gz`,
    `save ${CACHE}/labels`,
    `remove ${CACHE}/unpack-1`,
  ]);
  assert(told.some((event) => event.text === "downloading Debian's package dataset-cloth with apt-get"));
});

Deno.test("private package lists are fetched where those of the machine are empty", options, async () => {
  const { found, system } = await resolve({ programs: debian({ images, labels }, false) });
  bothFound(found);
  assertEquals(system.log.filter((line) => /^(run apt-get|make)/.test(line)), [
    "run apt-get download dataset-cloth",
    `make ${CACHE}/unpack-1/lists/partial`,
    "run apt-get update",
    "run apt-get download dataset-cloth",
  ]);
});

Deno.test("a package with wrong or missing files is told, and its folder removed", options, async () => {
  const system = fakeSystem({ env: ENV, programs: debian({ images: wrong }) });
  const { message } = await assertRejects(() => resolveFiles(SET, { system }), PolyphaseError);
  assertStringIncludes(message, "apt-get download dataset-cloth: images has a wrong checksum");
  assertStringIncludes(message, "apt-get download dataset-cloth: the package has no labels");
  assertEquals(system.files.size, 0);
});

Deno.test("offline, one message says what was tried and the three ways to mend it", options, async () => {
  const message = await refusal({ files: map({ [`${CACHE}/images`]: wrong }) });
  const [first, ...tried] = message.split("\n");
  for (const way of ["--data DIR", "connect to the network", "apt install dataset-cloth"]) {
    assertStringIncludes(first, way);
  }
  assertMatch(tried[0], new RegExp(`^  cache ${CACHE}/images: has a wrong checksum`));
  assertEquals(tried.slice(1), [
    `  cache ${CACHE}: no labels`,
    `  system folder ${SYSTEM}: no images, labels`,
    "  https://one.example/images.gz: cannot be reached: dns error: no such host",
    "  https://two.example/data/images.gz: cannot be reached: dns error: no such host",
    "  apt-get download dataset-cloth: no apt-get on this machine",
  ]);
});

Deno.test("with every permission denied the message names the flags", options, async () => {
  const [, ...tried] = (await refusal({ denies: () => true, env: {} })).split("\n");
  assertEquals(tried, [
    "  cache: the environment names no folder for it: set POLYPHASE_DATA, add --allow-env",
    `  system folder ${SYSTEM}: no permission to read it: add --allow-read`,
    "  https://one.example/: no permission for the network: add --allow-net=one.example",
    "  https://two.example/data/: no permission for the network: add --allow-net=two.example",
    "  apt-get download dataset-cloth: no permission to run it: add --allow-run=apt-get,dpkg-deb",
  ]);
});

Deno.test("without a writable cache Debian's package is not tried", options, async () => {
  const programs = debian({ images, labels });
  assertStringIncludes(await refusal({ programs, env: {} }), "no cache folder that may be written to");
  assertStringIncludes(
    await refusal({ programs, readOnly: true }),
    "cannot write to /home/u/.cache/polyphase/cloth",
  );
});

Deno.test("elsewhere than on Linux apt-get is not tried", options, async () => {
  assertStringIncludes(
    await refusal({ os: "windows", env: { LOCALAPPDATA: "C:/L" } }),
    "this is no Debian system",
  );
});

Deno.test("a stopped search ends with an AbortedError", options, async () => {
  const stop = new AbortController();
  const web = {
    "https://one.example/images.gz": (signal: AbortSignal) => {
      stop.abort();
      signal.throwIfAborted();
      return new Response(images);
    },
  };
  await assertRejects(() => resolve({ web }, { signal: stop.signal }), AbortedError, "files of Cloth");
});

Deno.test("the cache folder is POLYPHASE_DATA, or the platform's", options, async () => {
  const at = (os: string, env: Record<string, string>) => cacheFolder(fakeSystem({ os, env }));
  assertEquals(await at("linux", { ...ENV, POLYPHASE_DATA: "/data" }), "/data");
  assertEquals(await at("linux", ENV), "/home/u/.cache/polyphase");
  assertEquals(await at("linux", { ...ENV, XDG_CACHE_HOME: "/x" }), "/x/polyphase");
  assertEquals(await at("darwin", ENV), "/home/u/Library/Caches/polyphase");
  assertEquals(await at("windows", { LOCALAPPDATA: "C:/L" }), "C:/L/polyphase");
  assertEquals(await at("windows", { USERPROFILE: "C:/u" }), "C:/u/AppData/Local/polyphase");
  assertEquals(await at("linux", {}), undefined);
  assertEquals(await at("browser", ENV), undefined);
});
