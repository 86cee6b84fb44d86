/**
 * What the main thread and the workers of a sweep say to each other.
 *
 * Files stay with the main thread: a worker asks for them, and waits for the answer.
 *
 * @module
 */

import type { ProgressEvent } from "../pipe.ts";
import type { SweepSource } from "./source.ts";

/** What a worker is told. */
export type Order =
  /** Take the cells of a source; `cores` is this worker's share of the machine. Comes first. */
  | { readonly kind: "begin"; readonly source: SweepSource; readonly cores: number }
  /** Run a cell. One at a time. */
  | { readonly kind: "run"; readonly slug: string }
  /** Stop the cell that is running. */
  | { readonly kind: "stop" }
  /** The answer to what it asked: the bytes of a file if it is there, or why it could not be done. */
  | {
    readonly kind: "reply";
    readonly id: number;
    readonly bytes?: Uint8Array<ArrayBuffer>;
    readonly fault?: string;
  };

/** What a worker says. */
export type Word =
  /** How its cell goes. */
  | { readonly kind: "progress"; readonly event: ProgressEvent }
  /** It asks for a file of its cell. */
  | ({ readonly kind: "ask"; readonly id: number } & FileRequest)
  /** Its cell is done. `text` is the result as JSON. */
  | { readonly kind: "done"; readonly text: string }
  /** Its cell failed, or was stopped. `text` is one line. */
  | { readonly kind: "failed"; readonly text: string; readonly stopped: boolean };

/** What can be done with a file. */
export type FileRequest =
  | { readonly action: "read" | "remove"; readonly name: string }
  | { readonly action: "write"; readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> };
