/**
 * A process that is a side: it answers every line on standard input, a call of {@linkcode Side} as JSON, with a line on
 * standard output.
 *
 * @module
 */

import { lines } from "./lines.ts";
import type { Side } from "./side.ts";

/** A call of a method: its name and its arguments, plain data. */
export type Call = readonly [method: string, ...args: readonly (string | number)[]];

/** Answers calls until standard input ends. `also` has methods that a side does not have by itself. */
export async function serveSide(
  side: Side,
  also: Readonly<Record<string, () => Promise<unknown>>> = {},
): Promise<void> {
  const methods: Readonly<Record<string, (argument: string | number) => Promise<unknown>>> = {
    open: (name) => side.open(String(name)),
    turn: (repeats) => side.turn(Number(repeats)),
    close: () => side.close(),
    ...also,
  };
  // Ctrl-C reaches every process of a terminal. The one that started this one tells it when to end.
  const ignore = () => {};
  Deno.addSignalListener("SIGINT", ignore);
  for await (const line of lines(Deno.stdin.readable)) {
    const [method, argument] = JSON.parse(line) as Call;
    console.log(JSON.stringify(await methods[method](argument)));
  }
  Deno.removeSignalListener("SIGINT", ignore);
}
