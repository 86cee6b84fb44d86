/**
 * Filling the `${...}` of a YAML tree with the values of a cell.
 *
 * @module
 */

import { PolyphaseError } from "../errors.ts";
import type { Json, JsonObject } from "../json.ts";
import { type Expression, parseExpression } from "./expression.ts";
import { plainScalar, type YamlNode } from "./yaml_library.ts";

/** A value of an axis, and how it was written. */
export interface WrittenValue {
  /** The value. */
  readonly value: Json;
  /** Its text: what stands in slugs, and in the middle of other text. */
  readonly raw: string;
}

/** The values of a cell, by axis. */
export type Variables = Readonly<Record<string, WrittenValue>>;

const TEMPLATE = /\$\{([^}]*)\}/g;

/**
 * The variables that stand in a tree.
 *
 * @throws {PolyphaseError} if an expression cannot be read
 */
export function namesIn(node: YamlNode): Set<string> {
  if (node.kind === "list") return new Set(node.items.flatMap((item) => [...namesIn(item)]));
  if (node.kind === "map") return new Set(node.entries.flatMap(([, value]) => [...namesIn(value)]));
  if (node.raw.replace(TEMPLATE, "").includes("${")) {
    throw new PolyphaseError(`"${node.raw}" has a "\${" without its "}": close it in the same line`);
  }
  return new Set([...node.raw.matchAll(TEMPLATE)].flatMap(([, inner]) => parseExpression(inner).names));
}

/**
 * The value of a tree, with every `${...}` filled.
 *
 * A value that is one `${...}` and nothing else takes what it comes to as it is, a number or a list. In the middle of
 * other text a variable stands as it was written, and the text is read as if it had stood in the file.
 *
 * @throws {PolyphaseError} if an expression cannot be read or worked out
 */
export function filled(node: YamlNode, variables: Variables): Json {
  if (node.kind === "list") return node.items.map((item) => filled(item, variables));
  if (node.kind === "map") {
    return Object.fromEntries(node.entries.map(([key, value]) => [key, filled(value, variables)]));
  }
  const { raw, plain } = node;
  const values = Object.fromEntries(Object.entries(variables).map(([name, { value }]) => [name, value]));
  const [whole] = plain ? raw.match(/^\$\{[^}]*\}$/) ?? [] : [];
  if (whole !== undefined) return parseExpression(whole.slice(2, -1)).evaluate(values);
  const text = raw.replace(TEMPLATE, (_, inner: string) => textOf(parseExpression(inner), values, variables));
  return plain ? plainScalar(text) : text;
}

/** A tree as a value of an axis: what it is, and how it was written. */
export function written(node: YamlNode): WrittenValue {
  return { value: filled(node, {}), raw: rawOf(node) };
}

function rawOf(node: YamlNode): string {
  if (node.kind === "scalar") return node.raw;
  if (node.kind === "list") return `[${node.items.map(rawOf).join(", ")}]`;
  return `{${node.entries.map(([key, value]) => `${key}: ${rawOf(value)}`).join(", ")}}`;
}

function textOf(expression: Expression, values: JsonObject, variables: Variables): string {
  const value = expression.evaluate(values);
  const [name] = expression.names;
  // A lone variable keeps its writing: 0.0 stays 0.0.
  if (expression.text.trim() === name) return variables[name].raw;
  return typeof value === "string" ? value : JSON.stringify(value);
}
