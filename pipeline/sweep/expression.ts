/**
 * Expressions of a sweep's file, such as `hidden % heads == 0 and layers < 16`: read and worked out here, so that no
 * code of a file is ever run.
 *
 * They are a part of Python's: `or`, `and`, `not`, comparisons (also chained), `+ - * / // %`, parentheses, numbers,
 * strings in either quotes, `true`, `false` and `null` (also as `True`, `False`, `None`), and variables as `name` or
 * `${name}`. `//` and `%` round towards minus infinity.
 *
 * @module
 */

import { nearestName } from "../../datasets/nearest.ts";
import { PolyphaseError } from "../errors.ts";
import { canonicalJson, type Json, type JsonObject } from "../json.ts";

/** An expression that was read. */
export interface Expression {
  /** Its text. */
  readonly text: string;
  /** The variables that stand in it, each once. */
  readonly names: readonly string[];
  /**
   * Its value.
   *
   * @throws {PolyphaseError} if a variable is not among `variables`, or an operation does not go with its operands
   */
  evaluate(variables: JsonObject): Json;
}

type Node = (variables: JsonObject) => Json;

interface Token {
  readonly kind: "number" | "string" | "name" | "sign" | "end";
  readonly text: string;
  readonly at: number;
}

const TOKEN =
  /\s*(?:(?<number>(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][-+]?\d+)?)|(?<string>"[^"]*"|'[^']*')|\$\{\s*(?<braced>[A-Za-z_]\w*)\s*\}|(?<name>[A-Za-z_]\w*)|(?<sign>\/\/|==|!=|<=|>=|[-+*\/%<>()]))/y;

const LITERALS: Readonly<Record<string, Json>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  null: null,
  None: null,
};

const WORDS = ["and", "or", "not"];
const COMPARISONS = ["==", "!=", "<", "<=", ">", ">="];

/**
 * Reads an expression.
 *
 * @example
 * ```ts
 * import { parseExpression } from "./expression.ts";
 *
 * const fits = parseExpression("${hidden} % ${heads} == 0");
 * if (fits.evaluate({ hidden: 256, heads: 12 }) !== false) throw new Error("unexpected");
 * ```
 *
 * @throws {PolyphaseError} if it cannot be read; the message says where
 */
export function parseExpression(text: string): Expression {
  const tokens = tokensOf(text);
  const names = new Set<string>();
  let place = 0;
  const next = () => tokens[place];
  const isNext = (...signs: readonly string[]) => {
    const { kind, text } = next();
    return kind !== "string" && signs.includes(text);
  };
  const take = () => tokens[place++];
  const refuse = (expected: string): never => {
    const { kind, text: seen, at } = next();
    const found = kind === "end" ? "the end" : `"${seen}"`;
    throw new PolyphaseError(
      `Cannot read "${text}": ${found} at character ${at + 1}, expected ${expected}: mend it there`,
    );
  };

  const either = (): Node => {
    const parts = [both()];
    while (isNext("or")) take(), parts.push(both());
    return parts.length === 1 ? parts[0] : (variables) => parts.some((part) => isTrue(part(variables)));
  };
  const both = (): Node => {
    const parts = [negation()];
    while (isNext("and")) take(), parts.push(negation());
    return parts.length === 1 ? parts[0] : (variables) => parts.every((part) => isTrue(part(variables)));
  };
  const negation = (): Node => {
    if (!isNext("not")) return comparison();
    take();
    const part = negation();
    return (variables) => !isTrue(part(variables));
  };
  const comparison = (): Node => {
    const first = sum();
    const links: { sign: string; right: Node }[] = [];
    while (isNext(...COMPARISONS)) links.push({ sign: take().text, right: sum() });
    if (links.length === 0) return first;
    return (variables) => {
      let left = first(variables);
      for (const { sign, right } of links) {
        const value = right(variables);
        if (!compare(text, left, sign, value)) return false;
        left = value;
      }
      return true;
    };
  };
  const chain = (part: () => Node, signs: readonly string[]) => (): Node => {
    let left = part();
    while (isNext(...signs)) {
      const [before, { text: sign }, right] = [left, take(), part()];
      left = (variables) => calculate(text, before(variables), sign, right(variables));
    }
    return left;
  };
  const signed = (): Node => {
    if (!isNext("-", "+")) return single();
    const { text: sign } = take();
    const part = signed();
    return (variables) => calculate(text, 0, sign, part(variables));
  };
  const product = chain(signed, ["*", "/", "//", "%"]);
  const sum = chain(product, ["+", "-"]);
  const single = (): Node => {
    if (isNext("(")) {
      take();
      const inner = either();
      if (!isNext(")")) refuse('")"');
      take();
      return inner;
    }
    const { kind, text: seen } = next();
    if (kind === "end" || kind === "sign" || (kind === "name" && WORDS.includes(seen))) refuse("a value");
    take();
    if (kind === "number") return constant(finite(text, Number(seen.replaceAll("_", ""))));
    if (kind === "string") return constant(seen);
    if (Object.hasOwn(LITERALS, seen)) return constant(LITERALS[seen]);
    names.add(seen);
    return (variables) => {
      if (Object.hasOwn(variables, seen)) return variables[seen];
      throw new PolyphaseError(
        `"${text}" has no variable "${seen}": ${suggestion(seen, Object.keys(variables))}`,
      );
    };
  };

  const whole = either();
  if (next().kind !== "end") refuse("an operator or the end");
  return { text, names: [...names], evaluate: whole };
}

