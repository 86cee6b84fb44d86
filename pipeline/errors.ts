/**
 * Errors that are meant for a person: one line that says what was seen, what was expected and how to mend it.
 *
 * A leaf of the module graph: every room of the house may import it.
 *
 * @module
 */

/** An error whose message is one line that names the mend. Command lines print it without a stack and exit 1. */
export class PolyphaseError extends Error {
  /** Name of the class. */
  override name = "PolyphaseError";
}

/** What a {@linkcode StageError} says: the stage, what it saw, what it expected and the mend. */
export interface StageFault {
  /** Name of the stage that could not run, for example `train`. */
  readonly stage: string;
  /** What was found, for example `50 tokens`. */
  readonly seen: string;
  /** What was needed, for example `49 (image 28, patch 4)`. */
  readonly expected: string;
  /** What the user can do about it, for example `set classToken: false`. */
  readonly mend: string;
}

/** A stage met input that it cannot work on. */
export class StageError extends PolyphaseError {
  /** Name of the class. */
  override name = "StageError";
  /** The parts that the message was made of. */
  readonly fault: StageFault;

  /** Makes the one-line message from its parts. */
  constructor(fault: StageFault) {
    super(`Cannot run stage "${fault.stage}": ${fault.seen}, expected ${fault.expected}: ${fault.mend}`);
    this.fault = fault;
  }
}

/** Work was stopped by its `AbortSignal`; what was done so far is in the last checkpoint, if there is a store. */
export class AbortedError extends PolyphaseError {
  /** Name of the class. */
  override name = "AbortedError";
}
