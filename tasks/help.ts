/**
 * The text that `--help` shows, made of the description of the flags.
 *
 * @module
 */

import { type Flag, HELP, isOn, type Usage } from "./flag.ts";

const COLUMNS = 100;

/** What `--help` shows: the flags by group, with their values and defaults in columns. */
export function helpText(usage: Usage): string {
  const groups = new Map<string, Flag[]>();
  for (const flag of [...usage.flags, HELP]) {
    const heading = flag.group ?? "Options";
    groups.set(heading, [...groups.get(heading) ?? [], flag]);
  }
  const width = Math.max(...[...usage.flags, HELP].map((flag) => synopsis(flag).length)) + 4;
  const lines = [`Usage: deno task ${usage.task} [flags]`, "", ...wrap(usage.summary, COLUMNS)];
  for (const [heading, members] of groups) {
    lines.push("", `${heading}:`);
    for (const flag of members) {
      const [first, ...rest] = wrap(description(flag), COLUMNS - width);
      lines.push(
        `  ${synopsis(flag)}`.padEnd(width) + first,
        ...rest.map((line) => " ".repeat(width) + line),
      );
    }
  }
  if (usage.notes !== undefined) lines.push("", usage.notes.trimEnd());
  return lines.join("\n");
}

/** How a flag is written: `--epochs N`. */
export function synopsis(flag: Flag): string {
  if (flag.kind === "boolean") return isOn(flag) ? `--no-${flag.name}` : `--${flag.name}`;
  if (flag.placeholder !== undefined) return `--${flag.name} ${flag.placeholder}`;
  if (flag.kind === "list") return `--${flag.name} ${flag.of === "string" ? "NAME,…" : "N,…"}`;
  if (flag.kind === "string") {
    const choices = flag.choices?.join("|");
    return `--${flag.name} ${choices !== undefined && choices.length <= 24 ? choices : "TEXT"}`;
  }
  return `--${flag.name} N`;
}

function description(flag: Flag): string {
  if (flag.kind === "boolean") return flag.help;
  const choices = "choices" in flag && flag.choices !== undefined && !synopsis(flag).includes("|")
    ? ` One of ${flag.choices.join(", ")}.`
    : "";
  const value = flag.default;
  const text = Array.isArray(value) ? value.join(",") : value;
  return `${flag.help}${choices}${text === undefined ? "" : ` [default: ${text}]`}`;
}

function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const last = lines[lines.length - 1];
    if (last === "") lines[lines.length - 1] = word;
    else if (last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
