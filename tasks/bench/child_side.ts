/**
 * A side that runs in a process of its own, so that nothing of ours is in its memory or its compiled code.
 *
 * @module
 */

import { lines } from "./lines.ts";
import type { Call } from "./serve_side.ts";
import type { Memory, Side } from "./side.ts";

/** A side that runs in a child process. */
export interface ChildSide extends Side {
  /** Calls a method that this side has beside those of every side. */
  call(...call: Call): Promise<unknown>;
  /** Ends the process. */
  end(): Promise<void>;
}

/**
 * Starts a child process. While its side has no turn it only waits.
 *
 * @param name what runs there, for a person
 * @param script the module that serves it
 * @param args arguments of that module
 */
export function childSide(name: string, script: URL, args: readonly string[] = []): ChildSide {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--allow-all",
      "--config",
      pathOf(new URL("../../deno.json", import.meta.url)),
      pathOf(script),
      ...args,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  const answers = lines(child.stdout);
  const encoder = new TextEncoder();
  async function call(...call: Call): Promise<unknown> {
    // A process that has ended refuses the line; that it gives no answer says so too.
    await writer.write(encoder.encode(`${JSON.stringify(call)}\n`)).catch(() => {});
    const { done, value } = await answers.next();
    if (done) {
      const { code } = await child.status;
      throw new Error(`The process of ${name} ended with code ${code} instead of answering`);
    }
    return JSON.parse(value);
  }
  return {
    call,
    open: async (subject) => await call("open", subject) as string | null,
    turn: async (repeats) => await call("turn", repeats) as number,
    close: async () => await call("close") as Memory | null,
    async end() {
      await writer.close().catch(() => {});
      await answers.return(undefined);
      await child.status;
    },
  };
}

function pathOf(url: URL): string {
  const path = decodeURIComponent(url.pathname);
  return Deno.build.os === "windows" ? path.slice(1) : path;
}
