/**
 * How a cell of a sweep ends that does not finish.
 *
 * @module
 */

/** Why a cell did not finish. Not an error of the sweep: the others go on. */
export class CellFailure extends Error {
  /** Name of the class. */
  override name = "CellFailure";
  /** Whether it was told to stop. */
  readonly stopped: boolean;

  /** `message` is one line. */
  constructor(message: string, stopped: boolean) {
    super(message);
    this.stopped = stopped;
  }

  /** The failure that something thrown amounts to, where `aborted` says whether the cell had been told to stop. */
  static of(thrown: unknown, aborted: boolean): CellFailure {
    if (thrown instanceof CellFailure) return thrown;
    const name = thrown instanceof Error ? thrown.name : "";
    return new CellFailure(lineOf(thrown), aborted && (name === "AbortedError" || name === "AbortError"));
  }
}

/** Whether an error is meant for a person; by name, since a module may bring a Polyphase of its own. */
export function isMeant(error: Error): boolean {
  return ["PolyphaseError", "StageError", "AbortedError"].includes(error.name);
}

/** One line on what was thrown; the class of an error is named where it is not meant for a person. */
function lineOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown).split("\n")[0];
  const [line] = thrown.message.split("\n");
  return isMeant(thrown) ? line : line === "" ? thrown.name : `${thrown.name}: ${line}`;
}
