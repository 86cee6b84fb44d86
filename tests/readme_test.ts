/**
 * The README holds: its tasks, flags, links, paths and examples are those of the project.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { canRunRemote, canRunTasks, permitted, runRemote, runTask } from "./support.ts";

const ROOT = new URL("..", import.meta.url);
const ADDRESS = "https://raw.githubusercontent.com/polyphase/polyphase/main/mod.ts";

const readme = (): Promise<string> => Deno.readTextFile(new URL("README.md", ROOT));

/** The commands of the tasks by name. */
async function tasks(): Promise<Record<string, string>> {
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  return Object.fromEntries(
    Object.entries(tasks as Record<string, string | { command: string }>).map(([name, task]) => [
      name,
      typeof task === "string" ? task : task.command,
    ]),
  );
}

/** Code blocks with the words behind their opening fence: `ts ignore`. */
function blocks(text: string): { info: string; code: string }[] {
  return [...text.matchAll(/^```([^\n]+)\n(.*?)^```$/gms)].map(([, info, code]) => ({ info, code }));
}

/** Headings as the anchors that GitHub makes of them. */
function anchors(text: string): string[] {
  const prose = text.replaceAll(/^```.*?^```$/gms, "");
  return [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(new URL(path, ROOT));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function textTest(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name: `README: ${name} (needs --allow-read)`,
    ignore: !permitted({ name: "read" }),
    sanitizeOps: true,
    sanitizeResources: true,
    fn,
  });
}

textTest("every task that it names is in deno.json, and it names every task", async () => {
  const named = [...(await readme()).matchAll(/\bdeno(?:@[\d.]+)? task ([a-z][\w:-]*)/g)].map(([, name]) =>
    name
  );
  assertEquals([...new Set(named)].sort(), Object.keys(await tasks()).sort());
});

textTest("what it links to is there", async () => {
  const text = await readme();
  const targets = [...text.matchAll(/\]\(<?([^)\s>]+)>?[^)]*\)|\b(?:src|href)="([^"]+)"/g)]
    .map(([, link, attribute]) => link ?? attribute)
    .filter((target) => !/^(https?:|mailto:)/.test(target));
  assert(targets.length > 0, "no link was found: the search is broken");
  const broken: string[] = [];
  for (const target of targets) {
    const [path, anchor] = target.split("#");
    if (path !== "" && !await exists(path)) broken.push(target);
    else if (anchor !== undefined) {
      const there = path === "" ? text : await Deno.readTextFile(new URL(path, ROOT));
      if (!anchors(there).includes(anchor)) broken.push(target);
    }
  }
  assertEquals(broken, []);
});

textTest("the files and folders that it names are there", async () => {
  const prose = (await readme()).replaceAll(/^```.*?^```$/gms, "");
  const paths = [...prose.matchAll(/`((?:mod\.ts|pipeline|models|datasets|tasks|tests)(?:\/[\w./-]+)?)`/g)];
  assert(paths.length > 5, `only ${paths.length} paths were found: the search is broken`);
  const missing: string[] = [];
  for (const [, path] of paths) if (!await exists(path)) missing.push(path);
  assertEquals(missing, []);
});

textTest("the version of Deno is the same everywhere", async () => {
  const versions = [...(await readme()).matchAll(/\bdeno@([\w.]+)/g)].map(([, version]) => version);
  assert(versions.length > 0, "it says how to start with Node, with which Deno?");
  assertEquals(new Set(versions).size, 1);
});

Deno.test({
  name: "README: every flag that it gives to a task is one of that task's (needs --allow-run --allow-read)",
  ignore: !canRunTasks(),
  sanitizeOps: true,
  sanitizeResources: true,
  fn: async () => {
    const commands = await tasks();
    const given = new Map<string, Set<string>>();
    for (const line of (await readme()).split("\n")) {
      for (const [, name, rest] of line.matchAll(/\bdeno(?:@[\d.]+)? task ([a-z][\w:-]*)([^`#\n]*)/g)) {
        const flags = given.get(name) ?? new Set();
        for (const [flag] of rest.matchAll(/--[a-z][\w-]*/g)) flags.add(flag);
        // A row of the table of tasks tells of flags in the text behind the command.
        if (line.startsWith("| ")) {
          for (const [, flag] of line.matchAll(/`(--[a-z][\w-]*)/g)) flags.add(flag);
        }
        given.set(name, flags);
      }
    }
    let checked = 0;
    for (const [name, flags] of given) {
      const [script] = commands[name]?.match(/\btasks\/\w+\.ts/) ?? [];
      if (script === undefined) continue;
      const { code, stdout } = await runTask(script, ["--help"]);
      assertEquals(code, 0);
      for (const flag of flags) {
        assertStringIncludes(stdout, `  ${flag}`, `deno task ${name} has no ${flag}`);
        checked++;
      }
    }
    assert(checked > 0, "no flag was found: the search is broken");
  },
});

Deno.test({
  name: "README: its examples type-check and run (needs --allow-run --allow-read --allow-write --allow-net)",
  ignore: !canRunRemote(),
  sanitizeOps: true,
  sanitizeResources: true,
  fn: async (t) => {
    // What is marked as not to be run stands for something that tests/remote_import_test.ts runs.
    const examples = blocks(await readme()).filter(({ info }) => info === "ts");
    assert(examples.length > 0, "it has no example");
    for (const [index, { code }] of examples.entries()) {
      await t.step(`example ${index + 1}`, async () => {
        const script = code.replaceAll('"./mod.ts"', `"${ADDRESS}"`);
        const { code: exit, stdout, stderr } = await runRemote(script, ["--check"]);
        assertEquals([exit, stderr], [0, ""]);
        assert(/\d/.test(stdout), `it prints no number: ${stdout}`);
        assert(!/undefined|NaN|\[object/.test(stdout), `it prints what is no result: ${stdout}`);
      });
    }
  },
});
