/**
 * The arrows between the rooms of the house: who may import whom.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { permitted } from "./support.ts";

const ROOT = new URL("../", import.meta.url);

/** Modules that know nothing of the pipeline though they stand beside it. */
const LEAVES = ["pipeline/errors.ts", "pipeline/json.ts", "pipeline/random.ts"];

/** An import of a module: who, and what. Relative ones are resolved to paths below the project's folder. */
interface Arrow {
  readonly from: string;
  readonly to: string;
}

/**
 * The text without comments and template strings, but with plain strings: examples in doc comments and files that tests
 * write import what they please.
 */
function codeOf(text: string): string {
  return text.replace(
    /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|`(?:[^`\\]|\\.)*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (_, literal) => literal ?? "",
  );
}

/** Every specifier that a module imports, statically, dynamically or to hand on. */
function specifiers(text: string): string[] {
  const code = codeOf(text);
  const statics = code.matchAll(/^\s*(?:import|export)\b(?:[^"'`;]*?\bfrom)?\s*["']([^"']+)["']/gm);
  const dynamics = code.matchAll(/\bimport\(\s*["']([^"']+)["']/g);
  return [...statics, ...dynamics].map((match) => match[1]);
}

/** Every module of the project below `folder`. */
async function* modules(folder: URL): AsyncGenerator<URL> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (name.startsWith(".") || name === "node_modules") continue;
    if (isDirectory) yield* modules(new URL(`${name}/`, folder));
    else if (/\.tsx?$/.test(name)) yield new URL(name, folder);
  }
}

async function readArrows(): Promise<Arrow[]> {
  const arrows: Arrow[] = [];
  for await (const url of modules(ROOT)) {
    const from = url.href.slice(ROOT.href.length);
    for (const specifier of specifiers(await Deno.readTextFile(url))) {
      const to = specifier.startsWith(".") ? new URL(specifier, url).href.slice(ROOT.href.length) : specifier;
      arrows.push({ from, to });
    }
  }
  return arrows;
}

const isIn = (path: string, ...folders: readonly string[]) =>
  folders.some((folder) => path.startsWith(`${folder}/`));
const isOutside = (path: string) => /^[a-z@][a-z0-9@+.-]*:|^@/.test(path);

/** For each rule: which arrows it judges, and which of those it allows. */
const RULES: readonly [rule: string, judges: (arrow: Arrow) => boolean, allows: (arrow: Arrow) => boolean][] =
  [
    [
      "datasets know no model, no pipeline but its leaves, and no tensor library",
      ({ from }) => isIn(from, "datasets"),
      ({ to }) =>
        isIn(to, "datasets") || LEAVES.includes(to) || (isOutside(to) && !to.includes("tensorflow")),
    ],
    [
      "models know each other, what an image is and how it is shifted, and the leaves",
      ({ from, to }) => isIn(from, "models") && !isOutside(to),
      ({ to }) =>
        isIn(to, "models") || ["datasets/dataset.ts", "datasets/shift.ts"].includes(to) ||
        LEAVES.includes(to),
    ],
    [
      "the pipeline knows itself, models and datasets",
      ({ from, to }) => isIn(from, "pipeline") && !isOutside(to),
      ({ to }) => isIn(to, "pipeline", "models", "datasets"),
    ],
    [
      "the public module hands on what the library has, and nothing from outside",
      ({ from }) => from === "mod.ts",
      ({ to }) => isIn(to, "pipeline", "models", "datasets"),
    ],
    [
      "only tasks and tests import the public module",
      ({ to }) => to === "mod.ts",
      ({ from }) => isIn(from, "tasks", "tests"),
    ],
    [
      "only tests import tests",
      ({ to }) => isIn(to, "tests"),
      ({ from }) => isIn(from, "tests"),
    ],
    [
      "only tasks and tests import tasks",
      ({ to }) => isIn(to, "tasks"),
      ({ from }) => isIn(from, "tasks", "tests"),
    ],
    [
      "models/backend is the only door to TensorFlow.js",
      ({ to }) => to.includes("@tensorflow/"),
      ({ from }) => isIn(from, "models/backend"),
    ],
    [
      "only tasks and tests import the standard library",
      ({ to }) => to.startsWith("@std/") || to.startsWith("jsr:"),
      ({ from }) => isIn(from, "tasks", "tests"),
    ],
    [
      "what a URL import reaches names npm packages with their exact version",
      ({ from, to }) => (isIn(from, "pipeline", "models", "datasets") || from === "mod.ts") && isOutside(to),
      ({ to }) => to.startsWith("node:") || /^npm:(@[^/@]+\/)?[^/@]+@\d+\.\d+\.\d+(\/|$)/.test(to),
    ],
  ];

Deno.test("architecture: imports are found, and those in comments are not", () => {
  const text = `
/** import { a } from "./comment.ts"; */
// import "./line.ts";
import { b } from "./b.ts"; // import { x } from "./trailing.ts"
import type { C } from "../c.ts";
import {
  d,
  e,
} from './d.ts';
import "./side_effect.ts";
import f, * as g from "npm:g@1.0.0";
export * from "./all.ts";
export { type H } from "./h.ts";
export const url = "https://example.org";
const later = await import("./later.ts");
const typed: import("./typed.ts").T = "not /* a comment";
const written = \`
import "./written.ts";
\`;
`;
  assertEquals(specifiers(text), [
    "./b.ts",
    "../c.ts",
    "./d.ts",
    "./side_effect.ts",
    "npm:g@1.0.0",
    "./all.ts",
    "./h.ts",
    "./later.ts",
    "./typed.ts",
  ]);
});

Deno.test({
  name: "architecture: arrows point from tasks to the pipeline to models and datasets (needs --allow-read)",
  ignore: !permitted({ name: "read" }),
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    const arrows = await readArrows();
    // Some that are known to be there: rules that see nothing would all be kept.
    for (
      const [from, to] of [
        ["pipeline/train.ts", "models/params.ts"],
        ["models/tokenizers/lattice.ts", "datasets/shift.ts"],
        ["models/backend/tf.ts", "npm:@tensorflow/tfjs@4.22.0"],
        ["models/backend/select.ts", "models/backend/wasm_binary.ts"],
        ["mod.ts", "pipeline/pipe.ts"],
        ["tests/architecture_test.ts", "@std/assert"],
      ]
    ) assert(arrows.some((arrow) => arrow.from === from && arrow.to === to), `${from} → ${to}`);
    const broken = RULES.flatMap(([rule, judges, allows]) =>
      arrows.filter((arrow) => judges(arrow) && !allows(arrow)).map(({ from, to }) =>
        `${rule}: ${from} → ${to}`
      )
    );
    assertEquals(broken, []);
    // No rule of the list, since today the leaves import nothing at all.
    assertEquals(arrows.filter(({ from, to }) => LEAVES.includes(from) && !LEAVES.includes(to)), []);
    for (const leaf of LEAVES) assert(arrows.some(({ to }) => to === leaf), `nobody imports ${leaf}`);
  },
});

Deno.test({
  name:
    "architecture: every rule judges something, and every relative import leads to a file (needs --allow-read)",
  ignore: !permitted({ name: "read" }),
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    const arrows = await readArrows();
    const idle = RULES.filter(([, judges]) => !arrows.some(judges)).map(([rule]) => rule);
    assertEquals(idle, []);
    const missing: string[] = [];
    for (const { from, to } of arrows) {
      if (isOutside(to) || !/\.[a-z]+$/.test(to)) continue;
      await Deno.stat(new URL(to, ROOT)).catch(() => missing.push(`${from} → ${to}`));
    }
    assertEquals(missing, []);
  },
});
