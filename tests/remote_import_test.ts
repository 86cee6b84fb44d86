/**
 * The library from a URL: what the README and the documentation of `mod.ts` promise works in a folder with no
 * configuration, with permission to import and to read and no other.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { canRunRemote, permitted, runRemote } from "./support.ts";

const ADDRESS = "https://raw.githubusercontent.com/polyphase/polyphase/main/mod.ts";

/** The first code block of the documentation of `mod.ts`. */
async function exampleOfModule(): Promise<string> {
  const text = await Deno.readTextFile(new URL("../mod.ts", import.meta.url));
  const [, block] = text.match(/^ \* ```ts\n((?: \*.*\n)*?) \* ```$/m) ?? [];
  assert(block !== undefined, "mod.ts documents no example");
  return block.replaceAll(/^ \* ?/gm, "");
}

/** The code block of the README that stands under `<!-- example: url-import -->`. */
async function exampleOfReadme(): Promise<string> {
  const text = await Deno.readTextFile(new URL("../README.md", import.meta.url));
  const [, block] = text.match(/<!-- example: url-import -->\s*```ts[^\n]*\n(.*?)^```$/ms) ?? [];
  assert(block !== undefined, "README.md has no code block under <!-- example: url-import -->");
  return block;
}

function remoteTest(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name: `import from a URL: ${name} (needs --allow-run --allow-read --allow-write --allow-net)`,
    ignore: !canRunRemote(),
    sanitizeOps: true,
    sanitizeResources: true,
    fn,
  });
}

remoteTest("the example of mod.ts runs, and its model is invariant to shifts", async () => {
  const example = await exampleOfModule();
  assert(example.includes('"./mod.ts"'), "the example imports something else than ./mod.ts");
  const script = `${example.replace('"./mod.ts"', `"${ADDRESS}"`)}
console.log("consistency", shift.consistency, "at", shift.offsets.length, "offsets");
`;
  assertEquals(await runRemote(script), { code: 0, stdout: "consistency 1 at 196 offsets\n", stderr: "" });
});

remoteTest("the example of the README runs as it stands and prints its results", async () => {
  const example = await exampleOfReadme();
  assert(example.includes(`"${ADDRESS}"`), `the example does not import ${ADDRESS}`);
  const { code, stdout, stderr } = await runRemote(example);
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /\d/, "it prints no number");
  assert(!/undefined|NaN|\[object Object\]/.test(stdout), `it prints what is no result: ${stdout}`);
});

remoteTest("without --allow-read the one line that says so is what is thrown", async () => {
  const script = `import { run, selectBackend } from "${ADDRESS}";
try {
  await selectBackend("wasm");
  console.log("started", typeof run);
} catch (error) {
  console.log((error as Error).name, (error as Error).message);
}`;
  const { code, stdout } = await runRemote(script, ["--deny-read"]);
  assertEquals([code, stdout.trimEnd().split("\n").length], [0, 1]);
  assertMatch(
    stdout,
    /^PolyphaseError Backend "wasm" does not start here \(.*\): allow reading with --allow-read/,
  );
});

Deno.test({
  name: "nothing that a URL import reaches names a bare or a jsr specifier (needs --allow-read)",
  ignore: !permitted({ name: "read" }),
  fn: async () => {
    const seen = new Set<string>();
    const queue = [new URL("../mod.ts", import.meta.url).href];
    for (let href = queue.pop(); href !== undefined; href = queue.pop()) {
      if (seen.has(href)) continue;
      seen.add(href);
      const code = (await Deno.readTextFile(new URL(href))).replaceAll(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, "");
      for (
        const [, name] of code.matchAll(/(?:^(?:im|ex)port\b[^;"]*?\bfrom|^import|\bimport\()\s*"([^"]+)"/gm)
      ) {
        assertMatch(
          name,
          /^(\.{1,2}\/|npm:(@[\w-]+\/)?[\w-]+@\d+\.\d+\.\d+(\/|$)|node:)/,
          `${href} imports "${name}"`,
        );
        if (name.startsWith(".")) queue.push(new URL(name, href).href);
      }
    }
    assert(seen.size > 40, `only ${seen.size} modules were found: the search is broken`);
  },
});
