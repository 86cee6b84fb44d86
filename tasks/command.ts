/**
 * What wraps every task: signals, exit codes, and errors in one line where a person can mend them.
 *
 * Exit codes: 0 done, 1 failed, 2 the command line was not understood, 130 stopped by a signal.
 *
 * @module
 */

import { AbortedError, PolyphaseError } from "../pipeline/errors.ts";
import { fileFault } from "./file_fault.ts";
import { HelpRequest, UsageError } from "./flags.ts";

/** How a task ends: what is printed, on which stream, and with which exit code. */
export interface Ending {
  /** Text for the stream, without a line end. */
  readonly text: string;
  /** Where the text goes. */
  readonly stream: "stdout" | "stderr";
  /** Exit code of the process. */
  readonly code: number;
}

const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM"];

/**
 * Runs a task and ends the process if it fails. The first SIGINT or SIGTERM aborts `signal`, the second exits at once.
 *
 * @param main the task; whatever it throws becomes an {@linkcode Ending}
 */
export async function command(main: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) Deno.exit(130);
    // A new line first: the terminal may be in the middle of a progress bar.
    console.error(`${Deno.stderr.isTerminal() ? "\n" : ""}Stopping after this step; again to stop at once.`);
    controller.abort(new AbortedError("Stopped"));
  };
  for (const name of SIGNALS) Deno.addSignalListener(name, stop);
  try {
    await main(controller.signal);
  } catch (thrown) {
    const { text, stream, code } = endingOf(thrown, controller.signal.aborted);
    if (stream === "stdout") console.log(text);
    else console.error(text);
    // Not only the exit code is set: workers and sockets of a failed task must not hold the process.
    Deno.exit(code);
  } finally {
    for (const name of SIGNALS) Deno.removeSignalListener(name, stop);
  }
}

/**
 * How a task ends that threw `thrown`.
 *
 * @param thrown what it threw
 * @param stopped whether a signal had told it to stop
 */
export function endingOf(thrown: unknown, stopped = false): Ending {
  const failed = (text: string, code: number): Ending => ({ text, stream: "stderr", code });
  if (thrown instanceof HelpRequest) return { text: thrown.message, stream: "stdout", code: 0 };
  if (thrown instanceof UsageError) return failed(`error: ${thrown.message}`, 2);
  if (thrown instanceof AbortedError) return failed(thrown.message, 130);
  if (stopped && thrown instanceof Error && thrown.name === "AbortError") return failed("Stopped", 130);
  if (thrown instanceof PolyphaseError) return failed(`error: ${thrown.message}`, 1);
  const fault = fileFault(thrown);
  if (fault !== undefined) return failed(`error: ${fault.message}`, 1);
  if (!(thrown instanceof Error)) {
    return failed(`error: ${String(thrown)}\nThis is a bug: please report it with this line.`, 1);
  }
  const message = thrown.message === "" ? thrown.name : thrown.message;
  return failed(
    `error: ${message}\nThis is a bug: please report it with these lines.\n${stackOf(thrown)}`,
    1,
  );
}

/** The stack of an error and of its causes. */
function stackOf(error: Error): string {
  const stack = error.stack ?? String(error);
  return error.cause instanceof Error ? `${stack}\nCaused by: ${stackOf(error.cause)}` : stack;
}
