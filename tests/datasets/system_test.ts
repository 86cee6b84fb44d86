import { assert, assertEquals, assertRejects } from "@std/assert";
import { hostSystem } from "../../datasets/system.ts";
import { permitted } from "../support.ts";
import { bytesOf } from "./fake_system.ts";

const options = { sanitizeOps: true, sanitizeResources: true };
const files = { ...options, ignore: !permitted({ name: "read" }, { name: "write" }) };
const programs = { ...options, ignore: !permitted({ name: "read" }, { name: "write" }, { name: "run" }) };
const host = hostSystem();

async function inTempDir(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = (await Deno.makeTempDir()).replaceAll("\\", "/");
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test(
  "a saved file appears whole, with nothing beside it (needs --allow-read --allow-write)",
  files,
  () =>
    inTempDir(async (folder) => {
      await host.saveFile(`${folder}/a/b/file.gz`, bytesOf("first"));
      await host.saveFile(`${folder}/a/b/file.gz`, bytesOf("second"));
      assertEquals(await host.readFile(`${folder}/a/b/file.gz`), bytesOf("second"));
      assertEquals(await host.listFiles(`${folder}/a/b`), ["file.gz"]);
    }),
);

Deno.test(
  "a file that cannot be put in place leaves nothing behind (needs --allow-read --allow-write)",
  files,
  () =>
    inTempDir(async (folder) => {
      await Deno.mkdir(`${folder}/taken/x`, { recursive: true });
      await assertRejects(() => host.saveFile(`${folder}/taken`, bytesOf("x")));
      assertEquals(await host.listFiles(folder), []);
    }),
);

Deno.test(
  "what is not there is undefined or empty (needs --allow-read --allow-write)",
  files,
  () =>
    inTempDir(async (folder) => {
      assertEquals(await host.readFile(`${folder}/none`), undefined);
      assertEquals(await host.readFile(folder), undefined);
      assertEquals(await host.listFiles(`${folder}/none`), []);
    }),
);

Deno.test(
  "a temporary folder is fresh and can be removed (needs --allow-read --allow-write)",
  files,
  () =>
    inTempDir(async (folder) => {
      const fresh = await host.makeTempDir(`${folder}/cache`);
      assertEquals(await host.listFiles(fresh), []);
      await host.removeDir(fresh);
      assertEquals(Array.from(Deno.readDirSync(`${folder}/cache`)), []);
    }),
);

Deno.test(
  "a program tells how it ended, a missing one is undefined (needs --allow-all)",
  programs,
  () =>
    inTempDir(async (folder) => {
      const cwd = folder;
      const failed = await host.run(Deno.execPath(), ["eval", "console.error('why'); Deno.exit(3)"], { cwd });
      assertEquals(failed?.success, false);
      assert(failed?.errors.includes("why"));
      assertEquals((await host.run(Deno.execPath(), ["--version"], { cwd }))?.success, true);
      assertEquals(await host.run("no-such-program-here", [], { cwd }), undefined);
    }),
);

Deno.test("asking for a permission never prompts", options, async () => {
  for (const access of [{ read: "/" }, { write: "/" }, { run: "apt-get" }, { net: "one.example" }]) {
    const [name, value] = Object.entries(access)[0] as ["read" | "write" | "run" | "net", string];
    const needs = {
      read: { name: "read", path: value },
      write: { name: "write", path: value },
      run: { name: "run", command: value },
      net: { name: "net", host: value },
    } as const;
    assertEquals(await host.may(access as { read: string }), permitted(needs[name]));
  }
});
