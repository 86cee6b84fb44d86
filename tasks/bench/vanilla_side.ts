/**
 * Vanilla TensorFlow.js as a side of the comparison, in a child process.
 *
 * @module
 */

import { lines } from "./lines.ts";
import type { Memory, OpSide } from "./op_side.ts";
import type { OpCall } from "./vanilla_ops.ts";

/** A side that runs in a child process. */
export interface ChildSide extends OpSide {
  /** Ends the process. */
  end(): Promise<void>;
}

/** Starts the child process. While this side has no turn it only waits. */
export function vanillaSide(): ChildSide {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--allow-all",
      "--config",
      pathOf(new URL("../../deno.json", import.meta.url)),
      pathOf(new URL("vanilla_ops.ts", import.meta.url)),
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  const answers = lines(child.stdout);
  const encoder = new TextEncoder();
  async function call(...call: OpCall): Promise<unknown> {
    // A process that has ended refuses the line; that it gives no answer says so too.
    await writer.write(encoder.encode(`${JSON.stringify(call)}\n`)).catch(() => {});
    const { done, value } = await answers.next();
    if (done) {
      const { code } = await child.status;
      throw new Error(`The process of vanilla TensorFlow.js ended with code ${code} instead of answering`);
    }
    return JSON.parse(value);
  }
  return {
    open: async (name) => await call("open", name) as boolean,
    turn: async (repeats) => await call("turn", repeats) as number,
    close: async () => await call("close") as Memory,
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
