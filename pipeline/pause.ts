/**
 * What happens between two pieces of long work: others get a turn, and who is told to stop, stops.
 *
 * @module
 */

import { breathe } from "./breathe.ts";
import { AbortedError } from "./errors.ts";
import type { Run } from "./pipe.ts";

/**
 * Is awaited between pieces of long work with how many are done and how many there are, to give others a turn; work that
 * is to stop ends with what it throws.
 */
export type Between = (done: number, total: number) => Promise<void>;

/**
 * The pauses of a stage that comes after the training: each says how far it is, lets the event loop turn and throws an
 * {@linkcode AbortedError} where the run is to stop.
 *
 * @param stage name of the stage
 * @param text what it is doing
 */
export function pauses({ signal, progress }: Run, stage: string, text: string): Between {
  return async (done, total) => {
    progress({ stage, text, done, total });
    await breathe();
    if (signal.aborted) throw stoppedIn(stage);
  };
}

/** The error of a stage after the training that was told to stop. */
export function stoppedIn(stage: string): AbortedError {
  return new AbortedError(`Stopped in stage "${stage}": resume to go on after the training`);
}
