/**
 * The part of `@std/cli` that the tasks use, forwarded to the tokenizer of `node:util` `parseArgs`, so that they run
 * with no network.
 *
 * Results are those of the real package for flags that are declared as string or boolean. Not shared: dotted names and
 * groups of one-letter flags.
 *
 * @module
 */

import { parseArgs as tokenize } from "node:util";

/** How {@linkcode parseArgs} reads. */
export interface ParseOptions {
  /** Other names of flags. Every name of a flag is in the result. */
  readonly alias?: Readonly<Record<string, string | readonly string[]>>;
  /** Flags without a value; `false` unless given. */
  readonly boolean?: string | readonly string[];
  /** Flags whose values are gathered in an array, `[]` unless given. */
  readonly collect?: string | readonly string[];
  /** Values of flags that are not given. */
  readonly default?: Readonly<Record<string, unknown>>;
  /** Flags that `--no-<name>` sets to `false`. */
  readonly negatable?: string | readonly string[];
  /** Flags with a value. */
  readonly string?: string | readonly string[];
  /** Is told of each argument that is not declared; if it gives `false`, the argument is left out. */
  readonly unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** Values by the names of flags; `_` holds the arguments that are no flags. */
// deno-lint-ignore no-explicit-any -- as in the real package, where it depends on the options
export type Args = Record<string, any> & { _: (string | number)[] };

/** Reads command-line arguments. */
export function parseArgs(args: string[], options: ParseOptions = {}): Args {
  const names = namesOf(options.alias ?? {});
  const strings = withAliases(options.string, names);
  const booleans = withAliases(options.boolean, names);
  const collected = withAliases(options.collect, names);
  const negatable = withAliases(options.negatable, names);
  const result: Args = { _: [] };

  const set = (key: string, value: unknown, arg: string): void => {
    const declared = strings.has(key) || booleans.has(key) || names.has(key);
    if (!declared && options.unknown?.(arg, key, value) === false) return;
    const kept = strings.has(key) ? value : numeric(value);
    for (const name of names.get(key) ?? [key]) {
      if (collected.has(name)) (result[name] ??= []).push(kept);
      else result[name] = kept;
    }
  };

  const stop = args.indexOf("--");
  const flags = stop === -1 ? args : args.slice(0, stop);
  const { tokens } = tokenize({ args: flags, strict: false, allowPositionals: true, tokens: true });
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at];
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") {
      if (options.unknown?.(token.value) !== false) result._.push(numeric(token.value) as string | number);
      continue;
    }
    const arg = flags[token.index];
    const negated = token.name.startsWith("no-") ? token.name.slice(3) : undefined;
    if (token.value !== undefined) {
      // As in the real package, "--name=" has no value: all of it is the name of an unknown flag.
      if (token.value === "") set(`${token.name}=`, true, arg);
      else set(token.name, booleans.has(token.name) ? token.value !== "false" : token.value, arg);
      continue;
    }
    if (negated !== undefined && negatable.has(negated)) {
      set(negated, false, arg);
      continue;
    }
    const next = tokens[at + 1];
    const word = next?.kind === "positional" ? next.value : undefined;
    const isTruth = word === "true" || word === "false";
    if (word && (isTruth || !booleans.has(token.name))) {
      at++;
      set(token.name, isTruth && booleans.has(token.name) ? word === "true" : word, arg);
    } else set(token.name, strings.has(token.name) ? "" : true, arg);
  }

  for (const [key, value] of Object.entries(options.default ?? {})) {
    for (const name of names.get(key) ?? [key]) if (!Object.hasOwn(result, name)) result[name] = value;
  }
  for (const name of booleans) {
    if (!Object.hasOwn(result, name)) {
      result[name] = collected.has(name) ? [] : false;
    }
  }
  for (const name of strings) if (!Object.hasOwn(result, name) && collected.has(name)) result[name] = [];
  if (stop !== -1) result._.push(...args.slice(stop + 1));
  return result;
}

/** All names of each flag that has several, by each of them. */
function namesOf(
  alias: Readonly<Record<string, string | readonly string[]>>,
): Map<string, readonly string[]> {
  const names = new Map<string, readonly string[]>();
  for (const [key, others] of Object.entries(alias)) {
    const group = [key, ...[others].flat()];
    for (const name of group) names.set(name, group);
  }
  return names;
}

function withAliases(
  flags: string | readonly string[] | undefined,
  names: Map<string, readonly string[]>,
): Set<string> {
  return new Set([flags ?? []].flat().flatMap((flag) => names.get(flag) ?? [flag]));
}

/** A number where the text is one, as the real package does with what is not declared as a string. */
function numeric(value: unknown): unknown {
  if (typeof value !== "string") return value;
  const isNumber = /^0x[0-9a-f]+$/i.test(value) || /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(e[-+]?\d+)?$/.test(value);
  return isNumber ? Number(value) : value;
}
