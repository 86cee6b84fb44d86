/**
 * Reads the flags of a command line by their description.
 *
 * @module
 */

import { parseArgs } from "@std/cli";
import { closest, distance } from "fastest-levenshtein";
import { PolyphaseError } from "../pipeline/errors.ts";
import {
  type Flag,
  type FlagValues,
  HELP,
  isOn,
  type ListFlag,
  type NumberFlag,
  type StringFlag,
  type Usage,
} from "./flag.ts";
import { helpText, synopsis } from "./help.ts";

/** A command line that cannot be understood. Commands print it in one line and exit 2. */
export class UsageError extends PolyphaseError {
  /** Name of the class. */
  override name = "UsageError";
}

/** Somebody asked for help. The message is the help text; commands print it and exit 0. */
export class HelpRequest extends Error {
  /** Name of the class. */
  override name = "HelpRequest";
}

/**
 * The values of the flags in `args`. `--name value` and `--name=value` mean the same; the last of several counts.
 *
 * @throws {HelpRequest} if `--help` or `-h` is among them
 * @throws {UsageError} if a flag is unknown, stands where it must not, or has a value that it cannot have
 */
export function parseFlags<const Flags extends readonly Flag[]>(
  usage: Usage<Flags>,
  args: readonly string[],
): FlagValues<Flags> {
  if (args.includes("--help") || args.includes("-h")) throw new HelpRequest(helpText(usage));
  const flags = [...usage.flags, HELP];
  const names = (test: (flag: Flag) => boolean) => flags.filter(test).map((flag) => flag.name);
  const given = new Set<string>();
  const parsed = parseArgs(joinValues(flags, args, given), {
    boolean: names((flag) => flag.kind === "boolean"),
    string: names((flag) => flag.kind !== "boolean"),
    collect: names((flag) => flag.kind === "list"),
    negatable: names((flag) => flag.kind === "boolean" && flag.default === true),
    unknown: (arg) => {
      throw new UsageError(`${unknownFlag(arg, flags)} See --help.`);
    },
  });
  const stray = parsed._[0];
  if (stray !== undefined) throw new UsageError(`${unknownFlag(String(stray), flags)} See --help.`);
  for (const flag of usage.flags) {
    const other = given.has(flag.name) ? flag.excludes?.find((name) => given.has(name)) : undefined;
    if (other !== undefined) {
      throw new UsageError(`--${flag.name} and --${other} exclude each other: give one of them. See --help.`);
    }
  }
  const values = usage.flags.map((flag) => [
    camel(flag.name),
    given.has(flag.name)
      ? valueOf(flag, parsed[flag.name])
      : flag.default ?? (flag.kind === "boolean" ? false : undefined),
  ]);
  return Object.fromEntries(values) as FlagValues<Flags>;
}

/** Writes each value behind its flag with "=", so that a value may begin with a dash, and notes which flags are given. */
function joinValues(flags: readonly Flag[], args: readonly string[], given: Set<string>): string[] {
  const joined: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const [, name, value] = args[at].match(/^--([^=]+)(?:=(.*))?$/s) ?? [];
    const flag = flags.find((each) => each.name === name || (isOn(each) && name === `no-${each.name}`));
    if (flag === undefined) {
      joined.push(args[at]);
      continue;
    }
    given.add(flag.name);
    if (name !== flag.name && value !== undefined) {
      throw new UsageError(
        `--${name} takes no value: write --${name} or --${flag.name}=${value}. See --help.`,
      );
    }
    if (flag.kind === "boolean") {
      if (value !== undefined && value !== "true" && value !== "false") {
        throw new UsageError(`--${name} is on or off, not "${value}": give it without a value. See --help.`);
      }
      joined.push(args[at]);
      // Whatever follows is not its value, as it would be to the parser if it were "true" or "false".
      if (args[at + 1] === "true" || args[at + 1] === "false") {
        throw new UsageError(`"${args[at + 1]}" is not a flag: write --${name}=${args[at + 1]}. See --help.`);
      }
      continue;
    }
    const text = value ?? (/^--\D/.test(args[at + 1] ?? "--none") ? "" : args[++at]);
    if (text === "") throw new UsageError(`--${name} needs a value: ${synopsis(flag)}. See --help.`);
    joined.push(`--${name}=${text}`);
  }
  return joined;
}

function valueOf(flag: Flag, raw: unknown): unknown {
  if (flag.kind === "boolean") return raw;
  if (flag.kind !== "list") return checked(flag, flag.kind, raw as string);
  const texts = (raw as string[]).flatMap((text) => text.split(",")).map((text) => text.trim());
  return texts.map((text) => checked(flag, flag.of, text));
}

function checked(
  flag: StringFlag | NumberFlag | ListFlag,
  kind: "string" | "integer" | "number",
  text: string,
): unknown {
  const refuse = (expected: string) =>
    new UsageError(`--${flag.name}: "${text}" is not ${expected}. See --help.`);
  if (kind === "string") {
    const choices = "choices" in flag ? flag.choices : undefined;
    if (choices !== undefined && !choices.includes(text)) throw refuse(`one of ${choices.join(", ")}`);
    if (text === "") throw refuse("a name");
    return text;
  }
  const { min = -Infinity, max = Infinity } = flag as NumberFlag | ListFlag;
  const value = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : NaN;
  const isRight = kind === "integer" ? Number.isSafeInteger(value) : Number.isFinite(value);
  if (!isRight || value < min || value > max) {
    const noun = kind === "integer" ? "an integer" : "a number";
    const range = min === -Infinity
      ? (max === Infinity ? "" : ` of ${max} or less`)
      : max === Infinity
      ? ` of ${min} or more`
      : ` from ${min} to ${max}`;
    throw refuse(noun + range);
  }
  return value;
}

function unknownFlag(arg: string, flags: readonly Flag[]): string {
  if (!arg.startsWith("-")) return `"${arg}" is not a flag: flags begin with two dashes.`;
  const sign = arg.replace(/=.*$/s, "");
  const name = sign.replace(/^-+/, "");
  const known = flags.flatMap((flag) => isOn(flag) ? [flag.name, `no-${flag.name}`] : [flag.name]);
  if (name.startsWith("no-") && known.includes(name.slice(3))) {
    return `Unknown flag ${sign}: leave out --${name.slice(3)} instead.`;
  }
  const part = known.find((each) => each.startsWith(name) || name.startsWith(each));
  const nearest = part ?? closest(name, known);
  // Half of the letters wrong is a different word, not a slip.
  const isNear = part !== undefined || distance(name, nearest) <= Math.max(2, Math.floor(nearest.length / 2));
  return isNear ? `Unknown flag ${sign}: did you mean --${nearest}?` : `Unknown flag ${sign}.`;
}

function camel(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
