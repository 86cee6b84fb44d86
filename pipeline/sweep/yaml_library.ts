// deno-lint-ignore-file no-import-prefix -- bare specifiers do not resolve in remote modules
/**
 * The only door to the library that reads YAML: text becomes a tree that remembers how each value was written, since
 * `0.0` is another name for a cell than `0`.
 *
 * @module
 */

import {
  boolCoreTag,
  defineMappingTag,
  defineScalarTag,
  defineSequenceTag,
  floatCoreTag,
  intCoreTag,
  load,
  NOT_RESOLVED,
  nullCoreTag,
  Schema,
  YAMLException,
} from "npm:js-yaml@5.5.0";
import { PolyphaseError } from "../errors.ts";
import type { Json } from "../json.ts";

/** A value of a YAML file. */
export type YamlNode =
  /** A single value. `raw` is its text without quotes; `plain` says that it had none. */
  | { readonly kind: "scalar"; readonly raw: string; readonly plain: boolean }
  /** A list. */
  | { readonly kind: "list"; readonly items: readonly YamlNode[] }
  /** A map, in the order of the file. */
  | { readonly kind: "map"; readonly entries: readonly (readonly [key: string, value: YamlNode])[] };

/** Signs for private use stand for the braces of `${...}`, which mean a map to YAML. */
const [OPEN, CLOSE] = ["\uE000", "\uE001"];

/**
 * The tree of a YAML text, in which `${...}` may stand wherever a value may.
 *
 * @param text the text
 * @param file its name, for messages
 * @throws {PolyphaseError} if it is no YAML; the message says in which line
 */
export function readYaml(text: string, file: string): YamlNode {
  const hidden: string[] = [];
  const safe = text.replace(/\$\{[^}\n]*\}/g, (template) => `${OPEN}${hidden.push(template) - 1}${CLOSE}`);
  const shown = (part: string) =>
    part.replace(new RegExp(`${OPEN}(\\d+)${CLOSE}`, "g"), (_, index) => hidden[Number(index)]);
  try {
    return load(safe, { schema: treeSchema(shown) }) as YamlNode;
  } catch (cause) {
    if (!(cause instanceof YAMLException)) throw cause;
    const where = cause.mark ? `${file}:${cause.mark.line + 1}` : file;
    throw new PolyphaseError(`${where} is no YAML (${shown(cause.reason)}): mend that line`, { cause });
  }
}

/**
 * What plain text, without quotes, is as a YAML value: `3e-4` is a number, `true` a truth value, `a b` text. Digits may be
 * grouped with `_`.
 *
 * @throws {PolyphaseError} if it is a number that JSON cannot hold
 */
export function plainScalar(text: string): Json {
  const ungrouped = /^[-+]?[\d_]*\.?[\d_]*(e[-+]?\d+)?$/i.test(text) && /\d_\d/.test(text)
    ? text.replaceAll("_", "")
    : text;
  for (const { tagName, resolve } of [nullCoreTag, boolCoreTag, intCoreTag, floatCoreTag]) {
    const value = resolve(ungrouped, false, tagName);
    if (value === NOT_RESOLVED) continue;
    if (typeof value === "number" && !Number.isFinite(value)) {
      throw new PolyphaseError(`${text} is no number that a configuration can hold: give a finite one`);
    }
    return value;
  }
  return text;
}

/** A schema that makes trees; `shown` brings templates back. */
function treeSchema(shown: (part: string) => string): Schema {
  const scalar = (plain: boolean) => (source: string): YamlNode => ({
    kind: "scalar",
    raw: shown(source),
    plain,
  });
  const loadOnly = { identify: () => false };
  return new Schema([
    // Any text without quotes comes here; what has quotes is text for sure, and goes to the tag of text.
    defineScalarTag<YamlNode>("!plain", { ...loadOnly, implicit: true, resolve: scalar(true) }),
    defineScalarTag<YamlNode>("tag:yaml.org,2002:str", { ...loadOnly, resolve: scalar(false) }),
    defineSequenceTag<YamlNode[], YamlNode>("tag:yaml.org,2002:seq", {
      ...loadOnly,
      create: () => [],
      addItem: (items, item) => void items.push(item as YamlNode),
      finalize: (items) => ({ kind: "list", items }),
    }),
    defineMappingTag<[string, YamlNode][], YamlNode>("tag:yaml.org,2002:map", {
      ...loadOnly,
      create: () => [],
      addPair: (entries, key, value) => {
        const name = nameOf(key);
        if (name === undefined) return "a key is no name";
        entries.push([name, value as YamlNode]);
        return "";
      },
      has: (entries, key) => entries.some(([name]) => name === nameOf(key)),
      keys: () => [],
      get: () => undefined,
      finalize: (entries) => ({ kind: "map", entries }),
    }),
  ]);
}

/** The text of a key, if it is one. */
function nameOf(key: unknown): string | undefined {
  const node = key as YamlNode;
  return node.kind === "scalar" ? node.raw : undefined;
}
