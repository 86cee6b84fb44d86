/**
 * `deno task build:kernels`: compiles the WASM kernels and writes them down as a module.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import { command } from "./command.ts";
import type { Usage } from "./flag.ts";
import { parseFlags } from "./flags.ts";

const KERNELS = new URL("../models/backend/kernels/", import.meta.url);
const SOURCES = new URL("assembly/", KERNELS);

/** Where the compiled kernels are checked in. */
export const GENERATED: URL = new URL("module.generated.ts", KERNELS);

/** What both builds have in common. */
const OPTIONS: readonly string[] = [
  // More optimization sinks each multiplication into the next of the same sum, which costs a fifth of the speed of
  // the matrix product: its loops are written in the order in which they should run.
  "-O2",
  "--noAssert",
  // The memory is that of TensorFlow.js: no allocator, no static data, no abort that wants a message from memory.
  ...["--runtime", "stub", "--use", "abort=", "--importMemory"],
  // No less than one page and no upper limit fits a memory of any size.
  ...["--initialMemory", "1"],
  ...["--enable", "simd"],
  // Functions that the module does not export may hand vectors to each other.
  ...["--disableWarning", "112"],
];

const USAGE = {
  task: "build:kernels",
  summary:
    "Compiles the AssemblyScript in models/backend/kernels/assembly to WASM, with relaxed SIMD and without, and " +
    "writes both to models/backend/kernels/module.generated.ts.",
  flags: [],
  notes:
    "The same sources give the same file, byte for byte. Check it in with the sources: users do not build.",
} as const satisfies Usage;

/**
 * The text of `module.generated.ts` for the sources as they are.
 *
 * @throws {PolyphaseError} if they do not compile
 */
export async function kernelModule(): Promise<string> {
  const sources = await readSources();
  const [hash, relaxed, plain] = [
    await sourcesHash(sources),
    await compile(sources, ["--enable", "relaxed-simd"]),
    await compile(sources, []),
  ];
  return `// deno-fmt-ignore-file -- written by \`deno task build:kernels\`
/**
 * The compiled kernels in base64, so that neither a browser nor an import from a URL needs to read a file.
 * Written by \`deno task build:kernels\`: change \`assembly/\` instead.
 *
 * @module
 */

/** SHA-256 of the sources that these were compiled from. */
export const SOURCES_HASH: string = "${hash}";

/** For engines with relaxed SIMD: multiplications and additions are fused. */
export const RELAXED_SIMD: string = ${literal(relaxed)};

/** For engines with SIMD alone. */
export const PLAIN_SIMD: string = ${literal(plain)};
`;
}

/** SHA-256, in hexadecimal, of the names and texts of the sources. */
export async function sourcesHash(sources?: ReadonlyMap<string, string>): Promise<string> {
  const text = JSON.stringify([...sources ?? await readSources()]);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex();
}

/** Names and texts of the sources, in the order of their names. */
async function readSources(): Promise<ReadonlyMap<string, string>> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(SOURCES)) if (name.endsWith(".ts")) names.push(name);
  const texts = names.sort().map(async (name) => {
    // A checkout may have turned line ends around.
    const text = (await Deno.readTextFile(new URL(name, SOURCES))).replaceAll("\r\n", "\n");
    return [name, text] as const;
  });
  return new Map(await Promise.all(texts));
}

async function compile(
  sources: ReadonlyMap<string, string>,
  options: readonly string[],
): Promise<Uint8Array> {
  // Here, since the compiler asks for the environment as soon as it loads, which comparing hashes has no need of.
  const { default: asc } = await import("assemblyscript/asc");
  const said: string[] = [];
  let binary: Uint8Array | undefined;
  const { error } = await asc.main(["index.ts", "--outFile", "kernels.wasm", ...OPTIONS, ...options], {
    stdout: { write: (text: string | Uint8Array) => void said.push(String(text)) },
    stderr: { write: (text: string | Uint8Array) => void said.push(String(text)) },
    readFile: (name: string) => sources.get(name) ?? null,
    writeFile: (_name: string, contents: string | Uint8Array) => {
      if (typeof contents !== "string") binary = contents;
    },
    listFiles: () => [],
  });
  // Warnings count: most say that a number changes its sign or its size.
  if (error !== null || said.length > 0 || binary === undefined) {
    throw new PolyphaseError(
      `The kernels do not compile, mend the sources:\n${said.join("")}${error?.message ?? ""}`,
    );
  }
  return binary;
}

/** A long text as lines of code. */
function literal(bytes: Uint8Array): string {
  const lines = bytes.toBase64().match(/.{1,104}/g) ?? [];
  return `[\n${lines.map((line) => `  "${line}",\n`).join("")}].join("")`;
}

/** Writes beside and renames, so that the file is whole or as before. */
async function build(): Promise<void> {
  const text = await kernelModule();
  const partial = new URL(`${GENERATED.href}.partial`);
  await Deno.writeTextFile(partial, text);
  await Deno.rename(partial, GENERATED);
}

if (import.meta.main) {
  await command(async () => {
    parseFlags(USAGE, Deno.args);
    await build();
    console.error(`Wrote ${decodeURIComponent(GENERATED.pathname)}`);
  });
}
