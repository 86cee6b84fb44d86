/**
 * Sweeps written as YAML files: a matrix of variables, and the stages of a pipeline with `${...}` where they vary.
 *
 * ```yaml
 * name: patches
 * matrix:                        # every combination; the first variable is the outermost loop
 *   patch: [2, 4, 7]
 *   rate: [0.1, 0.01]
 *   seed: [0, 1]                 # a variable of this name is the seed of the run
 *   $filter: ${patch} < 7 or ${rate} < 0.1
 * include:                       # single combinations past the filter; the rest take their first value
 *   - {patch: 7, rate: 0.05}
 *
 * load: {dataset: synthetic, trainSize: 200, testSize: 50}
 * tokenize: {name: patches-2d, size: ${patch}}
 * train:
 *   model: {name: token-mean-mlp, embed: ${8 * patch}}
 *   optimizer: {name: sgd, learningRate: ${rate}}
 *   batchSize: 32
 *   maxInputs: 2_000
 * evaluate:
 * ```
 *
 * A `${...}` in quotes is text; without them it is what it comes to, a number or a list, also inside of `{...}`. Every key
 * but `name`, `matrix`, `include`, `seed` and `backend` is a stage, in the order of the file, with the options of its
 * `config.json`. Parts carry their name among their options, or are a name alone. Inside `${...}`, and behind `$filter`,
 * stands a variable or an expression of some; no code of the file is run.
 *
 * @module
 */

import { type BackendName, BACKENDS } from "../../models/backend/select.ts";
import { PolyphaseError } from "../errors.ts";
import type { Json } from "../json.ts";
import { type Axes, matrix, slugOf } from "../matrix.ts";
import { pipeOf, type Stage } from "../pipe.ts";
import type { Registry } from "../rebuild.ts";
import { registry as standard } from "../registry.ts";
import type { Sweep } from "../sweep.ts";
import { makeCells } from "./cells.ts";
import { isTrue, parseExpression, suggestion } from "./expression.ts";
import { writtenRegistry, writtenStage } from "./parts.ts";
import type { SweepSource } from "./source.ts";
import { filled, namesIn, type Variables, written } from "./template.ts";
import { readYaml, type YamlNode } from "./yaml_library.ts";

/** What a YAML sweep is made of. */
export interface YamlSweepInput {
  /** Text of the file. */
  readonly text: string;
  /** Name of the file, for messages, and for the sweep if it does not name itself. */
  readonly file: string;
}

/** The keys that are no stages. */
const KEYS = ["name", "matrix", "include", "seed", "backend"];

const FILTER = "$filter";

/** What a file says, before anything is filled in. */
interface Draft {
  readonly file: string;
  readonly name: string;
  readonly axes: ReadonlyMap<string, readonly YamlNode[]>;
  readonly filter: string | undefined;
  readonly include: readonly (readonly (readonly [string, YamlNode])[])[];
  readonly seed: YamlNode | undefined;
  readonly backend: BackendName | undefined;
  readonly stages: readonly (readonly [name: string, value: YamlNode])[];
}

/** The source by which workers read the same file again. */
export function yamlSource(input: YamlSweepInput): SweepSource {
  return { module: import.meta.url, input: { ...input } };
}

/**
 * The sweep of a YAML file, with the parts of a registry.
 *
 * @throws {PolyphaseError} if it is no YAML, a key is not known, a variable is not known or not used, or the filter cannot
 * be read. Its `cells` throws one if the filter cannot be worked out, or a stage or part is not known or has no such option
 */
export function yamlSweep({ text, file }: YamlSweepInput, registry: Registry = standard): Sweep {
  const draft = draftOf(readYaml(text, file), file);
  checkNames(draft);
  // One for all cells: they share the data sets that it makes.
  const parts = writtenRegistry(registry);
  const filter = draft.filter === undefined ? undefined : parseExpression(draft.filter);
  const include = draft.include.map((entries) =>
    Object.fromEntries(entries.map(([name, node]) => [name, entryOf(node)]))
  );
  const axes: Axes = Object.fromEntries([...draft.axes].map(([name, nodes]) => [name, nodes.map(entryOf)]));
  return {
    name: draft.name,
    cells: (adjustments = {}) => {
      const combinations = matrix(
        axes,
        (entries) => entries as Variables,
        (entries) => filter === undefined || isTrue(filter.evaluate(valuesOf(entries as Variables))),
        include,
      ).map(({ index, made: variables }) => ({
        index,
        slug: slugOf(Object.fromEntries(Object.entries(variables).map(([name, { raw }]) => [name, raw]))),
        values: valuesOf(variables),
        made: pipelineOf(draft, variables, parts),
        seed: seedOf(draft, variables),
      }));
      return makeCells({ name: draft.name, backend: draft.backend, registry }, combinations, adjustments);
    },
  };
}