/** What to say of an unknown name: which known one comes nearest. */
export function suggestion(name: string, known: readonly string[]): string {
  return known.length === 0 ? "there are none" : `did you mean ${nearestName(name, known)}?`;
}

/** Whether a value counts as true: all but `false`, `null`, 0, empty text and empty lists and maps. */
export function isTrue(value: Json): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (text.slice(at).trim() !== "") {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(text);
    if (found === null) {
      const start = at + text.slice(at).search(/\S/);
      throw new PolyphaseError(
        `Cannot read "${text}": "${text[start]}" at character ${start + 1} means nothing here: ` +
          "write + - * / // %, comparisons, and, or, not, parentheses, numbers, strings and variables",
      );
    }
    const { number, string, braced, name, sign } = found.groups!;
    const start = TOKEN.lastIndex - found[0].trimStart().length;
    if (number !== undefined) tokens.push({ kind: "number", text: number, at: start });
    else if (string !== undefined) tokens.push({ kind: "string", text: string.slice(1, -1), at: start });
    else if (sign !== undefined) tokens.push({ kind: "sign", text: sign, at: start });
    else tokens.push({ kind: "name", text: braced ?? name, at: start });
    at = TOKEN.lastIndex;
  }
  return [...tokens, { kind: "end", text: "", at: text.length }];
}

function constant(value: Json): Node {
  return () => value;
}

function compare(text: string, left: Json, sign: string, right: Json): boolean {
  if (sign === "==") return canonicalJson(left) === canonicalJson(right);
  if (sign === "!=") return canonicalJson(left) !== canonicalJson(right);
  const isOrdered = (typeof left === "number" && typeof right === "number") ||
    (typeof left === "string" && typeof right === "string");
  if (!isOrdered) throw misfit(text, left, sign, right, "two numbers or two strings");
  if (sign === "<") return left < right;
  if (sign === "<=") return left <= right;
  return sign === ">" ? left > right : left >= right;
}

function calculate(text: string, left: Json, sign: string, right: Json): Json {
  if (sign === "+" && typeof left === "string" && typeof right === "string") return left + right;
  if (typeof left !== "number" || typeof right !== "number") {
    throw misfit(text, left, sign, right, "two numbers");
  }
  if (sign === "+") return finite(text, left + right);
  if (sign === "-") return finite(text, left - right);
  if (sign === "*") return finite(text, left * right);
  if (right === 0) {
    throw new PolyphaseError(
      `"${text}" divides ${left} by 0: leave that out before, with \`... != 0 and ...\``,
    );
  }
  const quotient = finite(text, left / right);
  if (sign === "/") return quotient;
  return sign === "//" ? Math.floor(quotient) : left - right * Math.floor(quotient);
}

/** Refuses what no configuration can hold, before it is in one. */
function finite(text: string, value: number): number {
  if (Number.isFinite(value)) return value;
  throw new PolyphaseError(
    `"${text}" comes to ${value}, which no configuration can hold: use smaller numbers`,
  );
}

function misfit(text: string, left: Json, sign: string, right: Json, expected: string): PolyphaseError {
  const pair = `${JSON.stringify(left)} ${sign} ${JSON.stringify(right)}`;
  return new PolyphaseError(
    `"${text}" comes to ${pair}, expected ${expected}: compare or calculate with those`,
  );
}
