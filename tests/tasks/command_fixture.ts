/**
 * A task for the tests of `command`: ends in the way that its first argument names.
 *
 * @module
 */

import { AbortedError, PolyphaseError } from "../../pipeline/errors.ts";
import { command } from "../../tasks/command.ts";
import { parseFlags } from "../../tasks/flags.ts";

const endings: Record<string, (signal: AbortSignal) => Promise<void>> = {
  done: () => Promise.resolve(console.log("result")),
  flags: () => {
    const usage = {
      task: "fixture",
      summary: "Does nothing.",
      flags: [{ name: "epochs", kind: "integer", help: "Passes." }],
    };
    parseFlags(usage as Parameters<typeof parseFlags>[0], Deno.args.slice(1));
    return Promise.resolve();
  },
  polyphase: () => Promise.reject(new PolyphaseError("seen this, expected that: mend it so")),
  bug: () => Promise.reject(new TypeError("x is not a function", { cause: new RangeError("the cause") })),
  full: () => Deno.writeTextFile("/dev/full", "text"),
  missing: () => Deno.readTextFile("/nowhere/at/all").then(() => {}),
  /** Obeys the signal at the next step. */
  obeys: async (signal) => {
    console.error("working");
    while (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 10));
    throw new AbortedError("Stopped after step 7; --resume goes on from there");
  },
  /** Does not care about the signal. */
  deaf: async () => {
    console.error("working");
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  },
};

await command((signal) => endings[Deno.args[0]](signal));