/** The sweep of a YAML file, for workers. */
export default function (input: YamlSweepInput): Sweep {
  return yamlSweep(input);
}

/** A value of an axis as plain data, which is what a matrix combines. */
function entryOf(node: YamlNode): { value: Json; raw: string } {
  return { ...written(node) };
}

function valuesOf(variables: Variables): Record<string, Json> {
  return Object.fromEntries(Object.entries(variables).map(([name, { value }]) => [name, value]));
}

function draftOf(tree: YamlNode, file: string): Draft {
  const refuse = (text: string): never => {
    throw new PolyphaseError(`${file}: ${text}`);
  };
  if (tree.kind !== "map") return refuse("no map of keys: write `matrix:` and the stages of a pipeline");
  const found = new Map(tree.entries);
  const entriesOf = (key: string, node: YamlNode) =>
    node.kind === "map" ? node.entries : refuse(`${key} is no map: write \`variable: value\` lines below it`);
  const textOf = (key: string): string | undefined => {
    const node = found.get(key);
    if (node === undefined) return undefined;
    return node.kind === "scalar" && node.raw !== ""
      ? node.raw
      : refuse(`${key} is no text: write it in one line`);
  };

  const axes = new Map<string, readonly YamlNode[]>();
  let filter: string | undefined;
  const matrixNode = found.get("matrix");
  for (const [name, node] of matrixNode ? entriesOf("matrix", matrixNode) : []) {
    if (name === FILTER) {
      filter = node.kind === "scalar" && node.raw !== ""
        ? node.raw
        : refuse(`${FILTER} is no expression: write one such as \`a % b == 0\``);
    } else if (!/^[A-Za-z_]\w*$/.test(name)) {
      refuse(
        `the matrix has a variable "${name}": take a name of letters, digits and _; besides there is ${FILTER}`,
      );
    } else {
      const isList = node.kind === "list";
      axes.set(name, isList ? node.items : refuse(`${name} of the matrix is no list: write [value, …]`));
    }
  }
  const includeNode = found.get("include");
  if (includeNode !== undefined && includeNode.kind !== "list") {
    refuse("include is no list: write maps as `- {a: 1}`");
  }
  const include = includeNode?.kind === "list"
    ? includeNode.items.map((each) => entriesOf("an item of include", each))
    : [];

  const backend = textOf("backend");
  const known = BACKENDS.find((each) => each === backend);
  if (backend !== undefined && known === undefined) {
    refuse(`backend "${backend}": ${suggestion(backend, BACKENDS)}`);
  }
  const stages = tree.entries.filter(([key]) => !KEYS.includes(key));
  if (stages.length === 0) refuse("no stages: write load, tokenize, train and others as keys of their own");
  const stem = file.replace(/^.*[/\\]/, "").replace(/\.[^.]*$/, "");
  return {
    file,
    name: textOf("name") ?? stem,
    axes,
    filter,
    include,
    seed: found.get("seed"),
    backend: known,
    stages,
  };
}

/** Every variable must be known, and must make a difference to some stage. */
function checkNames({ file, axes, filter, seed, stages }: Draft): void {
  const known = [...axes.keys()];
  const inStages = new Set(
    [...stages.map(([, node]) => node), ...(seed ? [seed] : [])].flatMap((node) => [...namesIn(node)]),
  );
  const inFilter = filter === undefined ? [] : parseExpression(filter).names;
  for (const name of [...inStages, ...inFilter]) {
    if (!known.includes(name)) {
      throw new PolyphaseError(`${file}: the matrix has no variable "${name}": ${suggestion(name, known)}`);
    }
  }
  for (const name of known) {
    if (inStages.has(name) || (name === "seed" && seed === undefined)) continue;
    throw new PolyphaseError(
      `${file}: no stage uses the variable "${name}" of the matrix: write \${${name}} where it belongs, or leave it out`,
    );
  }
}

function pipelineOf({ file, stages }: Draft, variables: Variables, parts: Registry): Stage<void, unknown> {
  try {
    const made = stages.map(([name, node]) => writtenStage(name, filled(node, variables), parts));
    return pipeOf(made);
  } catch (cause) {
    if (!(cause instanceof PolyphaseError)) throw cause;
    throw new PolyphaseError(`${file}: ${cause.message}`, { cause });
  }
}

function seedOf({ file, seed }: Draft, variables: Variables): number | undefined {
  if (seed === undefined) return undefined;
  const value = filled(seed, variables);
  if (Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 32) return Number(value);
  throw new PolyphaseError(
    `${file}: seed ${JSON.stringify(value)} is not an integer from 0 to ${2 ** 32 - 1}: give one`,
  );
}
